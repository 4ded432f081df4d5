public import Cryptography

/// A public key of a TPM that signs: the kinds that attestation uses.
public enum TPMPublicKey: Sendable, Hashable {
  case p256(P256.PublicKey)
  case p384(P384.PublicKey)
  case rsa(RSA.PublicKey)

  /// Reads the one canonical SubjectPublicKeyInfo of a P-256, P-384 or RSA key.
  ///
  /// - Throws: `CryptographyError` for other keys, RSA below 2048 bits, points off their curve and other encodings.
  public init(spkiDER bytes: [UInt8]) throws(CryptographyError) {
    // The two curves have one length each, which no RSA key of an accepted size has.
    switch bytes.count {
    case 91: self = .p256(try P256.PublicKey(spkiDER: bytes))
    case 120: self = .p384(try P384.PublicKey(spkiDER: bytes))
    default: self = .rsa(try RSA.PublicKey(spkiDER: bytes))
    }
  }

  /// The canonical SubjectPublicKeyInfo: two keys are one where these bytes are equal.
  public var spkiDER: [UInt8] {
    switch self {
    case .p256(let key): key.spkiDER
    case .p384(let key): key.spkiDER
    case .rsa(let key): key.spkiDER
    }
  }

  /// `P-256`, `P-384` or `RSA`.
  public var algorithm: String {
    switch self {
    case .p256: "P-256"
    case .p384: "P-384"
    case .rsa: "RSA"
    }
  }
}
