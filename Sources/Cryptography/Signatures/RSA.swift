internal import COpenSSL

/// RSA signatures (RFC 8017): attestation roots, and the tokens of other people's services.
public enum RSA {
  /// A modulus of 2048 to 8192 bits and an odd exponent of 65537 to 2^32 - 1.
  ///
  /// Smaller moduli can be factored; larger ones let whoever supplies the key choose how long a check takes.
  public struct PublicKey: Sendable, Hashable {
    /// The sizes of modulus that are accepted, in bits.
    public static let modulusBits = 2048...8192

    /// The canonical SubjectPublicKeyInfo.
    public let spkiDER: [UInt8]
    /// The size of the modulus, in bits.
    public let modulusBitCount: Int
    private let key: LibraryKey
    private static let rsaEncryption = OID(1, 2, 840, 113549, 1, 1, 1)

    /// Reads the one DER encoding of an `rsaEncryption` key (RFC 3279 section 2.3.1) and nothing after it.
    public init(spkiDER bytes: [UInt8]) throws(CryptographyError) {
      guard bytes.count <= 2048 else {
        throw .wrongLength(of: "RSA SubjectPublicKeyInfo", expected: "at most 2048", actual: bytes.count)
      }
      // Not by the library's decoder: it takes longer than a signature takes to verify, and reads more than DER.
      var document = try DERReader(bytes, path: "SubjectPublicKeyInfo")
      var info = try document.sequence("key")
      try document.finish()
      var algorithm = try info.sequence("algorithm")
      let identifier = try algorithm.objectIdentifier("algorithm")
      guard identifier == Self.rsaEncryption else {
        throw .unsupportedKey(expected: "RSA", actual: "\(identifier)")
      }
      try algorithm.null("parameters")
      try algorithm.finish()
      var encoded = try DERReader(try info.bitString("subjectPublicKey"), path: "RSAPublicKey")
      try info.finish()
      var numbers = try encoded.sequence("key")
      try encoded.finish()
      let modulus = try numbers.integer("modulus")
      let exponent = try numbers.integer("publicExponent")
      try numbers.finish()

      let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
      guard Self.modulusBits.contains(bits) else {
        throw .unsupportedKey(expected: "RSA with 2048 to 8192 bits", actual: "\(bits) bits")
      }
      let value = exponent.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      guard exponent.count <= 4, value & 1 == 1, value >= 65537 else {
        throw .unsupportedKey(expected: "RSA with an odd exponent of 65537 to 2^32 - 1", actual: "another exponent")
      }
      guard let decoded = copenssl_rsa_public_key(modulus, modulus.count, UInt32(value)) else {
        throw LibraryErrors.clear(.invalidKey("RSA"))
      }
      key = LibraryKey(owning: decoded)
      spkiDER = bytes
      modulusBitCount = bits
    }

    /// The key of a big-endian modulus and exponent, as a JSON Web Key carries them (RFC 7518 section 6.3.1).
    public init(modulus: [UInt8], exponent: [UInt8]) throws(CryptographyError) {
      let rsaEncryption: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
      try self.init(
        spkiDER: DERWriter.sequence(
          DERWriter.sequence(DERWriter.objectIdentifier(rsaEncryption), DERWriter.null),
          DERWriter.bitString(DERWriter.sequence(DERWriter.integer(modulus), DERWriter.integer(exponent)))))
    }

    /// Whether an RSASSA-PSS signature belongs to the message: MGF1 with the same hash, salt as long as the digest
    /// (RFC 8017 section 8.1; PS256, PS384 and PS512 in RFC 7518 section 3.5).
    public func isValidPSS(_ signature: [UInt8], for message: [UInt8], hash: DigestAlgorithm) -> Bool {
      verifies(signature, message, hash) { context in
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
          && EVP_PKEY_CTX_set_signature_md(context, hash.libraryAlgorithm) == 1
          && EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash.libraryAlgorithm) == 1
          && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, Int32(hash.byteCount)) == 1
      }
    }

    /// Whether an RSASSA-PKCS1-v1_5 signature belongs to the message (RFC 8017 section 8.2; RS256, RS384 and RS512).
    public func isValidPKCS1(_ signature: [UInt8], for message: [UInt8], hash: DigestAlgorithm) -> Bool {
      verifies(signature, message, hash) { context in
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
          && EVP_PKEY_CTX_set_signature_md(context, hash.libraryAlgorithm) == 1
      }
    }

    private func verifies(
      _ signature: [UInt8], _ message: [UInt8], _ hash: DigestAlgorithm, configure: (OpaquePointer) -> Bool
    ) -> Bool {
      let digest = hash.hash(message)
      return signature.withUnsafeBytes { signature in
        digest.withUnsafeBytes { key.verifies(signature, of: $0, configure: configure) }
      }
    }

    /// How many bytes the modulus, and so a signature or a ciphertext, has.
    public var byteCount: Int { (Int(EVP_PKEY_get_bits(key.pointer)) + 7) / 8 }

    func withLibraryKey<Result, Failure: Error>(
      _ body: (LibraryKey) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      try body(key)
    }

    public static func == (left: PublicKey, right: PublicKey) -> Bool { left.spkiDER == right.spkiDER }
    public func hash(into hasher: inout Hasher) { hasher.combine(spkiDER) }
  }
}
