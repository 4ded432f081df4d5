/// The public key of a certificate.
public enum CertificateKey: Sendable, Hashable {
  case p256(P256.PublicKey)
  case p384(P384.PublicKey)
  case rsa(RSA.PublicKey)

  /// Reads the one canonical SubjectPublicKeyInfo of a key on P-256 or P-384, or of an RSA key of 2048 to 8192 bits.
  public init(spkiDER bytes: [UInt8]) throws(CryptographyError) {
    var reader = try DERReader(bytes, path: "SubjectPublicKeyInfo")
    var fields = try reader.sequence("key")
    var algorithm = try fields.sequence("algorithm")
    let identifier = try algorithm.objectIdentifier("algorithm")
    switch identifier {
    case OID(1, 2, 840, 113549, 1, 1, 1): self = .rsa(try RSA.PublicKey(spkiDER: bytes))
    case OID(1, 2, 840, 10045, 2, 1):
      let curve = try algorithm.objectIdentifier("parameters")
      switch curve {
      case OID(1, 2, 840, 10045, 3, 1, 7): self = .p256(try P256.PublicKey(spkiDER: bytes))
      case OID(1, 3, 132, 0, 34): self = .p384(try P384.PublicKey(spkiDER: bytes))
      default: throw .unsupportedKey(expected: "P-256, P-384 or RSA", actual: "the curve \(curve)")
      }
    default: throw .unsupportedKey(expected: "P-256, P-384 or RSA", actual: "\(identifier)")
    }
  }

  /// The canonical SubjectPublicKeyInfo.
  public var spkiDER: [UInt8] {
    switch self {
    case .p256(let key): key.spkiDER
    case .p384(let key): key.spkiDER
    case .rsa(let key): key.spkiDER
    }
  }

  /// Whether a signature, in the encoding that certificates use, belongs to the message. An algorithm of another kind of
  /// key is no valid signature.
  public func isValid(_ signature: [UInt8], for message: [UInt8], by algorithm: CertificateSignatureAlgorithm) -> Bool {
    switch (self, algorithm) {
    case (.p256(let key), .ecdsa(let hash)):
      guard let signature = try? ECDSASignature(strictDER: signature) else { return false }
      return key.isValid(signature, for: message, hash: hash)
    case (.p384(let key), .ecdsa(let hash)):
      guard let signature = try? P384.Signature(strictDER: signature) else { return false }
      return key.isValid(signature, for: message, hash: hash)
    case (.rsa(let key), .rsaPKCS1(let hash)): return key.isValidPKCS1(signature, for: message, hash: hash)
    case (.rsa(let key), .rsaPSS(let hash)): return key.isValidPSS(signature, for: message, hash: hash)
    default: return false
    }
  }

  /// What it is, for people.
  public var summary: String {
    switch self {
    case .p256: "P-256"
    case .p384: "P-384"
    case .rsa(let key): "RSA \(key.modulusBitCount)"
    }
  }
}
