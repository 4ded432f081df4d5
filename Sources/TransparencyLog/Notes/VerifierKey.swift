import Cryptography

/// A public key that verifies signatures on notes (C2SP signed-note, "Verifier keys").
public struct VerifierKey: Sendable, Hashable, CustomStringConvertible {
  /// How signatures of this key are made; the raw value is the signature type octet of C2SP signed-note.
  public enum Algorithm: UInt8, Sendable, Hashable {
    /// Ed25519 over the note text.
    case ed25519 = 0x01
    /// ECDSA P-256 with SHA-256 over the note text, strict ASN.1 DER.
    case ecdsa = 0x02
    /// Timestamped Ed25519 cosignature of a checkpoint (C2SP tlog-cosignature).
    case cosignatureV1 = 0x04
    /// RFC 6962 TreeHeadSignature. Read so that it can be named; not verified here.
    case treeHead = 0x05
    /// Timestamped ML-DSA-44 cosignature. Read so that it can be named; not verified here: the cryptographic library
    /// of the supported systems has no ML-DSA.
    case mldsa44Cosignature = 0x06
  }

  /// Why a verifier key or the parts of one are refused.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    /// Not `name+hex+base64`, or longer than 4,096 octets.
    case malformed
    case invalidName(String)
    /// The key ID is not eight lower-case hexadecimal digits.
    case invalidKeyID(String)
    case invalidBase64
    case unknownAlgorithm(UInt8)
    /// The key material is not a key of this algorithm.
    case invalidKey(Algorithm, bytes: Int)
    /// The key ID does not belong to this name and key.
    case keyIDMismatch(expected: String, actual: String)

