import CanonicalJSON
import Cryptography

/// What wraps the data keys of a broker: a token, a service, or for development a file. The key-encryption key itself never
/// leaves it, except from a file.
public protocol KeyEncryptionKey: Sendable {
  /// `pkcs11`, `aws-kms` or `file`.
  var provider: String { get }
  /// Which key of the provider: stands in entries, so it holds no secret.
  var identifier: String { get }

  /// Wraps a data key.
  ///
  /// - Parameter context: authenticated with it; unwrapping under another one fails.
  func wrap(_ key: SecretBytes, context: WrappingContext) async throws(KeyEncryptionFault) -> [UInt8]

  /// Unwraps what `wrap` made under the same context.
  func unwrap(_ wrapped: [UInt8], context: WrappingContext) async throws(KeyEncryptionFault) -> SecretBytes
}

/// Which data key a wrapped one is. Whoever exchanges two wrapped keys in the broker's store gets neither opened.
public struct WrappingContext: Sendable, Hashable {
  /// The broker's name.
  public let broker: String
  /// The key's name.
  public let key: String
  /// The proposal that created the key.
  public let proposal: SHA256Digest

  public init(broker: String, key: String, proposal: SHA256Digest) {
    self.broker = broker
    self.key = key
    self.proposal = proposal
  }

  /// As names and values, for services that take such.
  public var members: [(name: String, value: String)] {
    [("safebox-broker", broker), ("safebox-key", key), ("safebox-proposal", proposal.hex)]
  }

  /// As bytes: "safebox/wrapped-key/v1" and the canonical JSON of the members.
  public var bytes: [UInt8] {
    var object = JSONObject()
    for (name, value) in members { object[name] = .string(value) }
    return Array("safebox/wrapped-key/v1".utf8) + [0] + JSON.object(object).canonicalBytes()
  }
}

/// Why a data key was not wrapped or unwrapped. Never holds key material or a PIN.
public enum KeyEncryptionFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// The token or service is not there; it may come back.
  case unavailable(String)
  /// The token or service says no: wrong PIN, no permission, key disabled.
  case refused(String)
  /// No key of this name, several, or one that could be taken out of the token.
  case unsuitableKey(String)
  /// Wrapped under another key or context, or tampered with.
  case doesNotOpen
  /// What came back is not what the interface says.
  case malformed(String)

  public var description: String {
    switch self {
    case .unavailable(let why): "the key-encryption key cannot be reached: \(why)"
    case .refused(let why): "the key-encryption key was refused: \(why)"
    case .unsuitableKey(let why): "the key-encryption key is unsuitable: \(why)"
    case .doesNotOpen: "the wrapped key does not open: another key wrapped it, for another name, or it was changed"
    case .malformed(let why): "the key-encryption key answered something else: \(why)"
    }
  }
}

/// A wrapped data key as it is stored: `safebox-wrapped-key/v1`. Its SHA-256 stands in the result of `key.create`.
public struct WrappedKey: Sendable, Hashable {
  static let format = "safebox-wrapped-key/v1"
  /// Bytes of a data key.
  public static let keyBytes = 32
  public static let maxBytes = 16 << 10

  public let provider: String
  public let identifier: String
  public let ciphertext: [UInt8]

  public init(provider: String, identifier: String, ciphertext: [UInt8]) {
    self.provider = provider
    self.identifier = identifier
    self.ciphertext = ciphertext
  }

  public init(parsing bytes: [UInt8]) throws {
    var reader = try ObjectReader(try JSON(parsing: bytes, limits: .document(maxBytes: Self.maxBytes)))
    let format = try reader.string("format", maxBytes: 64)
    guard format == Self.format else {
      throw FieldError(field: "format", expected: Self.format, actual: JSON.string(format).summary)
    }
    provider = try reader.string("provider", maxBytes: 32)
    identifier = try reader.string("kek", maxBytes: 1024)
    let text = try reader.string("ciphertext", maxBytes: Self.maxBytes)
    guard let ciphertext = Base64.decode(text) else {
      throw FieldError(field: "ciphertext", expected: "base64", actual: JSON.string(text).summary)
    }
    self.ciphertext = ciphertext
    try reader.finish()
  }

  public var bytes: [UInt8] {
    JSON.object([
      "format": .string(Self.format), "provider": .string(provider), "kek": .string(identifier),
      "ciphertext": .string(Base64.encode(ciphertext)),
    ]).canonicalBytes()
  }

  /// A fresh data key, wrapped.
  public static func make(
    under kek: any KeyEncryptionKey, context: WrappingContext
  ) async throws(KeyEncryptionFault) -> WrappedKey {
    let ciphertext = try await kek.wrap(SecretBytes.random(count: keyBytes), context: context)
    return WrappedKey(provider: kek.provider, identifier: kek.identifier, ciphertext: ciphertext)
  }

  /// The data key.
  public func open(
    with kek: any KeyEncryptionKey, context: WrappingContext
  ) async throws(KeyEncryptionFault) -> SecretBytes {
    guard provider == kek.provider, identifier == kek.identifier else {
      throw .unsuitableKey("it was wrapped by \(provider) \(identifier), this is \(kek.provider) \(kek.identifier)")
    }
    let key = try await kek.unwrap(ciphertext, context: context)
    guard key.count == Self.keyBytes else { throw .malformed("a key of \(key.count) bytes") }
    return key
  }
}
