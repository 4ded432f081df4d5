internal import COpenSSL

extension P256.PrivateKey {
  /// The x coordinate that both sides compute, 32 bytes (ECDH; SP 800-56A section 5.7.1.2).
  ///
  /// A peer's point was checked to be on the curve when its key was read, and the curve's order is prime: no point of
  /// it can force a weak secret.
  public func sharedSecret(with peer: P256.PublicKey) throws(CryptographyError) -> SecretBytes {
    try withLibraryKey { (own) throws(CryptographyError) in
      try peer.withLibraryKey { (other) throws(CryptographyError) in
        guard let context = EVP_PKEY_CTX_new_from_pkey(nil, own.pointer, nil) else {
          throw .libraryFailure("key agreement context")
        }
        defer { EVP_PKEY_CTX_free(context) }
        guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, other.pointer) == 1 else {
          throw LibraryErrors.clear(.libraryFailure("key agreement"))
        }
        return try SecretBytes(count: 32) { (output) throws(CryptographyError) in
          var count = 32
          guard EVP_PKEY_derive(context, output.baseAddress?.assumingMemoryBound(to: UInt8.self), &count) == 1,
            count == 32
          else { throw LibraryErrors.clear(.libraryFailure("key agreement")) }
        }
      }
    }
  }
}
