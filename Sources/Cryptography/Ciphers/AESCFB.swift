internal import COpenSSL

/// AES in cipher feedback mode with whole blocks (NIST SP 800-38A section 6.3, CFB128): how a TPM encrypts what it moves.
///
/// It authenticates nothing: only for formats that prescribe it and carry a code of their own.
public enum AESCFB {
  /// As many bytes as the plaintext has.
  ///
  /// - Parameters:
  ///   - key: 16, 24 or 32 bytes.
  ///   - iv: 16 bytes. A TPM uses zeros, with a key that is derived for one message (TPM 2.0 part 1, section 24.4).
  /// - Throws: `wrongLength` for a key or vector of another size and for more than 64 KiB.
  public static func encrypt(
    _ plaintext: SecretBytes, key: SecretBytes, iv: [UInt8]
  ) throws(CryptographyError) -> [UInt8] {
    guard iv.count == 16 else { throw .wrongLength(of: "AES-CFB vector", expected: "16", actual: iv.count) }
    guard plaintext.count <= 65536 else {
      throw .wrongLength(of: "AES-CFB plaintext", expected: "at most 65536", actual: plaintext.count)
    }
    let cipher = try cipher(for: key)
    guard let context = EVP_CIPHER_CTX_new() else { throw .libraryFailure("cipher context") }
    defer { EVP_CIPHER_CTX_free(context) }
    var ciphertext = [UInt8](repeating: 0, count: plaintext.count)
    var count: Int32 = 0
    let keyed = key.withUnsafeBytes {
      EVP_CipherInit_ex2(context, cipher, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), iv, 1, nil)
    }
    let done = plaintext.withUnsafeBytes {
      EVP_CipherUpdate(
        context, &ciphertext, &count, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32($0.count))
    }
    guard keyed == 1, plaintext.count == 0 || done == 1, Int(count) == plaintext.count else {
      throw LibraryErrors.clear(.libraryFailure("AES-CFB encryption"))
    }
    return ciphertext
  }

  private static func cipher(for key: SecretBytes) throws(CryptographyError) -> OpaquePointer? {
    switch key.count {
    case 16: Algorithms.aes128CFB
    case 24: Algorithms.aes192CFB
    case 32: Algorithms.aes256CFB
    default: throw .wrongLength(of: "AES key", expected: "16, 24 or 32", actual: key.count)
    }
  }
}
