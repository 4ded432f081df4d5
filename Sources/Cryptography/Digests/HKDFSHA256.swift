internal import COpenSSL

/// Key derivation with HMAC-SHA-256, extract and expand (RFC 5869).
public enum HKDFSHA256 {
  /// The most bytes one call derives: 255 blocks (RFC 5869 section 2.3).
  public static let maximumCount = 255 * 32
  /// The longest `info` text, a limit of the library.
  public static let maximumInfoCount = 1024

  /// `count` bytes derived from a secret. An empty salt is 32 zero bytes, as the RFC says.
  ///
  /// - Throws: `wrongLength` when `count` is not in 1...8160 or `info` is longer than 1024 bytes.
  public static func derive(
    from secret: SecretBytes, salt: [UInt8], info: [UInt8], count: Int
  ) throws(CryptographyError) -> SecretBytes {
    guard (1...maximumCount).contains(count) else {
      throw .wrongLength(of: "derived key", expected: "1 to \(maximumCount)", actual: count)
    }
    guard info.count <= maximumInfoCount else {
      throw .wrongLength(of: "HKDF info", expected: "at most \(maximumInfoCount)", actual: info.count)
    }
    guard let context = EVP_KDF_CTX_new(Algorithms.hkdf) else { throw .libraryFailure("HKDF context") }
    defer { EVP_KDF_CTX_free(context) }
    // The library tells "no key" from "an empty key" by the pointer alone.
    var salt = salt.isEmpty ? [UInt8](repeating: 0, count: 32) : salt
    var info = info
    let infoCount = info.count
    info.append(0)
    return try SecretBytes(count: count) { (output) throws(CryptographyError) in
      let result = secret.withUnsafeBytes { secret in
        withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { empty in
          salt.withUnsafeMutableBytes { salt in
            info.withUnsafeMutableBytes { info in
              "SHA256".withCString { name in
                var parameters = [
                  OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, UnsafeMutablePointer(mutating: name), 0),
                  OSSL_PARAM_construct_octet_string(
                    OSSL_KDF_PARAM_KEY,
                    UnsafeMutableRawPointer(mutating: secret.baseAddress) ?? empty.baseAddress, secret.count),
                  OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt.baseAddress, salt.count),
                  OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.baseAddress, infoCount),
                  OSSL_PARAM_construct_end(),
                ]
                return EVP_KDF_derive(
                  context, output.baseAddress?.assumingMemoryBound(to: UInt8.self), output.count, &parameters)
              }
            }
          }
        }
      }
      guard result == 1 else { throw .libraryFailure("HKDF derivation") }
    }
  }
}
