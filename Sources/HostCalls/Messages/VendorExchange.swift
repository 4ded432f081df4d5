import CanonicalJSON
import HTTPClient
import Keychain

/// One request to a vendor's service and what its answer says. The answer's own words go nowhere: what is taken from it is
/// of a shape that is known, so that nothing which a peer reflects reaches a log.
struct VendorExchange: Sendable {
  static let maxResponseBytes = 1 << 20

  var client: HTTPClient
  var egress: EgressPolicy

  /// An answer that arrived whole.
  struct Answer {
    var status: Int
    /// The body, where it is announced as JSON and is an object.
    var json: JSON?
    /// Seconds, of a `Retry-After` that is a number.
    var retryAfter: Int64?

    var isSuccess: Bool { (200..<300).contains(status) }

    /// `status`, and `retryAfter` where there is one.
    var facts: JSONObject {
      var facts: JSONObject = ["status": .integer(Int64(status))]
      facts["retryAfter"] = retryAfter.map { .integer($0) }
      return facts
    }
  }

  func send(_ request: HTTPClientRequest) async throws(HTTPClientError) -> Answer {
    var request = request
    request.maxResponseBytes = Self.maxResponseBytes
    request.followRedirects = 0
    let response = try await client.send(request, policy: egress)
    var answer = Answer(status: response.status)
    let type = (response.header("Content-Type") ?? "").lowercased().prefix { $0 != ";" && $0 != " " }
    if type == "application/json" {
      let json = try? JSON(parsing: response.body, limits: .document(maxBytes: Self.maxResponseBytes))
      if json?.object != nil { answer.json = json }
    }
    if let seconds = response.header("Retry-After").flatMap({ Int64($0) }), (0...86_400).contains(seconds) {
      answer.retryAfter = seconds
    }
    return answer
  }

  /// What became of a change that the service did not confirm: it says so itself (`isSpoken`: in its own shape), or who
  /// knows. A gateway in between, or a service that broke while it worked, does not know either.
  static func unconfirmed(_ answer: Answer, isSpoken: Bool, _ facts: JSONObject) -> ExecutionOutcome {
    var result = answer.facts
    for (name, value) in facts { result[name] = value }
    switch answer.status {
    case 300..<500: return .failed(result: result, opening: nil)
    case 503 where isSpoken: return .failed(result: result, opening: nil)
    default:
      result["reason"] = "the answer is not the service's, or says nothing of the message"
      return .unknown(result: result)
    }
  }
}

extension ExecutionOutcome {
  static func failed(_ reason: String) -> ExecutionOutcome {
    .failed(result: ["reason": .string(reason)], opening: nil)
  }

  static func unknown(_ reason: String) -> ExecutionOutcome { .unknown(result: ["reason": .string(reason)]) }

  /// No complete answer. The client's sentences name hosts and addresses, never a path, a header or a body.
  static func undone(_ error: HTTPClientError) -> ExecutionOutcome {
    error.mayHaveBeenSent ? .unknown("\(error)") : .failed("\(error)")
  }

  /// After a stop in the middle of an execution.
  static var interrupted: ExecutionOutcome { .unknown("the box stopped while the message was under way") }
}

extension ExecutionOrder {
  /// Where the community's messages may go. A tool names the endpoints of pushes, so as with ``HTTPRequestExecutor``
  /// no name leads to an address that the settings name.
  var messageEgress: EgressPolicy { HTTPRequestExecutor.egress(of: self) }

  /// The same for the mail server: the owners name it in the settings, as they name the addresses, so its name may lead
  /// to one of them.
  var mailEgress: EgressPolicy { .publicInternet(and: policy.egress + settings.egress) }
}
