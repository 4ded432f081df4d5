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
    return try SecretBytes(count: count) { (output) throws(CryptographyError) in
      let done = secret.withUnsafeBytes { secret in
        copenssl_hkdf_sha256(
          Algorithms.hkdf, secret.baseAddress, secret.count, salt, salt.count, info, info.count, output.baseAddress,
          output.count)
      }
      guard done == 1 else { throw LibraryErrors.clear(.libraryFailure("HKDF derivation")) }
    }
  }
}
