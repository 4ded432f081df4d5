internal import COpenSSL

/// Checking ECDSA over the curve P-384 with SHA-384 (FIPS 186-5; ES384 in RFC 7518 section 3.4): attestation keys.
public enum P384 {
  /// The numbers r and s of a signature.
  public struct Signature: Sendable, Hashable {
    /// The 96 bytes r || s.
    public let p1363: [UInt8]

    /// Reads strict DER (RFC 3279 section 2.2.3): one encoding for each pair, nothing after it.
    public init(strictDER bytes: [UInt8]) throws(CryptographyError) {
      let (r, s) = try DERSignature.decode(bytes, scalarCount: 48)
      p1363 = [r, s].flatMap { [UInt8](repeating: 0, count: 48 - $0.count) + $0 }
    }

    /// Reads exactly 96 bytes r || s.
    public init(p1363 bytes: [UInt8]) throws(CryptographyError) {
      guard bytes.count == 96 else {
        throw .wrongLength(of: "P-384 signature", expected: "96", actual: bytes.count)
      }
      p1363 = bytes
    }

    /// The strict DER form.
    public var der: [UInt8] { DERSignature.encode(r: p1363[..<48], s: p1363[48...]) }
  }

  /// A point of the curve, decoded once.
  public struct PublicKey: Sendable, Hashable {
    /// The one SubjectPublicKeyInfo (RFC 5480) of an uncompressed point, 120 bytes, up to the point.
    private static let spkiPrefix: [UInt8] = [
      0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
      0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
    ]

    /// The point as 97 bytes 04 || X || Y (SEC 1 section 2.3.3).
    public let x963: [UInt8]
    private let key: LibraryKey

    /// Reads exactly the 120 bytes that `spkiDER` writes.
    public init(spkiDER bytes: [UInt8]) throws(CryptographyError) {
      guard bytes.count == 120 else {
        throw .wrongLength(of: "P-384 SubjectPublicKeyInfo", expected: "120", actual: bytes.count)
      }
      guard bytes.starts(with: Self.spkiPrefix) else { throw .notCanonical("P-384 SubjectPublicKeyInfo") }
      try self.init(x963: [UInt8](bytes[23...]))
    }

    /// Reads 97 bytes 04 || X || Y of a point on the curve.
    public init(x963 bytes: [UInt8]) throws(CryptographyError) {
      guard bytes.count == 97 else { throw .wrongLength(of: "P-384 point", expected: "97", actual: bytes.count) }
      guard bytes[0] == 4 else { throw .notCanonical("P-384 point") }
      guard let decoded = copenssl_ec_public_key(Algorithms.p384, bytes, bytes.count) else {
        throw LibraryErrors.clear(.invalidKey("the point is not on P-384"))
      }
      x963 = bytes
      key = LibraryKey(owning: decoded)
    }

    /// The canonical SubjectPublicKeyInfo, 120 bytes.
    public var spkiDER: [UInt8] { Self.spkiPrefix + x963 }

    /// Whether the signature belongs to the digest of the message: SHA-384 unless a format prescribes another.
    public func isValid(
      _ signature: Signature, for message: [UInt8], hash: DigestAlgorithm = .sha384
    ) -> Bool {
      let digest = hash.hash(message)
      return signature.der.withUnsafeBytes { signature in
        digest.withUnsafeBytes { key.verifies(signature, of: $0) }
      }
    }

    public static func == (left: PublicKey, right: PublicKey) -> Bool { left.x963 == right.x963 }
    public func hash(into hasher: inout Hasher) { hasher.combine(x963) }
  }
}
