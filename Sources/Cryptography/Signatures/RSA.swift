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

    /// Reads the one DER encoding of an `rsaEncryption` key (RFC 3279 section 2.3.1) and nothing after it.
    public init(spkiDER bytes: [UInt8]) throws(CryptographyError) {
      guard bytes.count <= 2048 else {
        throw .wrongLength(of: "RSA SubjectPublicKeyInfo", expected: "at most 2048", actual: bytes.count)
      }
      key = try LibraryKey.decode(canonical: bytes)
      guard EVP_PKEY_get_base_id(key.pointer) == EVP_PKEY_RSA else {
        let name = EVP_PKEY_get0_type_name(key.pointer).map { String(cString: $0) }
        throw .unsupportedKey(expected: "RSA", actual: name ?? "an unknown algorithm")
      }
      let bits = Int(EVP_PKEY_get_bits(key.pointer))
      guard Self.modulusBits.contains(bits) else {
        throw .unsupportedKey(expected: "RSA with 2048 to 8192 bits", actual: "\(bits) bits")
      }
      var exponent: OpaquePointer?
      guard EVP_PKEY_get_bn_param(key.pointer, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 else {
        throw LibraryErrors.clear(.invalidKey("RSA without an exponent"))
      }
      defer { BN_free(exponent) }
      guard BN_num_bits(exponent) <= 32, BN_is_odd(exponent) == 1, BN_get_word(exponent) >= 65537 else {
        throw .unsupportedKey(expected: "RSA with an odd exponent of 65537 to 2^32 - 1", actual: "another exponent")
      }
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
