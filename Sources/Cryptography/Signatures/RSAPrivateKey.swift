internal import COpenSSL

extension RSA {
  /// A key that signs: for services that accept no other algorithm (RS256 in RFC 7518 section 3.3).
  public final class PrivateKey: Sendable {
    /// The public key that belongs to it.
    public let publicKey: PublicKey
    private let key: LibraryKey

    /// Reads an unencrypted PKCS#8 key (RFC 5958) of a size that ``PublicKey`` accepts.
    public init(pkcs8DER bytes: [UInt8]) throws(CryptographyError) {
      let key = try PKCS8.rsa(bytes)
      guard let spki = key.subjectPublicKeyInfo else { throw .malformed("PKCS#8", reason: "no public part") }
      publicKey = try PublicKey(spkiDER: spki)
      self.key = key
    }

    /// Reads one `-----BEGIN PRIVATE KEY-----` block (RFC 7468 section 10) and nothing else.
    public convenience init(pkcs8PEM text: String) throws(CryptographyError) {
      try self.init(pkcs8DER: PEM.decode(text, label: "PRIVATE KEY"))
    }

    /// The RSASSA-PKCS1-v1_5 signature of the message (RFC 8017 section 8.2), as long as the modulus.
    public func signPKCS1(_ message: [UInt8], hash: DigestAlgorithm) throws(CryptographyError) -> [UInt8] {
      let digest = hash.hash(message)
      let capacity = PublicKey.modulusBits.upperBound / 8
      do {
        return try digest.withUnsafeBytes {
          try key.sign($0, capacity: capacity) { context in
            EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
              && EVP_PKEY_CTX_set_signature_md(context, hash.libraryAlgorithm) == 1
          }
        }
      } catch {
        throw .libraryFailure("signing")
      }
    }
  }
}
