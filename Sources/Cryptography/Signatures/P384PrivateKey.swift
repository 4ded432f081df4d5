internal import COpenSSL

extension P384 {
  /// A number in 1..<n that signs: the authorities and machines of tests, and authorities of our own. Wiped when the last
  /// reference goes away.
  public final class PrivateKey: Sendable {
    /// The public key that belongs to it.
    public let publicKey: PublicKey
    private let key: LibraryKey

    /// A fresh key. Stops the process when the random generator fails.
    public static func generate() -> PrivateKey {
      // A random number is outside 1..<n once in 2^190 times: two in a row mean a broken library.
      for _ in 0..<2 {
        if let key = try? PrivateKey(scalar: SecretBytes.random(count: 48)) { return key }
      }
      preconditionFailure("the cryptographic library makes no P-384 keys")
    }

    /// Takes 48 big-endian bytes of a number in 1..<n.
    public init(scalar: SecretBytes) throws(CryptographyError) {
      guard scalar.count == 48 else {
        throw .wrongLength(of: "P-384 private key", expected: "48", actual: scalar.count)
      }
      guard scalar.withUnsafeBytes({ Self.isInRange($0) }) else {
        throw .invalidKey("the P-384 private number is not in 1..<n")
      }
      var point = [UInt8](repeating: 0, count: 97)
      let decoded: OpaquePointer? = scalar.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
          copenssl_ec_public_point(NID_secp384r1, base, bytes.count, &point, point.count) == 1
        else { return nil }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 48) { littleEndian in
          _ = littleEndian.initialize(fromContentsOf: bytes.reversed())
          defer { OPENSSL_cleanse(littleEndian.baseAddress, 48) }
          return copenssl_ec_key("secp384r1", point, point.count, littleEndian.baseAddress, 48)
        }
      }
      guard let decoded else { throw LibraryErrors.clear(.libraryFailure("making a P-384 key")) }
      key = LibraryKey(owning: decoded)
      publicKey = try PublicKey(x963: point)
    }

    /// The order n of the curve (SP 800-186 section 3.2.1.4).
    private static let order: [UInt8] =
      Hex.decode(
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973") ?? []

    private static func isInRange(_ number: UnsafeRawBufferPointer) -> Bool {
      number.contains { $0 != 0 } && number.lexicographicallyPrecedes(order)
    }

    /// A signature of the digest of the message.
    public func sign(
      _ message: [UInt8], hash: DigestAlgorithm = .sha384
    ) throws(CryptographyError) -> Signature {
      let digest = hash.hash(message)
      let der: [UInt8]
      do { der = try digest.withUnsafeBytes { try key.sign($0) } } catch { throw .libraryFailure("signing") }
      return try Signature(strictDER: der)
    }
  }
}
