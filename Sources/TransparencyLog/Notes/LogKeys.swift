/// The public keys of one log. A box's log has two, both named as its origin: Ed25519 for witnesses, ES256 for browsers.
public struct LogKeys: Sendable, Hashable {
  /// Why keys do not make a log's identity.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    case none
    case tooMany(count: Int, limit: Int)
    /// The key's name is not the origin.
    case nameIsNotOrigin(name: String, origin: String)
    /// A cosigner's key cannot sign for a log here.
    case cannotSignForLog(VerifierKey.Algorithm)

    public var description: String {
      switch self {
      case .none: "a log has at least one key"
      case .tooMany(let count, let limit): "\(count) keys for one log, the limit is \(limit)"
      case .nameIsNotOrigin(let name, let origin): "the key is named \(name), the origin is \(origin)"
      case .cannotSignForLog(let algorithm): "a \(algorithm) key cannot sign for a log"
      }
    }
  }

  /// The most keys that one log may have, old ones included.
  public static let maximumKeys = 16

  public let origin: String
  /// One to sixteen keys, Ed25519 or ECDSA, all named as the origin.
  public let keys: [VerifierKey]

  public init(origin: String, keys: [VerifierKey]) throws(Failure) {
    guard !keys.isEmpty else { throw .none }
    guard keys.count <= Self.maximumKeys else { throw .tooMany(count: keys.count, limit: Self.maximumKeys) }
    for key in keys {
      guard sameOctets(key.name, origin) else { throw .nameIsNotOrigin(name: key.name, origin: origin) }
      guard Self.canSignForLog(key) else { throw .cannotSignForLog(key.algorithm) }
    }
    self.origin = origin
    self.keys = keys
  }

  /// Whether a key is of a kind that signs a log's checkpoints.
  static func canSignForLog(_ key: VerifierKey) -> Bool { key.algorithm == .ed25519 || key.algorithm == .ecdsa }

  public static func == (a: LogKeys, b: LogKeys) -> Bool { a.keys == b.keys }
  public func hash(into hasher: inout Hasher) { hasher.combine(keys) }
}
