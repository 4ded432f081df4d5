internal import COpenSSL

/// Key agreement on Curve25519 (RFC 7748).
public enum X25519 {
  /// A 32-byte secret. Wiped when the last reference goes away.
  public final class PrivateKey: Sendable {
    /// The 32 bytes to hand to the peer.
    public let publicKey: [UInt8]
    /// The 32 bytes to keep.
    public let secret: SecretBytes
    private let key: LibraryKey

    /// A fresh key. Stops the process when the random generator fails.
    public static func generate() -> PrivateKey {
      if let key = try? PrivateKey(secret: SecretBytes.random(count: 32)) { return key }
      preconditionFailure("the cryptographic library makes no X25519 keys")
    }

    /// Takes any 32 bytes: the function itself sets the bits it needs (RFC 7748 section 5).
    public init(secret: SecretBytes) throws(CryptographyError) {
      guard secret.count == 32 else {
        throw .wrongLength(of: "X25519 private key", expected: "32", actual: secret.count)
      }
      let decoded = secret.withUnsafeBytes {
        EVP_PKEY_new_raw_private_key(
          EVP_PKEY_X25519, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
      }
      guard let decoded else { throw LibraryErrors.clear(.libraryFailure("making an X25519 key")) }
      key = LibraryKey(owning: decoded)
      var point = [UInt8](repeating: 0, count: 32)
      var count = point.count
      guard EVP_PKEY_get_raw_public_key(decoded, &point, &count) == 1 else {
        throw LibraryErrors.clear(.libraryFailure("making an X25519 key"))
      }
      publicKey = point
      self.secret = secret
    }

    /// Reads 32 bytes.
    public convenience init(_ bytes: [UInt8]) throws(CryptographyError) {
      try self.init(secret: SecretBytes(copying: bytes))
    }

    /// The 32 bytes that both sides compute.
    ///
    /// - Throws: `weakSharedSecret` when the result is zero: a peer that sends a point of small order fixes the secret
    ///   whatever our key is (RFC 7748 section 6.1). Points of the twist and unreduced coordinates are accepted,
    ///   as the RFC has it.
    public func sharedSecret(with peer: [UInt8]) throws(CryptographyError) -> SecretBytes {
      guard peer.count == 32 else {
        throw .wrongLength(of: "X25519 public key", expected: "32", actual: peer.count)
      }
      guard let point = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nil, peer, peer.count) else {
        throw LibraryErrors.clear(.invalidKey("not an X25519 public key"))
      }
      let peerKey = LibraryKey(owning: point)
      guard let context = EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, nil) else {
        throw .libraryFailure("key agreement context")
      }
      defer { EVP_PKEY_CTX_free(context) }
      guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, peerKey.pointer) == 1 else {
        throw LibraryErrors.clear(.libraryFailure("key agreement"))
      }
      let shared = try SecretBytes(count: 32) { (output) throws(CryptographyError) in
        var count = 32
        // The library refuses the all-zero result itself; the check below holds whatever its version does.
        guard EVP_PKEY_derive(context, output.baseAddress?.assumingMemoryBound(to: UInt8.self), &count) == 1,
          count == 32
        else { throw LibraryErrors.clear(.weakSharedSecret) }
      }
      guard !shared.isEqual(to: SecretBytes(copying: [UInt8](repeating: 0, count: 32))) else {
        throw .weakSharedSecret
      }
      return shared
    }
  }
}
