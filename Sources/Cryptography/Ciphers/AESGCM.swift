/// AES in Galois/counter mode (NIST SP 800-38D) with 12-byte vectors and 16-byte tags.
///
/// Sealed bytes are IV(12) || ciphertext || tag(16). Other vector and tag sizes are refused: they weaken the mode.
/// A key may seal at most 2^32 messages with random vectors.
public enum AESGCM {
  /// Encrypts and authenticates.
  ///
  /// - Parameters:
  ///   - key: 32 bytes; 16 and 24 are accepted for formats that prescribe them.
  ///   - iv: 12 bytes never used before with this key; nil draws random ones.
  ///   - aad: bytes that are authenticated but not part of the result.
  /// - Throws: `wrongLength` for a key or vector of another size.
  public static func seal(
    _ plaintext: [UInt8], key: SecretBytes, iv: [UInt8]? = nil, aad: [UInt8]
  ) throws(CryptographyError) -> [UInt8] {
    try SealedBox.seal(
      plaintext, cipher: cipher(for: key), key: key, iv: iv ?? SecureRandom.bytes(SealedBox.ivCount), aad: aad)
  }

  /// Checks and decrypts what `seal` made.
  ///
  /// - Throws: `wrongLength` for a key of another size or fewer than 28 bytes; `authenticationFailed` otherwise.
  public static func open(
    _ sealed: [UInt8], key: SecretBytes, aad: [UInt8]
  ) throws(CryptographyError) -> [UInt8] {
    try SealedBox.open(sealed, cipher: cipher(for: key), key: key, aad: aad)
  }

  /// Encrypts and authenticates a secret, of which no copy is made.
  ///
  /// - Throws: as `seal`.
  public static func seal(
    _ secret: SecretBytes, key: SecretBytes, iv: [UInt8]? = nil, aad: [UInt8]
  ) throws(CryptographyError) -> [UInt8] {
    let cipher = try cipher(for: key)
    return try secret.withUnsafeBytes { (secret) throws(CryptographyError) in
      try SealedBox.seal(secret, cipher: cipher, key: key, iv: iv ?? SecureRandom.bytes(SealedBox.ivCount), aad: aad)
    }
  }

  /// Checks and decrypts a secret in the memory that it stays in.
  ///
  /// - Throws: as `open`.
  public static func openSecret(
    _ sealed: [UInt8], key: SecretBytes, aad: [UInt8]
  ) throws(CryptographyError) -> SecretBytes {
    let cipher = try cipher(for: key)
    return try SecretBytes(count: try SealedBox.plaintextCount(of: sealed)) { (output) throws(CryptographyError) in
      try SealedBox.open(sealed, cipher: cipher, key: key, aad: aad, into: output)
    }
  }

  private static func cipher(for key: SecretBytes) throws(CryptographyError) -> OpaquePointer? {
    switch key.count {
    case 16: Algorithms.aes128GCM
    case 24: Algorithms.aes192GCM
    case 32: Algorithms.aes256GCM
    default: throw .wrongLength(of: "AES key", expected: "16, 24 or 32", actual: key.count)
    }
  }
}
