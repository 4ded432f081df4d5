import CanonicalJSON
import Cryptography
import Synchronization

/// Gives the secrets of one community to one call. Made by ``Keychain/resolver(community:)``.
public final class SecretResolver: Sendable, CustomStringConvertible, CustomReflectable {
  /// Bytes of a text with its secrets in it.
  public static let maxTextBytes = 8 << 20

  public let community: String
  private let keychain: Keychain
  private let held = Mutex(Held())

  private struct Held {
    var secrets: [String: (info: SecretInfo, value: SecretBytes)] = [:]
    /// What was given out, by reference: the values and what the filters made of them.
    var given: [(reference: String, bytes: SecretBytes)] = []
    var used: [String] = []

    mutating func note(_ reference: String, _ bytes: SecretBytes) {
      if !used.contains(reference) { used.append(reference) }
      guard !given.contains(where: { $0.reference == reference && $0.bytes.isEqual(to: bytes) }) else { return }
      given.append((reference, bytes))
    }
  }

  init(keychain: Keychain, community: String) {
    self.keychain = keychain
    self.community = community
  }

  public var description: String { "SecretResolver(\(community))" }
  public var customMirror: Mirror { Mirror(self, children: ["community": community]) }

  /// Puts the values in the place of the placeholders, once: a placeholder within a value stays what it is.
  ///
  /// - Parameter host: where the text goes: `host[:port]` over TLS (port 443 left out or not), `http://host[:port]` in
  ///   clear text. A secret goes to hosts that it is bound to and nowhere else; see ``SecretHost``.
  /// - Throws: the first placeholder that cannot be replaced; then nothing was given out.
  public func substitute(_ text: String, for host: String) throws(SecretFailure) -> Substitution {
    guard text.utf8.count <= Self.maxTextBytes else { throw .tooLong(limit: Self.maxTextBytes) }
    let pieces = try PlaceholderText(parsing: text).pieces
    var used: [String] = []
    var given: [(reference: String, bytes: SecretBytes)] = []
    var result: [UInt8] = []
    for piece in pieces {
      switch piece {
      case .plain(let plain): result.append(contentsOf: plain.utf8)
      case .placeholder(let placeholder):
        let (info, value) = try secret(placeholder.name, for: host)
        guard info.kind == .text else { throw .isKey(name: info.name) }
        let output = placeholder.output(value)
        output.withUnsafeBytes { result.append(contentsOf: $0) }
        if !used.contains(info.reference) { used.append(info.reference) }
        given.append((info.reference, value))
        given.append((info.reference, output))
      }
      guard result.count <= Self.maxTextBytes else { throw .tooLong(limit: Self.maxTextBytes) }
    }
    held.withLock { held in
      for (reference, bytes) in given { held.note(reference, bytes) }
    }
    return Substitution(text: String(decoding: result, as: UTF8.self), used: used)
  }

  /// Substitutes in every string of a document, however deep; names of members are left alone.
  public func substitute(_ json: JSON, for host: String) throws(SecretFailure) -> JSONSubstitution {
    var used: [String] = []
    let json = try substitute(json, host, &used)
    return JSONSubstitution(json: json, used: used)
  }

  private func substitute(_ json: JSON, _ host: String, _ used: inout [String]) throws(SecretFailure) -> JSON {
    switch json {
    case .string(let text):
      let substitution = try substitute(text, for: host)
      for reference in substitution.used where !used.contains(reference) { used.append(reference) }
      return .string(substitution.text)
    case .array(let elements):
      var replaced: [JSON] = []
      for element in elements { replaced.append(try substitute(element, host, &used)) }
      return .array(replaced)
    case .object(let members):
      var replaced: JSONObject = [:]
      for (name, value) in members { replaced[name] = try substitute(value, host, &used) }
      return .object(replaced)
    default: return json
    }
  }

  /// The value for the box's own use, of either kind: what signs a transaction, what logs in to a mail server.
  ///
  /// - Parameter host: as of `substitute`.
  public func value(_ name: String, for host: String) throws(SecretFailure) -> SecretBytes {
    let (info, value) = try secret(name, for: host)
    held.withLock { $0.note(info.reference, value) }
    return value
  }

  /// What was given out so far, as `NAME@VERSION`, each once, in order: what a call reports as its `secrets`.
  public var used: [String] { held.withLock { $0.used } }

  /// The names that placeholders within strings of the document give, sorted, each once. Reads no value.
  public static func names(in json: JSON) -> [String] {
    var found: Set<String> = []
    collect(json, into: &found)
    return found.sorted()
  }

  /// As the static one.
  public func names(in json: JSON) -> [String] { Self.names(in: json) }

  private static func collect(_ json: JSON, into found: inout Set<String>) {
    switch json {
    case .string(let text): found.formUnion(PlaceholderText.names(in: text))
    case .array(let elements): for element in elements { collect(element, into: &found) }
    case .object(let members): for (_, value) in members { collect(value, into: &found) }
    default: break
    }
  }

  /// The values and filter outputs behind these references.
  func given(_ references: [String]) -> [SecretBytes] {
    held.withLock { held in held.given.filter { references.contains($0.reference) }.map(\.bytes) }
  }

  private func secret(
    _ name: String, for host: String
  ) throws(SecretFailure) -> (info: SecretInfo, value: SecretBytes) {
    let secret: (info: SecretInfo, value: SecretBytes)
    if let known = held.withLock({ $0.secrets[name] }) {
      secret = known
    } else {
      let opened = try keychain.open(community: community, name: name)
      // Two threads of one call may both have opened it; the first one's version is the call's.
      secret = held.withLock { held in
        let kept = held.secrets[name] ?? opened
        held.secrets[name] = kept
        return kept
      }
    }
    guard secret.info.hosts.contains(where: { $0.covers(host) }) else {
      throw .unboundHost(name: name, host: String(host.prefix(255)))
    }
    return secret
  }
}
