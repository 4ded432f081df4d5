internal import COpenSSL

/// A decoded key of the library.
///
/// Nothing changes it after `init`, and each operation makes its own context, so threads share it freely. The library
/// wipes private numbers when it frees the key.
final class LibraryKey: @unchecked Sendable {
  let pointer: OpaquePointer

  /// Takes over one reference.
  init(owning pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    EVP_PKEY_free(pointer)
  }

  /// Whether DER `signature` is valid for a digest, or for a message where the algorithm hashes by itself.
  func verifies(
    _ signature: UnsafeRawBufferPointer, of digest: UnsafeRawBufferPointer,
    configure: (OpaquePointer) -> Bool = { _ in true }
  ) -> Bool {
    guard let context = EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil) else { return false }
    defer { EVP_PKEY_CTX_free(context) }
    guard EVP_PKEY_verify_init(context) == 1, configure(context) else { return LibraryErrors.clear(false) }
    let result = EVP_PKEY_verify(
      context, signature.baseAddress?.assumingMemoryBound(to: UInt8.self), signature.count,
      digest.baseAddress?.assumingMemoryBound(to: UInt8.self), digest.count)
    return result == 1 || LibraryErrors.clear(false)
  }

  /// The signature of a digest, of at most `capacity` bytes: DER where the algorithm is ECDSA.
  func sign(
    _ digest: UnsafeRawBufferPointer, capacity: Int = 160, configure: (OpaquePointer) -> Bool = { _ in true }
  ) throws(CryptographyError) -> [UInt8] {
    guard let context = EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil) else {
      throw .libraryFailure("signature context")
    }
    defer { EVP_PKEY_CTX_free(context) }
    var signature = [UInt8](repeating: 0, count: capacity)
    var count = signature.count
    guard EVP_PKEY_sign_init(context) == 1, configure(context),
      EVP_PKEY_sign(
        context, &signature, &count, digest.baseAddress?.assumingMemoryBound(to: UInt8.self), digest.count) == 1
    else { throw LibraryErrors.clear(.libraryFailure("signing")) }
    return [UInt8](signature.prefix(count))
  }

  /// The SubjectPublicKeyInfo that the library writes.
  var subjectPublicKeyInfo: [UInt8]? {
    var encoded: UnsafeMutablePointer<UInt8>?
    let count = i2d_PUBKEY(pointer, &encoded)
    guard count > 0, let encoded else { return LibraryErrors.clear(nil) }
    defer { copenssl_free(encoded) }
    return [UInt8](UnsafeBufferPointer(start: encoded, count: Int(count)))
  }
}

/// The library's queue of errors, one per thread.
enum LibraryErrors {
  /// Empties the queue, so that a refused signature is not mistaken later for a failed TLS read on the same thread.
  static func clear<Value>(_ value: Value) -> Value {
    ERR_clear_error()
    return value
  }
}
