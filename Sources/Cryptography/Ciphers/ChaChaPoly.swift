/// ChaCha20-Poly1305 (RFC 8439 section 2.8). Sealed bytes are IV(12) || ciphertext || tag(16).
public enum ChaChaPoly {
  /// Encrypts and authenticates.
  ///
  /// - Parameters:
  ///   - key: 32 bytes.
  ///   - iv: 12 bytes never used before with this key; nil draws random ones.
  ///   - aad: bytes that are authenticated but not part of the result.
  /// - Throws: `wrongLength` for a key or vector of another size.
  public static func seal(
    _ plaintext: [UInt8], key: SecretBytes, iv: [UInt8]? = nil, aad: [UInt8]
  ) throws(CryptographyError) -> [UInt8] {
    try check(key)
    return try SealedBox.seal(
      plaintext, cipher: Algorithms.chaCha20Poly1305, key: key, iv: iv ?? SecureRandom.bytes(SealedBox.ivCount),
      aad: aad)
  }

  /// Checks and decrypts what `seal` made.
  ///
  /// - Throws: `wrongLength` for a key of another size or fewer than 28 bytes; `authenticationFailed` otherwise.
  public static func open(
    _ sealed: [UInt8], key: SecretBytes, aad: [UInt8]
  ) throws(CryptographyError) -> [UInt8] {
    try check(key)
    return try SealedBox.open(sealed, cipher: Algorithms.chaCha20Poly1305, key: key, aad: aad)
  }

  private static func check(_ key: SecretBytes) throws(CryptographyError) {
    guard key.count == 32 else { throw .wrongLength(of: "ChaCha20 key", expected: "32", actual: key.count) }
  }
}
