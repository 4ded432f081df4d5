internal import COpenSSL

/// Ed25519 (RFC 8032).
///
/// The rule for edge cases is the library's, which is that of the reference code and of Go: the equation is checked
/// without the cofactor, s must be below the group order, R is compared as bytes, and the public key may be
/// any encoding of a point. So a key of small order verifies more than one message: whoever lists keys must know
/// whose they are, as for any key.
public enum Ed25519 {
  /// 32 bytes that verify.
  public struct PublicKey: Sendable, Hashable {
    /// The 32 bytes.
    public let bytes: [UInt8]
    private let key: LibraryKey

    /// Reads 32 bytes. Whether they are a point shows when the first signature is checked (RFC 8032 section 5.1.7).
    public init(_ raw: [UInt8]) throws(CryptographyError) {
      guard raw.count == 32 else { throw .wrongLength(of: "Ed25519 public key", expected: "32", actual: raw.count) }
      guard let decoded = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, raw, raw.count) else {
        throw LibraryErrors.clear(.invalidKey("not an Ed25519 public key"))
      }
      bytes = raw
      key = LibraryKey(owning: decoded)
    }

    /// Whether the 64-byte signature belongs to the message.
    public func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
      guard signature.count == 64, let context = EVP_MD_CTX_new() else { return false }
      defer { EVP_MD_CTX_free(context) }
      return EVP_DigestVerifyInit(context, nil, nil, nil, key.pointer) == 1
        && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        || LibraryErrors.clear(false)
    }

    public static func == (left: PublicKey, right: PublicKey) -> Bool { left.bytes == right.bytes }
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
  }

  /// A 32-byte seed that signs. Wiped when the last reference goes away.
  public final class PrivateKey: Sendable {
    /// The seed (RFC 8032 section 5.1.5).
    public let seed: SecretBytes
    /// The public key that belongs to it.
    public let publicKey: PublicKey
    private let key: LibraryKey

    /// A fresh key. Stops the process when the random generator fails.
    public static func generate() -> PrivateKey {
      if let key = try? PrivateKey(seed: SecretBytes.random(count: 32)) { return key }
      preconditionFailure("the cryptographic library makes no Ed25519 keys")
    }

    /// Takes a 32-byte seed.
    public init(seed: SecretBytes) throws(CryptographyError) {
      guard seed.count == 32 else { throw .wrongLength(of: "Ed25519 seed", expected: "32", actual: seed.count) }
      let decoded = seed.withUnsafeBytes {
        EVP_PKEY_new_raw_private_key(
          EVP_PKEY_ED25519, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
      }
      guard let decoded else { throw LibraryErrors.clear(.libraryFailure("making an Ed25519 key")) }
      key = LibraryKey(owning: decoded)
      var point = [UInt8](repeating: 0, count: 32)
      var count = point.count
      guard EVP_PKEY_get_raw_public_key(decoded, &point, &count) == 1 else {
        throw LibraryErrors.clear(.libraryFailure("making an Ed25519 key"))
      }
      publicKey = try PublicKey(point)
      self.seed = seed
    }

    /// Reads a 32-byte seed.
    public convenience init(seed bytes: [UInt8]) throws(CryptographyError) {
      try self.init(seed: SecretBytes(copying: bytes))
    }

    /// Reads an unencrypted PKCS#8 key (RFC 8410 section 7).
    public convenience init(pkcs8DER bytes: [UInt8]) throws(CryptographyError) {
      try self.init(seed: PKCS8.ed25519Seed(bytes))
    }

    /// The 64-byte signature of the message; the same message always yields the same bytes.
    public func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
      guard let context = EVP_MD_CTX_new() else { throw .libraryFailure("signature context") }
      defer { EVP_MD_CTX_free(context) }
      var signature = [UInt8](repeating: 0, count: 64)
      var count = signature.count
      guard EVP_DigestSignInit(context, nil, nil, nil, key.pointer) == 1,
        EVP_DigestSign(context, &signature, &count, message, message.count) == 1, count == 64
      else { throw LibraryErrors.clear(.libraryFailure("signing")) }
      return signature
    }
  }
}
