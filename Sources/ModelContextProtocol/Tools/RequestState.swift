import CanonicalJSON
import Cryptography

/// What a client hands back with a call that it repeats (`requestState` of revision 2026-07-28): which run the call
/// started. Sealed under a key derived from the box client's token, so that nobody can make one up and no other call can
/// carry it, and so that any process with that token can go on with it.
struct RequestState: Sendable, Hashable {
  var run: String
  var tool: String
  /// Of the call's arguments, canonical.
  var arguments: SHA256Digest
  /// Proposals that the client has been told of.
  var told: [String]

  static let maxBytes = 16 << 10
  static let maxTold = 128

  private var json: JSON {
    [
      "arguments": .string(arguments.hex), "run": .string(run), "told": .array(told.map(JSON.string)),
      "tool": .string(tool), "v": 1,
    ]
  }

  func sealed(_ key: SecretBytes) -> String {
    let payload = Base64.encodeURL(json.canonicalBytes())
    let code = HMACSHA256.authenticationCode(for: Array(payload.utf8), key: key)
    return payload + "." + Base64.encodeURL(code)
  }

  /// Opens what `sealed` has made with that key. Nil for anything else: why is nobody's business.
  init?(_ text: String, key: SecretBytes) {
    guard text.utf8.count <= Self.maxBytes else { return nil }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, let code = Base64.decodeURL(parts[1]),
      HMACSHA256.isValid(code, for: Array(parts[0].utf8), key: key), let payload = Base64.decodeURL(parts[0]),
      let json = try? JSON(parsing: payload, limits: .document(maxBytes: Self.maxBytes)), json["v"] == 1,
      let run = json["run"]?.string, RunView.isID(run), let tool = json["tool"]?.string,
      let arguments = json["arguments"]?.string.flatMap(SHA256Digest.init(hex:)), let told = json["told"]?.array
    else { return nil }
    self.run = run
    self.tool = tool
    self.arguments = arguments
    self.told = told.compactMap(\.string)
  }

  init(run: String, tool: String, arguments: SHA256Digest, told: [String]) {
    self.run = run
    self.tool = tool
    self.arguments = arguments
    self.told = Array(told.suffix(Self.maxTold))
  }

  /// The key for a client's token; a key of this process where there is no token.
  static func key(token: String?) -> SecretBytes {
    guard let token, !token.isEmpty else { return .random(count: 32) }
    do {
      return try HKDFSHA256.derive(
        from: SecretBytes(copying: Array(token.utf8)), salt: [], info: Array("safebox/mcp/request-state/v1".utf8),
        count: 32)
    } catch {
      return .random(count: 32)
    }
  }
}
