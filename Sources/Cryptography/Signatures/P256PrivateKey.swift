internal import COpenSSL

extension P256 {
  /// A number in 1..<n that signs. Wiped when the last reference goes away.
  public final class PrivateKey: Sendable {
    /// The public key that belongs to it.
    public let publicKey: PublicKey
    private let scalar: SecretBytes
    private let key: LibraryKey

    /// A fresh key. Stops the process when the random generator fails.
    public static func generate() -> PrivateKey {
      // A random number is outside 1..<n once in 2^32 times: three in a row mean a broken library.
      for _ in 0..<3 {
        if let key = try? PrivateKey(scalar: SecretBytes.random(count: 32)) { return key }
      }
      preconditionFailure("the cryptographic library makes no P-256 keys")
    }

    /// Reads 32 big-endian bytes of a number in 1..<n.
    public convenience init(rawScalar bytes: [UInt8]) throws(CryptographyError) {
      try self.init(scalar: SecretBytes(copying: bytes))
    }

    /// Takes 32 big-endian bytes of a number in 1..<n.
    public init(scalar: SecretBytes) throws(CryptographyError) {
      guard scalar.count == 32 else {
        throw .wrongLength(of: "P-256 private key", expected: "32", actual: scalar.count)
      }
      let number = scalar.withUnsafeBytes { Scalar256(bigEndian: $0) }
      guard let number, !number.isZero, number < .p256Order else {
        throw .invalidKey("the P-256 private number is not in 1..<n")
      }
      var point = [UInt8](repeating: 0, count: 65)
      let decoded: OpaquePointer? = scalar.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
          copenssl_ec_public_point(NID_X9_62_prime256v1, base, bytes.count, &point, point.count) == 1
        else { return nil }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { littleEndian in
          _ = littleEndian.initialize(fromContentsOf: bytes.reversed())
          defer { OPENSSL_cleanse(littleEndian.baseAddress, 32) }
          return copenssl_ec_key("prime256v1", point, point.count, littleEndian.baseAddress, 32)
        }
      }
      guard let decoded else { throw LibraryErrors.clear(.libraryFailure("making a P-256 key")) }
      key = LibraryKey(owning: decoded)
      publicKey = try PublicKey(x963: point)
      self.scalar = scalar
    }

    /// Reads an unencrypted PKCS#8 key (RFC 5958) as OpenSSL, Node and Python write it.
    ///
    /// - Throws: `unsupportedKey` for other algorithms and curves, `malformed` for anything after the key,
    ///   `invalidKey` when the public part does not belong to the private one.
    public convenience init(pkcs8DER bytes: [UInt8]) throws(CryptographyError) {
      try self.init(scalar: PKCS8.p256Scalar(bytes))
    }

    /// Reads one `-----BEGIN PRIVATE KEY-----` block (RFC 7468 section 10) and nothing else.
    public convenience init(pkcs8PEM text: String) throws(CryptographyError) {
      try self.init(pkcs8DER: PEM.decode(text, label: "PRIVATE KEY"))
    }

    func withLibraryKey<Result, Failure: Error>(
      _ body: (LibraryKey) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      try body(key)
    }

    /// The 32 big-endian bytes of the number.
    public var rawScalar: SecretBytes { scalar }

    /// The PKCS#8 form (RFC 5958, RFC 5915), 138 bytes, as OpenSSL writes it.
    public var pkcs8DER: SecretBytes { PKCS8.encode(p256: scalar, publicKey: publicKey) }

    /// The PKCS#8 form as one PEM block. A `String` cannot be wiped: make it only to write it to a file.
    public var pkcs8PEM: String {
      pkcs8DER.withUnsafeBytes { PEM.encode([UInt8]($0), label: "PRIVATE KEY") }
    }

    /// A low-s signature of the SHA-256 of the message.
    public func sign(_ message: [UInt8]) throws(CryptographyError) -> ECDSASignature {
      try sign(digest: SHA256.hash(message))
    }

    /// A low-s signature of the digest.
    public func sign(digest: SHA256Digest) throws(CryptographyError) -> ECDSASignature {
      let bytes = digest.bytes
      let der: [UInt8]
      do { der = try bytes.withUnsafeBytes { try key.sign($0) } } catch { throw .libraryFailure("signing") }
      return try ECDSASignature(strictDER: der).lowS
    }
  }
}