    public var description: String {
      switch self {
      case .malformed: "a verifier key reads name+keyid+base64"
      case .invalidName(let name): "\"\(name)\" is not a key name: empty, too long, or with a space or plus sign"
      case .invalidKeyID(let text): "\"\(text)\" is not a key ID of eight lower-case hexadecimal digits"
      case .invalidBase64: "the key is not canonical base64"
      case .unknownAlgorithm(let octet): "unknown signature type 0x\(Hex.encode([octet]))"
      case .invalidKey(let algorithm, let bytes): "\(bytes) bytes are not a key for \(algorithm)"
      case .keyIDMismatch(let expected, let actual): "expected key ID \(expected), found \(actual)"
      }
    }
  }

  private enum Key: Sendable {
    case ed25519(Ed25519.PublicKey)
    case ecdsa(P256.PublicKey)
    case notVerifiable
  }

  /// The name of the key; for a log it is the origin.
  public let name: String
  /// First four octets of a hash over the key, big-endian. With the name it selects the key; it secures nothing.
  public let keyID: UInt32
  public let algorithm: Algorithm
  /// 32 octets for Ed25519, the SubjectPublicKeyInfo for ECDSA.
  public let keyBytes: [UInt8]
  private let key: Key

  /// An Ed25519 key (type 0x01).
  public init(name: String, ed25519 key: Ed25519.PublicKey) throws(Failure) {
    try self.init(name: name, algorithm: .ed25519, keyBytes: key.bytes)
  }

  /// An ECDSA P-256 key (type 0x02). Its key ID does not depend on the name.
  public init(name: String, es256 key: P256.PublicKey) throws(Failure) {
    try self.init(name: name, algorithm: .ecdsa, keyBytes: key.spkiDER)
  }

  /// A witness's key (type 0x04).
  public init(name: String, cosignatureV1 key: Ed25519.PublicKey) throws(Failure) {
    try self.init(name: name, algorithm: .cosignatureV1, keyBytes: key.bytes)
  }

  private init(name: String, algorithm: Algorithm, keyBytes: [UInt8]) throws(Failure) {
    guard KeyName.isValid(name) else { throw .invalidName(name) }
    switch algorithm {
    case .ed25519, .cosignatureV1:
      guard let publicKey = try? Ed25519.PublicKey(keyBytes) else {
        throw .invalidKey(algorithm, bytes: keyBytes.count)
      }
      key = .ed25519(publicKey)
    case .ecdsa:
      guard let publicKey = try? P256.PublicKey(spkiDER: keyBytes) else {
        throw .invalidKey(algorithm, bytes: keyBytes.count)
      }
      key = .ecdsa(publicKey)
    case .treeHead:
      // SubjectPublicKeyInfo of RSA or P-256; bounded, not interpreted.
      guard (1...1024).contains(keyBytes.count) else { throw .invalidKey(algorithm, bytes: keyBytes.count) }
      key = .notVerifiable
    case .mldsa44Cosignature:
      guard keyBytes.count == 1312 else { throw .invalidKey(algorithm, bytes: keyBytes.count) }
      key = .notVerifiable
    }
    self.name = name
    self.algorithm = algorithm
    self.keyBytes = keyBytes
    keyID = Self.keyID(name: name, algorithm: algorithm, keyBytes: keyBytes)
  }

  /// Reads `name+keyid+base64(type || key)`.
  public init(parsing text: some StringProtocol) throws(Failure) {
    guard text.utf8.count <= 4096 else { throw .malformed }
    let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw .malformed }
    guard parts[1].utf8.count == 8, let id = Hex.decode(String(parts[1])) else {
      throw .invalidKeyID(String(parts[1]))
    }
    guard let bytes = Base64.decode(String(parts[2])), let type = bytes.first else { throw .invalidBase64 }
    guard let algorithm = Algorithm(rawValue: type) else { throw .unknownAlgorithm(type) }
    try self.init(name: String(parts[0]), algorithm: algorithm, keyBytes: Array(bytes.dropFirst()))
    guard id == Self.bytes(of: keyID) else {
      throw .keyIDMismatch(expected: Hex.encode(Self.bytes(of: keyID)), actual: String(parts[1]))
    }
  }

  /// The text that `init(parsing:)` reads.
  public var text: String {
    "\(name)+\(Hex.encode(Self.bytes(of: keyID)))+\(Base64.encode([algorithm.rawValue] + keyBytes))"
  }

  public var description: String { text }

  /// Whether signatures of this key can be checked here. Signatures of other keys are ignored like those of strangers.
  public var canVerify: Bool {
    if case .notVerifiable = key { return false }
    return true
  }

  /// Whether this key cosigns checkpoints of other parties' logs.
  public var isCosigner: Bool { algorithm == .cosignatureV1 || algorithm == .mldsa44Cosignature }

  /// Whether `signature` (without the key ID) is this key's over the note `text`.
  public func isValid(_ signature: [UInt8], for text: [UInt8]) -> Bool {
    switch (algorithm, key) {
    case (.ed25519, .ed25519(let key)): return key.isValid(signature, for: text)
    case (.ecdsa, .ecdsa(let key)):
      guard let signature = try? ECDSASignature(strictDER: signature) else { return false }
      return key.isValid(signature, for: text)
    case (.cosignatureV1, .ed25519(let key)):
      guard let (time, signature) = Cosigner.split(signature) else { return false }
      return key.isValid(signature, for: Cosigner.message(text: text, at: time))
    default: return false
    }
  }

  /// Equal when name, algorithm and key are, octet for octet: names that merely look alike are not the same.
  public static func == (a: VerifierKey, b: VerifierKey) -> Bool {
    a.keyID == b.keyID && a.algorithm == b.algorithm && sameOctets(a.name, b.name) && a.keyBytes == b.keyBytes
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(keyID)
    hasher.combine(keyBytes)
  }

  static func keyID(name: String, algorithm: Algorithm, keyBytes: [UInt8]) -> UInt32 {
    let digest =
      switch algorithm {
      case .ecdsa: SHA256.hash(keyBytes)
      case .treeHead:
        // c2sp.org/static-ct-api: over the RFC 6962 LogID, the hash of the key, in place of the key.
        SHA256.hash(Array(name.utf8) + [0x0A, algorithm.rawValue] + SHA256.hash(keyBytes).bytes)
      case .ed25519, .cosignatureV1, .mldsa44Cosignature:
        SHA256.hash(Array(name.utf8) + [0x0A, algorithm.rawValue] + keyBytes)
      }
    return digest.bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  static func bytes(of keyID: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: keyID >> (24 - 8 * $0)) } }
}
