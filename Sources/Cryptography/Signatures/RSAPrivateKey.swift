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

    private init(key: LibraryKey) throws(CryptographyError) {
      guard let spki = key.subjectPublicKeyInfo else { throw .libraryFailure("making an RSA key") }
      publicKey = try PublicKey(spkiDER: spki)
      self.key = key
    }

    /// A fresh key with the exponent 65537. Takes seconds where the modulus is large.
    ///
    /// - Parameter bits: the size of the modulus, one that ``PublicKey`` accepts.
    public static func generate(bits: Int) throws(CryptographyError) -> PrivateKey {
      guard PublicKey.modulusBits.contains(bits) else {
        throw .unsupportedKey(expected: "RSA with 2048 to 8192 bits", actual: "\(bits) bits")
      }
      guard let context = EVP_PKEY_CTX_new_from_name(nil, "RSA", nil) else {
        throw LibraryErrors.clear(.libraryFailure("making an RSA key"))
      }
      defer { EVP_PKEY_CTX_free(context) }
      var made: OpaquePointer?
      guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_CTX_set_rsa_keygen_bits(context, Int32(bits)) == 1,
        EVP_PKEY_generate(context, &made) == 1, let made
      else { throw LibraryErrors.clear(.libraryFailure("making an RSA key")) }
      return try PrivateKey(key: LibraryKey(owning: made))
    }

    /// Reads one `-----BEGIN PRIVATE KEY-----` block (RFC 7468 section 10) and nothing else.
    public convenience init(pkcs8PEM text: String) throws(CryptographyError) {
      try self.init(pkcs8DER: PEM.decode(text, label: "PRIVATE KEY"))
    }

    /// The RSASSA-PKCS1-v1_5 signature of the message (RFC 8017 section 8.2), as long as the modulus.
    public func signPKCS1(_ message: [UInt8], hash: DigestAlgorithm) throws(CryptographyError) -> [UInt8] {
      try sign(message, hash) { EVP_PKEY_CTX_set_rsa_padding($0, RSA_PKCS1_PADDING) == 1 }
    }

    /// The RSASSA-PSS signature of the message: MGF1 with the same hash, salt as long as the digest (RFC 8017 section 8.1),
    /// as long as the modulus.
    public func signPSS(_ message: [UInt8], hash: DigestAlgorithm) throws(CryptographyError) -> [UInt8] {
      try sign(message, hash) { context in
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
          && EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash.libraryAlgorithm) == 1
          && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, Int32(hash.byteCount)) == 1
      }
    }

    private func sign(
      _ message: [UInt8], _ hash: DigestAlgorithm, configure: (OpaquePointer) -> Bool
    ) throws(CryptographyError) -> [UInt8] {
      let digest = hash.hash(message)
      let capacity = PublicKey.modulusBits.upperBound / 8
      do {
        return try digest.withUnsafeBytes {
          try key.sign($0, capacity: capacity) { context in
            configure(context) && EVP_PKEY_CTX_set_signature_md(context, hash.libraryAlgorithm) == 1
          }
        }
      } catch {
        throw .libraryFailure("signing")
      }
    }
  }
}
