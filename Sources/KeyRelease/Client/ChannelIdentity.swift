import Cryptography

/// The key by which one end of a connection is known, with the certificate that TLS wants around it. Its digest is what
/// evidence binds, and what the other end pins.
public struct ChannelIdentity: Sendable {
  public let certificatePEM: String
  public let privateKeyPEM: String
  /// SHA-256 of the SubjectPublicKeyInfo.
  public let digest: SHA256Digest

  /// A certificate for the key.
  ///
  /// - Parameter at: Unix milliseconds; the certificate is dated a day before and ten years on, and nobody looks at it.
  public init(key: P256.PrivateKey, name: String, at: Int64) throws(CryptographyError) {
    let seconds = at / 1000
    let certificate = try SelfSignedCertificate.make(
      commonName: String(name.prefix(64)), privateKey: key, notBefore: seconds - 86_400,
      notAfter: seconds + 3_652 * 86_400)
    certificatePEM = certificate.pem
    privateKeyPEM = key.pkcs8PEM
    digest = SHA256.hash(key.publicKey.spkiDER)
  }

  /// How curl wants a pinned key.
  static func pin(_ digest: SHA256Digest) -> String { "sha256//\(Base64.encode(digest.bytes))" }
}
