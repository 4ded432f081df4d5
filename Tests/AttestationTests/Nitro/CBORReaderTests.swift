import Attestation
import AttestationMint
import CanonicalJSON
import Testing

@Suite struct CBORReaderTests {
  static func read(_ bytes: [UInt8], indefinite: Bool = false) throws -> CBORItem {
    try CBORReader.read(bytes, path: "item", allowsIndefiniteMap: indefinite)
  }

  @Test(arguments: [
    CBORItem.unsigned(0), .unsigned(23), .unsigned(24), .unsigned(255), .unsigned(256), .unsigned(65536),
    .unsigned(1 << 32), .unsigned(.max), .negative(34), .bytes([]), .bytes([1, 2]), .text("ü"), .array([.null]),
    .map([CBORItem.Pair(.unsigned(1), .bool(true)), CBORItem.Pair(.text("1"), .bool(false))]), .tagged(18, .null),
  ])
  func whatIsWrittenIsRead(item: CBORItem) throws {
    #expect(try Self.read(item.encoded) == item)
  }

  @Test(
    arguments: [
      ("a number that is too long", [0x18, 0x17]), ("one of two bytes", [0x19, 0x00, 0xFF]),
      ("one of four bytes", [0x1A, 0x00, 0x00, 0xFF, 0xFF]),
      ("one of eight", [0x1B, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
      ("a length that is too long", [0x58, 0x01, 0x00]), ("a reserved length", [0x1C]),
      ("bytes without an end", [0x5F, 0x41, 0x00, 0xFF]), ("an array without an end", [0x9F, 0xFF]),
      ("a map without an end", [0xBF, 0xFF]), ("a float", [0xF9, 0x00, 0x00]), ("undefined", [0xF7]),
      ("a simple value", [0xF8, 0x20]), ("a break", [0xFF]), ("nothing", []), ("cut short", [0x42, 0x00]),
      ("more than there is", [0x5B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
      ("elements that cannot be there", [0x9B, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
      ("one key twice", [0xA2, 0x01, 0xF6, 0x01, 0xF5]), ("no UTF-8", [0x61, 0xFF]),
      ("something after it", [0xF6, 0xF6]),
    ] as [(String, [UInt8])])
  func whatIsNotStrictIsRefused(name: String, bytes: [UInt8]) {
    #expect(throws: FieldError.self, "\(name)") { try Self.read(bytes) }
  }

  @Test func onlyTheOutermostMapMayEndWithABreak() throws {
    #expect(try Self.read([0xBF, 0x01, 0xF6, 0xFF], indefinite: true) == .map([CBORItem.Pair(.unsigned(1), .null)]))
    #expect(throws: FieldError.self) { try Self.read([0xBF, 0x01, 0xBF, 0xFF, 0xFF], indefinite: true) }
    #expect(throws: FieldError.self) { try Self.read([0x81, 0xBF, 0xFF], indefinite: true) }
    #expect(throws: FieldError.self, "one key twice") {
      try Self.read([0xBF, 0x01, 0xF6, 0x01, 0xF6, 0xFF], indefinite: true)
    }
    #expect(throws: FieldError.self, "no break") { try Self.read([0xBF, 0x01, 0xF6], indefinite: true) }
  }

  @Test func depthAndCountAreBounded() throws {
    let deep = [UInt8](repeating: 0x81, count: CBORReader.Limits.depth)
    #expect(throws: Never.self) { try Self.read(deep + [0xF6]) }
    #expect(throws: FieldError.self) { try Self.read(deep + [0x81, 0xF6]) }
    let many = [CBORItem](repeating: .null, count: CBORReader.Limits.items - 1)
    #expect(throws: Never.self) { try Self.read(CBORItem.array(many).encoded) }
    #expect(throws: FieldError.self) { try Self.read(CBORItem.array(many + [.null]).encoded) }
  }
}
