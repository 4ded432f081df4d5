import CanonicalJSON
import Ethereum
import HTTPClient
import Keychain

/// Why a node gave no result.
enum ChainError: Error, Sendable {
  /// No whole answer.
  case transport(HTTPClientError)
  /// An answer that is not 200.
  case status(Int, retryAfter: Int64?)
  /// Not the JSON-RPC answer to what was asked.
  case malformed(String)
  /// The node's own error. The text is a stranger's, at most ``maxTextBytes``, with secrets redacted.
  case node(code: Int64, message: String, data: [UInt8]?)
  /// A placeholder of the route cannot be filled.
  case secret(SecretFailure)
  /// The node serves another chain than the route says.
  case wrongChain(expected: Int64, actual: String)

  static let maxTextBytes = 512

  /// Whether asking again a little later may help.
  var isTransient: Bool {
    switch self {
    case .transport(let error):
      switch error.kind {
      case .url, .request, .plainHTTPRefused, .addressRefused, .cancelled, .clientStopped: false
      default: true
      }
    case .status(let status, _): status == 429 || status >= 500
    case .malformed: true
    case .node, .secret, .wrongChain: false
    }
  }

  /// Whether the node says that the contract undid the call: geth's code 3, or what others write.
  var isRevert: Bool {
    guard case .node(let code, let message, let data) = self else { return false }
    return code == 3 || data != nil || message.lowercased().contains("revert")
  }

  /// In our own words, without the node's: this may stand in the log for ever.
  var reason: String {
    switch self {
    case .transport(let error): error.description
    case .status(let status, _): "the node answered with status \(status)"
    case .malformed(let what): "the node's answer is no JSON-RPC answer: \(what)"
    case .node(let code, _, _): "the node answered with error \(code)"
    case .secret(let failure): failure.description
    case .wrongChain(let expected, let actual): "the node serves chain \(actual), not \(expected)"
    }
  }

  /// For a tool.
  var hostCallError: HostCallError {
    switch self {
    case .transport(let error): return HostCallError(error)
    case .status(let status, let retryAfter):
      var details: JSONObject = ["status": .integer(Int64(status))]
      details["retryAfter"] = retryAfter.map(JSON.integer)
      return HostCallError(status == 429 ? "rate_limited" : "upstream", reason, details: details)
    case .malformed: return HostCallError("upstream", reason)
    case .node(let code, let message, let data):
      var details: JSONObject = ["status": 200, "rpc": .integer(code)]
      details["data"] = data.map { .string(HexText.encode($0.prefix(4096))) }
      return HostCallError("upstream", "\(reason): \(message)", details: details)
    case .secret(let failure): return HostCallError(failure.code, failure.description)
    case .wrongChain: return HostCallError("upstream", reason)
    }
  }
}
