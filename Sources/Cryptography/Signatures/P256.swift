internal import COpenSSL

/// ECDSA over the curve P-256 with SHA-256 (FIPS 186-5; ES256 in RFC 7518 section 3.4).
public enum P256 {
  /// A point of the curve, decoded once: checking many signatures of one signer costs no parsing.
  public struct PublicKey: Sendable, Hashable {
    /// The one SubjectPublicKeyInfo (RFC 5480) of an uncompressed point on the named curve, 91 bytes, up to the point.
    private static let spkiPrefix: [UInt8] = [
      0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
      0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ]

    /// The point as 65 bytes 04 || X || Y (SEC 1 section 2.3.3).
    public let x963: [UInt8]
    private let key: LibraryKey

    /// Reads exactly the 91 bytes that `spkiDER` writes. Compressed points, explicit curve parameters, other curves
    /// and BER are refused, so that a key has one text and comparing texts compares keys.
    public init(spkiDER bytes: [UInt8]) throws(CryptographyError) {
      guard bytes.count == 91 else {
        throw .wrongLength(of: "P-256 SubjectPublicKeyInfo", expected: "91", actual: bytes.count)
      }
      guard bytes.starts(with: Self.spkiPrefix) else { throw .notCanonical("P-256 SubjectPublicKeyInfo") }
      try self.init(x963: [UInt8](bytes[26...]))
    }

    /// Reads 65 bytes 04 || X || Y of a point on the curve.
    public init(x963 bytes: [UInt8]) throws(CryptographyError) {
      guard bytes.count == 65 else { throw .wrongLength(of: "P-256 point", expected: "65", actual: bytes.count) }
      guard bytes[0] == 4 else { throw .notCanonical("P-256 point") }
      guard let decoded = copenssl_ec_public_key(Algorithms.p256, bytes, bytes.count) else {
        throw LibraryErrors.clear(.invalidKey("the point is not on P-256"))
      }
      x963 = bytes
      key = LibraryKey(owning: decoded)
    }

    /// The canonical SubjectPublicKeyInfo, 91 bytes.
    public var spkiDER: [UInt8] { Self.spkiPrefix + x963 }

    /// Whether the signature, with low or high s, belongs to the SHA-256 of the message.
    public func isValid(_ signature: ECDSASignature, for message: [UInt8]) -> Bool {
      isValid(signature, forDigest: SHA256.hash(message))
    }

    /// Whether the signature, with low or high s, belongs to the digest.
    public func isValid(_ signature: ECDSASignature, forDigest digest: SHA256Digest) -> Bool {
      signature.der.withUnsafeBytes { signature in
        digest.withUnsafeBytes { key.verifies(signature, of: $0) }
      }
    }

    /// Whether the signature, with low or high s, belongs to the digest of the message by the hash that a format prescribes.
    public func isValid(_ signature: ECDSASignature, for message: [UInt8], hash: DigestAlgorithm) -> Bool {
      let digest = hash.hash(message)
      return signature.der.withUnsafeBytes { signature in
        digest.withUnsafeBytes { key.verifies(signature, of: $0) }
      }
    }

    func withLibraryKey<Result, Failure: Error>(
      _ body: (LibraryKey) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      try body(key)
    }

    public static func == (left: PublicKey, right: PublicKey) -> Bool { left.x963 == right.x963 }
    public func hash(into hasher: inout Hasher) { hasher.combine(x963) }
  }
}
