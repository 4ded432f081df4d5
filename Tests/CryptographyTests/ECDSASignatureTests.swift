import Cryptography
import Testing

@Suite struct ECDSASignatureTests {
  /// The order of P-256.
  private let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

  @Test func smallNumbersHaveShortDER() throws {
    let signature = try ECDSASignature(strictDER: [0x30, 6, 2, 1, 1, 2, 1, 2])
    #expect(signature.p1363 == [UInt8](repeating: 0, count: 31) + [1] + [UInt8](repeating: 0, count: 31) + [2])
    #expect(signature.der == [0x30, 6, 2, 1, 1, 2, 1, 2])
    let high = try ECDSASignature(strictDER: [0x30, 8, 2, 2, 0, 0x80, 2, 2, 0, 0xFF])
    #expect(high.p1363[31] == 0x80)
    #expect(high.p1363[63] == 0xFF)
    #expect(high.der == [0x30, 8, 2, 2, 0, 0x80, 2, 2, 0, 0xFF])
  }

  @Test(
    arguments: [
      ([], "empty"),
      ([0x30], "no length"),
      ([0x30, 0], "no integers"),
      ([0x31, 6, 2, 1, 1, 2, 1, 2], "not a sequence"),
      ([0x30, 7, 2, 1, 1, 2, 1, 2], "sequence too long"),
      ([0x30, 5, 2, 1, 1, 2, 1, 2], "sequence too short"),
      ([0x30, 6, 2, 1, 1, 2, 1, 2, 0], "a byte after the sequence"),
      ([0x30, 7, 2, 1, 1, 2, 1, 2, 0], "a byte after the integers"),
      ([0x30, 9, 2, 1, 1, 2, 1, 2, 2, 1, 3], "three integers"),
      ([0x30, 0x81, 6, 2, 1, 1, 2, 1, 2], "long form of a short length"),
      ([0x30, 0x80, 2, 1, 1, 2, 1, 2, 0, 0], "indefinite length"),
      ([0x30, 7, 2, 0x81, 1, 1, 2, 1, 2], "long form of an integer's length"),
      ([0x30, 7, 2, 2, 0, 1, 2, 1, 2], "leading zero in r"),
      ([0x30, 7, 2, 1, 1, 2, 2, 0, 2], "leading zero in s"),
      ([0x30, 6, 2, 1, 0x81, 2, 1, 2], "negative r"),
      ([0x30, 6, 2, 1, 1, 2, 1, 0xFF], "negative s"),
      ([0x30, 6, 2, 1, 0, 2, 1, 2], "r is zero"),
      ([0x30, 6, 2, 1, 1, 2, 1, 0], "s is zero"),
      ([0x30, 5, 2, 0, 2, 1, 2], "r is empty"),
      ([0x30, 6, 3, 1, 1, 2, 1, 2], "r is not an integer"),
      ([0x30, 6, 2, 1, 1, 4, 1, 2], "s is not an integer"),
      ([0x30, 3, 2, 1, 1], "s is missing"),
      ([0x30, 6, 2, 5, 1, 2, 1, 2], "r is cut off"),
    ] as [([UInt8], String)])
  func derIsStrict(bytes: [UInt8], why: String) {
    #expect(throws: CryptographyError.self, "\(why)") { _ = try ECDSASignature(strictDER: bytes) }
    #expect(throws: CryptographyError.self, "\(why)") { _ = try Secp256k1.Signature(strictDER: bytes) }
    #expect(throws: CryptographyError.self, "\(why)") { _ = try P384.Signature(strictDER: bytes) }
  }

  @Test func numbersMustBeBelowTheOrder() throws {
    let order = try hex(order)
    var below = order
    below[31] -= 1
    let one = [UInt8](repeating: 0, count: 31) + [1]
    let zero = [UInt8](repeating: 0, count: 32)
    #expect(try ECDSASignature(p1363: below + one).p1363 == below + one)
    #expect(try ECDSASignature(p1363: one + below).p1363 == one + below)
    for bytes in [order + one, one + order, zero + one, one + zero, [UInt8](repeating: 0xFF, count: 64)] {
      #expect(throws: CryptographyError.self) { _ = try ECDSASignature(p1363: bytes) }
      let der = [0x30, 70, 2, 33, 0] + bytes[..<32] + [2, 33, 0] + bytes[32...]
      #expect(throws: CryptographyError.self) { _ = try ECDSASignature(strictDER: der) }
    }
    let long: [UInt8] = [0x30, 38, 2, 33, 1] + zero + [2, 1, 1]
    #expect(throws: CryptographyError.malformed("DER signature", reason: "an integer is longer than 32 bytes")) {
      _ = try ECDSASignature(strictDER: long)
    }
    for count in [0, 63, 65, 128] {
      #expect(throws: CryptographyError.wrongLength(of: "ECDSA signature", expected: "64", actual: count)) {
        _ = try ECDSASignature(p1363: [UInt8](repeating: 1, count: count))
      }
    }
  }

  @Test func lowSIsTheLesserOfTwo() throws {
    let order = try hex(order)
    let one = [UInt8](repeating: 0, count: 31) + [1]
    var largest = order
    largest[31] -= 1
    let high = try ECDSASignature(p1363: one + largest)
    #expect(!high.isLowS)
    #expect(high.lowS.p1363 == one + one)
    #expect(high.lowS.lowS == high.lowS)
    // (n - 1) / 2 is the last low s, (n + 1) / 2 the first high one.
    let half = try hex("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8")
    var above = half
    above[31] += 1
    #expect(try ECDSASignature(p1363: one + half).isLowS)
    #expect(try !ECDSASignature(p1363: one + above).isLowS)
    #expect(try ECDSASignature(p1363: one + above).lowS.p1363 == one + half)
  }

  @Test func bothHalvesAreValidAndDistinct() throws {
    let key = P256.PrivateKey.generate()
    for index in 0..<50 {
      let message = pattern(index)
      let signature = try key.sign(message)
      var mirrored = signature.p1363
      var borrow = 0
      for (position, digit) in try hex(order).enumerated().reversed() {
        let difference = Int(digit) - Int(mirrored[32 + position]) - borrow
        mirrored[32 + position] = UInt8((difference + 256) % 256)
        borrow = difference < 0 ? 1 : 0
      }
      let other = try ECDSASignature(p1363: mirrored)
      #expect(signature.isLowS && !other.isLowS)
      #expect(other.lowS == signature)
      #expect(key.publicKey.isValid(other, for: message))
      #expect(try ECDSASignature(strictDER: other.der) == other)
    }
  }
}
