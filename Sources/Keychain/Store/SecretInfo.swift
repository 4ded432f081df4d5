import CanonicalJSON

/// What a secret is for.
public enum SecretKind: String, Sendable, Hashable, CaseIterable {
  /// Stands for a placeholder in the text of a call: an API token, a password.
  case text
  /// Signs or authenticates inside the box and is never put into a text: the key of a wallet, of a push service.
  case key
}

/// What everybody with the scope `read` may know of a secret; never its value.
public struct SecretInfo: Sendable, Hashable {
  public var name: String
  /// 1 for the first value, one more with every rotation; a removal does not start it again.
  public var version: Int64
  public var kind: SecretKind
  /// Where the value may go.
  public var hosts: [SecretHost]
  /// When the name was put for the first time, and when this version was. Unix milliseconds.
  public var createdAt: Int64
  public var rotatedAt: Int64

  public init(
    name: String, version: Int64, kind: SecretKind, hosts: [SecretHost], createdAt: Int64, rotatedAt: Int64
  ) {
    self.name = name
    self.version = version
    self.kind = kind
    self.hosts = hosts
    self.createdAt = createdAt
    self.rotatedAt = rotatedAt
  }

  /// `NAME@VERSION`, which is how entries cite what a call used.
  public var reference: String { "\(name)@\(version)" }

  public var json: JSON {
    [
      "name": .string(name), "version": .integer(version), "kind": .string(kind.rawValue),
      "hosts": .array(hosts.map { .string($0.text) }), "createdAt": .integer(createdAt),
      "rotatedAt": .integer(rotatedAt),
    ]
  }
}
