/// An unsigned 256-bit integer: a word of the Ethereum virtual machine. Arithmetic that would leave the range is nil, never a
/// wrapped number: these are amounts of money.
public struct UInt256: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// 64 bits each, the least significant first.
  private var limbs: SIMD4<UInt64>

  public static let zero = UInt256(0)
  public static let max = UInt256(limbs: SIMD4(repeating: .max))

  public init(_ value: UInt64) { limbs = SIMD4(value, 0, 0, 0) }

  private init(limbs: SIMD4<UInt64>) { self.limbs = limbs }

  /// At most 32 big-endian bytes; nil for more.
  public init?(bigEndian bytes: some Collection<UInt8>) {
    guard bytes.count <= 32 else { return nil }
    limbs = .zero
    for (position, byte) in bytes.reversed().enumerated() {
      limbs[position / 8] |= UInt64(byte) << UInt64(position % 8 * 8)
    }
  }

  /// Decimal digits without a leading zero, or `0x` and 1-64 hexadecimal digits (leading zeros are accepted there, since
  /// words are written with them). No sign, no blanks, no separators.
  public init?(_ text: String) {
    if text.hasPrefix("0x") {
      let digits = text.utf8.dropFirst(2)
      guard (1...64).contains(digits.count) else { return nil }
      limbs = .zero
      for (position, digit) in digits.reversed().enumerated() {
        guard let value = HexText.nibble(digit) else { return nil }
        limbs[position / 16] |= UInt64(value) << UInt64(position % 16 * 4)
      }
      return
    }
    guard (1...78).contains(text.utf8.count), text == "0" || text.utf8.first != UInt8(ascii: "0") else { return nil }
    var value = UInt256.zero
    for digit in text.utf8 {
      guard (48...57).contains(digit), let shifted = value.multiplied(by: UInt256(10)),
        let next = shifted.adding(UInt256(UInt64(digit - 48)))
      else { return nil }
      value = next
    }
    self = value
  }

  public static func < (left: UInt256, right: UInt256) -> Bool {
    for index in (0..<4).reversed() where left.limbs[index] != right.limbs[index] {
      return left.limbs[index] < right.limbs[index]
    }
    return false
  }

  /// The sum, or nil where it has more than 256 bits.
  public func adding(_ other: UInt256) -> UInt256? {
    let (sum, carry) = addingWithCarry(other)
    return carry ? nil : sum
  }

  /// The difference, or nil where it is negative.
  public func subtracting(_ other: UInt256) -> UInt256? {
    other <= self ? addingWithCarry(other.negated).sum : nil
  }

  /// The product, or nil where it has more than 256 bits.
  public func multiplied(by other: UInt256) -> UInt256? {
    var result = SIMD4<UInt64>.zero
    for i in 0..<4 where limbs[i] != 0 {
      var carry: UInt64 = 0
      for j in 0..<4 {
        guard i + j < 4 else {
          guard other.limbs[j] == 0 else { return nil }
          continue
        }
        let (high, low) = limbs[i].multipliedFullWidth(by: other.limbs[j])
        let (first, firstCarry) = result[i + j].addingReportingOverflow(low)
        let (second, secondCarry) = first.addingReportingOverflow(carry)
        result[i + j] = second
        // The high half is at most 2^64-2, so one of the two carries always fits.
        carry = high &+ (firstCarry ? 1 : 0) &+ (secondCarry ? 1 : 0)
      }
      guard carry == 0 else { return nil }
    }
    return UInt256(limbs: result)
  }

  /// Quotient and remainder; nil for a division by zero.
  public func divided(by divisor: UInt64) -> (quotient: UInt256, remainder: UInt64)? {
    guard divisor != 0 else { return nil }
    var quotient = SIMD4<UInt64>.zero
    var remainder: UInt64 = 0
    for index in (0..<4).reversed() {
      (quotient[index], remainder) = divisor.dividingFullWidth((remainder, limbs[index]))
    }
    return (UInt256(limbs: quotient), remainder)
  }

  /// Two's complement: 2^256 minus this, and 0 for 0.
  var negated: UInt256 { UInt256(limbs: ~limbs).addingWithCarry(UInt256(1)).sum }

  /// The bit of that number, 0 being the least significant.
  func bit(_ index: Int) -> Bool { limbs[index / 64] >> UInt64(index % 64) & 1 == 1 }

  /// How many bits it needs; 0 for 0.
  public var bitWidth: Int {
    for index in (0..<4).reversed() where limbs[index] != 0 {
      return index * 64 + 64 - limbs[index].leadingZeroBitCount
    }
    return 0
  }

  /// The value, where it fits.
  public var uint64: UInt64? { bitWidth <= 64 ? limbs[0] : nil }

  /// 32 big-endian bytes.
  public var word: [UInt8] {
    (0..<32).map { UInt8(truncatingIfNeeded: limbs[(31 - $0) / 8] >> UInt64((31 - $0) % 8 * 8)) }
  }

  /// Big-endian bytes without leading zeros; none for 0.
  public var minimalBytes: [UInt8] { [UInt8](word.drop { $0 == 0 }) }

  /// `0x` and hexadecimal digits without leading zeros, as JSON-RPC writes quantities.
  public var quantity: String {
    let digits = HexText.encode(word).dropFirst(2).drop { $0 == "0" }
    return digits.isEmpty ? "0x0" : "0x\(digits)"
  }

  /// Decimal digits.
  public var description: String {
    var digits: [UInt8] = []
    var rest = self
    while rest != .zero {
      guard let (quotient, remainder) = rest.divided(by: 10) else { break }
      digits.append(48 + UInt8(remainder))
      rest = quotient
    }
    return digits.isEmpty ? "0" : String(decoding: digits.reversed(), as: UTF8.self)
  }

  private func addingWithCarry(_ other: UInt256) -> (sum: UInt256, carry: Bool) {
    var sum = SIMD4<UInt64>.zero
    var carry = false
    for index in 0..<4 {
      let (first, firstCarry) = limbs[index].addingReportingOverflow(other.limbs[index])
      let (second, secondCarry) = first.addingReportingOverflow(carry ? 1 : 0)
      sum[index] = second
      carry = firstCarry || secondCarry
    }
    return (UInt256(limbs: sum), carry)
  }
}
