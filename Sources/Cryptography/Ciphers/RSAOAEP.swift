internal import COpenSSL

extension RSA.PublicKey {
  /// Encrypts a short secret so that only the private key reads it (RSAES-OAEP; RFC 8017 section 7.1), MGF1 with the same hash.
  ///
  /// - Parameter label: bytes that must be the same when it is decrypted; a TPM's end with a zero byte.
  /// - Throws: `wrongLength` where the secret leaves no room for the padding: more than the modulus less two digests and two.
  public func encryptOAEP(
    _ secret: SecretBytes, label: [UInt8], hash: DigestAlgorithm
  ) throws(CryptographyError) -> [UInt8] {
    let room = byteCount - 2 * hash.byteCount - 2
    guard secret.count <= room else {
      throw .wrongLength(of: "OAEP plaintext", expected: "at most \(room)", actual: secret.count)
    }
    return try withLibraryKey { (key) throws(CryptographyError) in
      guard let context = EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, nil) else {
        throw .libraryFailure("encryption context")
      }
      defer { EVP_PKEY_CTX_free(context) }
      guard EVP_PKEY_encrypt_init(context) == 1,
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1,
        EVP_PKEY_CTX_set_rsa_oaep_md(context, hash.libraryAlgorithm) == 1,
        EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash.libraryAlgorithm) == 1,
        Self.setLabel(label, on: context)
      else { throw LibraryErrors.clear(.libraryFailure("RSA encryption")) }
      var ciphertext = [UInt8](repeating: 0, count: byteCount)
      var count = ciphertext.count
      let done = secret.withUnsafeBytes {
        EVP_PKEY_encrypt(context, &ciphertext, &count, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
      }
      guard done == 1, count == byteCount else { throw LibraryErrors.clear(.libraryFailure("RSA encryption")) }
      return ciphertext
    }
  }

  /// The library takes over the label and frees it: it must come from its own allocator.
  private static func setLabel(_ label: [UInt8], on context: OpaquePointer) -> Bool {
    guard !label.isEmpty else { return true }
    guard let copy = CRYPTO_malloc(label.count, #fileID, Int32(#line)) else { return false }
    copy.copyMemory(from: label, byteCount: label.count)
    if EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, Int32(label.count)) == 1 { return true }
    CRYPTO_free(copy, #fileID, Int32(#line))
    return false
  }
}
