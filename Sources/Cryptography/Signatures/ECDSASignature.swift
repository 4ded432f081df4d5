/// An ECDSA signature over P-256: the numbers r and s, both in 1..<n.
///
/// The same pair has two texts, DER and the 64 bytes r || s (IEEE P1363). For each signature (r, s) the pair (r, n - s)
/// is valid too, so signature bytes never identify anything; `lowS` names one of the two.
public struct ECDSASignature: Sendable, Hashable {
  let r: Scalar256
  let s: Scalar256

  init(r: Scalar256, s: Scalar256) throws(CryptographyError) {
    guard !r.isZero, r < .p256Order else { throw .malformed("ECDSA signature", reason: "r is not in 1..<n") }
    guard !s.isZero, s < .p256Order else { throw .malformed("ECDSA signature", reason: "s is not in 1..<n") }
    self.r = r
    self.s = s
  }

  private init(unchecked r: Scalar256, _ s: Scalar256) {
    self.r = r
    self.s = s
  }

  /// Reads strict DER (RFC 3279 section 2.2.3): one encoding for each pair, nothing after it.
  public init(strictDER bytes: [UInt8]) throws(CryptographyError) {
    let (r, s) = try DERSignature.decode(bytes, scalarCount: 32)
    guard let r = Scalar256(bigEndian: r), let s = Scalar256(bigEndian: s) else {
      throw .malformed("ECDSA signature", reason: "an integer is longer than 32 bytes")
    }
    try self.init(r: r, s: s)
  }

  /// Reads exactly 64 bytes r || s.
  public init(p1363 bytes: [UInt8]) throws(CryptographyError) {
    guard bytes.count == 64, let r = Scalar256(bigEndian: bytes[..<32]), let s = Scalar256(bigEndian: bytes[32...])
    else { throw .wrongLength(of: "ECDSA signature", expected: "64", actual: bytes.count) }
    try self.init(r: r, s: s)
  }

  /// The strict DER form, 8 to 72 bytes.
  public var der: [UInt8] { DERSignature.encode(r: r.bytes[...], s: s.bytes[...]) }

  /// The 64 bytes r || s.
  public var p1363: [UInt8] { r.bytes + s.bytes }

  /// Whether s is at most half the order of the curve.
  public var isLowS: Bool { s <= .p256HalfOrder }

  /// The one of (r, s) and (r, n - s) with the low s.
  public var lowS: ECDSASignature { isLowS ? self : ECDSASignature(unchecked: r, .p256Order - s) }
}
