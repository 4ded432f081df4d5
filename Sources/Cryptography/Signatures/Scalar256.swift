internal import COpenSSL

/// An unsigned 256-bit number, most significant word first, as scalars of P-256 and secp256k1 need it.
struct Scalar256: Sendable, Hashable, Comparable {
  var word0: UInt64
  var word1: UInt64
  var word2: UInt64
  var word3: UInt64

  /// The order of P-256 (FIPS 186-5, SP 800-186 section 3.2.1.3).
  static let p256Order = Scalar256(
    word0: 0xFFFF_FFFF_0000_0000, word1: 0xFFFF_FFFF_FFFF_FFFF,
    word2: 0xBCE6_FAAD_A717_9E84, word3: 0xF3B9_CAC2_FC63_2551)
  /// Half the order of P-256, rounded down: the largest "low" S.
  static let p256HalfOrder = Scalar256(
    word0: 0x7FFF_FFFF_8000_0000, word1: 0x7FFF_FFFF_FFFF_FFFF,
    word2: 0xDE73_7D56_D38B_CF42, word3: 0x79DC_E561_7E31_92A8)
  /// The order of secp256k1 (SEC 2 section 2.4.1).
  static let secp256k1Order = Scalar256(
    word0: 0xFFFF_FFFF_FFFF_FFFF, word1: 0xFFFF_FFFF_FFFF_FFFE,
    word2: 0xBAAE_DCE6_AF48_A03B, word3: 0xBFD2_5E8C_D036_4141)

  var isZero: Bool { word0 | word1 | word2 | word3 == 0 }

  static func < (left: Scalar256, right: Scalar256) -> Bool {
    if left.word0 != right.word0 { return left.word0 < right.word0 }
    if left.word1 != right.word1 { return left.word1 < right.word1 }
    if left.word2 != right.word2 { return left.word2 < right.word2 }
    return left.word3 < right.word3
  }

  /// The difference; the caller knows that `right` is not larger.
  static func - (left: Scalar256, right: Scalar256) -> Scalar256 {
    let (word3, borrow3) = left.word3.subtractingReportingOverflow(right.word3)
    let (part2, borrow2a) = left.word2.subtractingReportingOverflow(right.word2)
    let (word2, borrow2b) = part2.subtractingReportingOverflow(borrow3 ? 1 : 0)
    let (part1, borrow1a) = left.word1.subtractingReportingOverflow(right.word1)
    let (word1, borrow1b) = part1.subtractingReportingOverflow(borrow2a || borrow2b ? 1 : 0)
    let word0 = left.word0 &- right.word0 &- (borrow1a || borrow1b ? 1 : 0)
    return Scalar256(word0: word0, word1: word1, word2: word2, word3: word3)
  }
}

extension Scalar256 {
  /// A big-endian number of at most 32 bytes; nil for more.
  init?(bigEndian bytes: some Collection<UInt8>) {
    guard bytes.count <= 32 else { return nil }
    self.init(word0: 0, word1: 0, word2: 0, word3: 0)
    for byte in bytes {
      word0 = word0 << 8 | word1 >> 56
      word1 = word1 << 8 | word2 >> 56
      word2 = word2 << 8 | word3 >> 56
      word3 = word3 << 8 | UInt64(byte)
    }
  }

  /// Exactly 32 big-endian bytes.
  var bytes: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { output, written in
      write(to: UnsafeMutableRawBufferPointer(output))
      written = 32
    }
  }

  /// Writes 32 big-endian bytes to the start of the buffer.
  func write(to buffer: UnsafeMutableRawBufferPointer) {
    buffer.storeBytes(of: word0.bigEndian, toByteOffset: 0, as: UInt64.self)
    buffer.storeBytes(of: word1.bigEndian, toByteOffset: 8, as: UInt64.self)
    buffer.storeBytes(of: word2.bigEndian, toByteOffset: 16, as: UInt64.self)
    buffer.storeBytes(of: word3.bigEndian, toByteOffset: 24, as: UInt64.self)
  }
}
