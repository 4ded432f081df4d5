import Testing

@testable import Ethereum

@Suite struct NumberTests {
  static let top = "115792089237316195423570985008687907853269984665640564039457584007913129639935"

  @Test func decimalAndHexadecimalTextsAreReadStrictly() {
    #expect(UInt256("0") == .zero)
    #expect(UInt256(Self.top) == .max)
    #expect(UInt256("0x" + String(repeating: "f", count: 64)) == .max)
    #expect(UInt256("0x00fF") == UInt256(255))
    #expect(UInt256.max.description == Self.top)
    for text in [
      "", "-1", "+1", "00", "01", " 1", "1 ", "1_000", "1e3", "0x", "0X1", "0xg", "1.0", "\u{661}",
      "115792089237316195423570985008687907853269984665640564039457584007913129639936",
      "0x1" + String(repeating: "0", count: 64),
    ] { #expect(UInt256(text) == nil, "\(text)") }
  }

  @Test func whatLeavesTheRangeIsNil() {
    #expect(UInt256.max.adding(UInt256(1)) == nil)
    #expect(UInt256.zero.subtracting(UInt256(1)) == nil)
    #expect(UInt256.max.multiplied(by: UInt256(2)) == nil)
    #expect(UInt256(5).divided(by: 0) == nil)
    let half = UInt256("340282366920938463463374607431768211456")
    #expect(half?.multiplied(by: half ?? .zero) == nil)
    #expect(half?.subtracting(UInt256(1))?.multiplied(by: half ?? .zero)?.bitWidth == 256)
  }

  @Test func arithmeticAgreesWithItself() throws {
    var generator = Generator(state: 7)
    for _ in 0..<500 {
      let (a, b, c) = (generator.number(128), generator.number(120), generator.next() | 1)
      let product = try #require(a.multiplied(by: b))
      #expect(product == b.multiplied(by: a))
      let sum = try #require(product.adding(a))
      #expect(sum.subtracting(product) == a)
      #expect(sum == b.adding(UInt256(1))?.multiplied(by: a))
      let (quotient, remainder) = try #require(sum.divided(by: c))
      #expect(quotient.multiplied(by: UInt256(c))?.adding(UInt256(remainder)) == sum)
      #expect(UInt256(sum.description) == sum)
      #expect(UInt256(sum.quantity) == sum)
      #expect(UInt256(bigEndian: sum.word) == sum)
      #expect((product < sum) == (a != .zero))
    }
  }

  @Test func signedNumbersAreTwosComplement() {
    #expect(Int256("-1")?.pattern == .max)
    #expect(Int256("-128")?.fits(8) == true)
    #expect(Int256("-129")?.fits(8) == false)
    #expect(Int256("127")?.fits(8) == true)
    #expect(Int256("128")?.fits(8) == false)
    let least = "-57896044618658097711785492504343953926634992332820282019728792003956564819968"
    #expect(Int256(least)?.description == least)
    #expect(Int256("57896044618658097711785492504343953926634992332820282019728792003956564819968") == nil)
    for text in ["-0", "--1", "-", "0x1", "-01", "-0x1", "-" + NumberTests.top] {
      #expect(Int256(text) == nil, "\(text)")
    }
  }
}

/// SplitMix64 with a fixed seed.
struct Generator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func number(_ bits: Int) -> UInt256 {
    let bytes = (0..<bits / 8).map { _ in UInt8(truncatingIfNeeded: next()) }
    return UInt256(bigEndian: bytes) ?? .zero
  }
}
