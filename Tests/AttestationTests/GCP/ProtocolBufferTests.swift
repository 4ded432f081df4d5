import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

@Suite struct ProtocolBufferTests {
  private func read(_ hex: String) throws -> ProtocolBuffer {
    try ProtocolBuffer(try #require(Hex.decode(hex))[...], known: [1, 2], path: "test")
  }

  @Test func fieldsAreRead() throws {
    let message = try read("08960112026869")
    #expect(try message.number(1) == 150)
    #expect(try message.bytes(2) == Array("hi".utf8))
    #expect(try read("").number(1) == nil)
    #expect(try read("08ffffffffffffffffff01").number(1) == .max)
  }

  @Test(arguments: [
    // An unknown field, groups, fixed widths, the end inside a key, a number, a length and bytes.
    "1801", "0b0c", "0d00000000", "0900000000000000", "88", "0896", "12", "1202ff",
    // Longer forms of numbers than need be, and numbers beyond 64 bits.
    "889600", "8801", "08800180", "0880808080808080808002", "08808080808080808080807f", "128100aa",
  ])
  func otherFormsAreRefused(hex: String) {
    #expect(throws: FieldError.self) { try read(hex) }
  }

  @Test func fieldsAreThereOnceAndOfTheirType() throws {
    #expect(throws: FieldError.self) { try read("08010802").number(1) }
    #expect(throws: FieldError.self) { try read("1200120168").bytes(2) }
    #expect(throws: FieldError.self) { try read("0a00").number(1) }
    #expect(throws: FieldError.self) { try read("1001").bytes(2) }
    #expect(try read("1200120168").all(2).count == 2)
  }
}
