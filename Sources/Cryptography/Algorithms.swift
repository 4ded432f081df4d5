internal import COpenSSL

/// The library's algorithm objects, fetched once: a lookup by name on each call halves the speed of small messages.
///
/// The objects are immutable and reference-counted by the library, so all threads share them.
enum Algorithms {
  nonisolated(unsafe) static let sha1 = EVP_MD_fetch(nil, "SHA1", nil)
  nonisolated(unsafe) static let sha256 = EVP_MD_fetch(nil, "SHA256", nil)
  nonisolated(unsafe) static let sha384 = EVP_MD_fetch(nil, "SHA384", nil)
  nonisolated(unsafe) static let sha512 = EVP_MD_fetch(nil, "SHA512", nil)
  nonisolated(unsafe) static let aes128GCM = EVP_CIPHER_fetch(nil, "AES-128-GCM", nil)
  nonisolated(unsafe) static let aes192GCM = EVP_CIPHER_fetch(nil, "AES-192-GCM", nil)
  nonisolated(unsafe) static let aes256GCM = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
  nonisolated(unsafe) static let aes128CFB = EVP_CIPHER_fetch(nil, "AES-128-CFB", nil)
  nonisolated(unsafe) static let aes192CFB = EVP_CIPHER_fetch(nil, "AES-192-CFB", nil)
  nonisolated(unsafe) static let aes256CFB = EVP_CIPHER_fetch(nil, "AES-256-CFB", nil)
  nonisolated(unsafe) static let chaCha20Poly1305 = EVP_CIPHER_fetch(nil, "ChaCha20-Poly1305", nil)
  nonisolated(unsafe) static let hkdf = EVP_KDF_fetch(nil, "HKDF", nil)

  /// A key that carries the parameters of P-256: the base point (SP 800-186 section 3.2.1.3).
  nonisolated(unsafe) static let p256 = curve(
    "prime256v1",
    basePoint: "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
      + "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
  /// A key that carries the parameters of P-384: the base point (SP 800-186 section 3.2.1.4).
  nonisolated(unsafe) static let p384 = curve(
    "secp384r1",
    basePoint: "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7"
      + "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f")

  private static func curve(_ name: String, basePoint: String) -> OpaquePointer? {
    let point = Hex.decode(basePoint) ?? []
    return copenssl_ec_key(name, point, point.count, nil, 0)
  }

  static func digest(_ bytes: [UInt8], algorithm: OpaquePointer?, count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { output, written in
      let result = bytes.withUnsafeBytes {
        EVP_Digest($0.baseAddress, $0.count, output.baseAddress, nil, algorithm, nil)
      }
      // Fails only when memory is exhausted; a wrong digest must never be returned in its place.
      precondition(result == 1, "the cryptographic library failed to hash")
      written = count
    }
  }
}
