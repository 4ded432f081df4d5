import Cryptography
import Testing

@Suite struct X509DERReaderTests {
  /// What a body reads from bytes that it must read to their end; nil where it does not.
  private func read<Value>(_ hex: String, _ body: (inout DERReader) throws -> Value) -> Value? {
    do {
      var reader = try DERReader(Hex.decode(hex) ?? [], path: "test")
      let value = try body(&reader)
      try reader.finish()
      return value
    } catch { return nil }
  }

  @Test(arguments: [
    ("0500", true), ("05", false), ("", false), ("058100", false), ("0580", false), ("05820000", false),
    ("050000", false), ("0501", false), ("1f0100", false), ("0584ffffffff", false), ("05850000000000", false),
    ("04817f" + String(repeating: "00", count: 127), false), ("048180" + String(repeating: "00", count: 128), true),
    ("0482008000" + String(repeating: "00", count: 127), false),
    // Nine bytes of length, of which a reader that does not count keeps the last eight: 128.
    ("0589010000000000000080" + String(repeating: "00", count: 128), false),
  ])
  func lengthsHaveOneForm(hex: String, isRead: Bool) {
    #expect((read(hex) { try $0.anyElement("any") } != nil) == isRead)
  }

  @Test func longLengthsAreRead() throws {
    for count in [127, 128, 255, 256, 65535, 65536] {
      let encoded = DERWriter.octetString([UInt8](repeating: 7, count: count))
      var reader = try DERReader(encoded)
      #expect(try reader.octetString("bytes").count == count)
      try reader.finish()
    }
  }

  @Test(
    arguments: [
      ("020100", [0]), ("02017f", [0x7F]), ("02020080", [0x80]), ("0200", nil), ("020180", nil), ("02020001", nil),
      ("0202ff80", nil), ("0203010000", [1, 0, 0]),
    ] as [(String, [UInt8]?)])
  func integersAreMinimalAndNotNegative(hex: String, value: [UInt8]?) throws {
    var reader = try DERReader(try #require(Hex.decode(hex)))
    #expect((try? reader.integer("number")) == value)
  }

  @Test func smallIntegersHaveRanges() {
    #expect(read("0201ff") { try $0.integer("n", in: -1...1) } == -1)
    #expect(read("020102") { try $0.integer("n", in: -1...1) } == nil)
    #expect(read("0202ff7f") { try $0.integer("n", in: -200...0) } == -129)
    #expect(read("0202ffff") { try $0.integer("n", in: -200...0) } == nil, "a longer -1")
    #expect(read("02087fffffffffffffff") { try $0.integer("n", in: 0...Int64.max) } == .max)
    #expect(read("0209010000000000000080") { try $0.integer("n", in: Int64.min...Int64.max) } == nil)
    #expect(read("0209008000000000000000") { try $0.integer("n", in: 0...Int64.max) } == nil)
    #expect(read("0a0101") { try $0.enumerated("n", in: 0...1) } == 1)
  }

  @Test func booleansAreOneOfTwoBytes() {
    #expect(read("0101ff") { try $0.boolean("b") } == true)
    #expect(read("010100") { try $0.boolean("b") } == false)
    #expect(read("010101") { try $0.boolean("b") } == nil)
    #expect(read("0102ffff") { try $0.boolean("b") } == nil)
    #expect(read("010100") { try $0.optionalTrue("b") } == nil)
    #expect(read("0101ff") { try $0.optionalTrue("b") } == true)
    #expect(read("") { try $0.optionalTrue("b") } == false)
  }

  @Test func bitsHaveNamesOnlyWithinThirtyTwo() {
    #expect(read("030100") { try $0.namedBits("bits") } == 0)
    #expect(read("03020780") { try $0.namedBits("bits") } == 1)
    #expect(read("03050000000001") { try $0.namedBits("bits") } == 1 << 31)
    // Unused bits of nothing, more of them than a byte has, ones among them, a ninth byte, no byte at all.
    for hex in ["030107", "03020800", "03020781", "0306000000000001", "0300"] {
      #expect(read(hex) { try $0.namedBits("bits") } == nil, "\(hex)")
    }
  }

  @Test func nothingHasNoContent() {
    #expect(read("0500") { try $0.null("n") } != nil)
    #expect(read("050100") { try $0.null("n") } == nil)
  }

  @Test func bitStringsAreOfWholeBytes() {
    #expect(read("03020001") { try $0.bitString("bits") } == [1])
    for hex in ["0300", "03020180"] { #expect(read(hex) { try $0.bitString("bits") } == nil, "\(hex)") }
  }

  @Test(
    arguments: [
      ("2a864886f70d01010b", "1.2.840.113549.1.1.11"), ("00", "0.0"), ("27", "0.39"), ("28", "1.0"), ("4f", "1.39"),
      ("50", "2.0"), ("8837", "2.999"), ("2a80", nil), ("2a8001", nil), ("2a81", nil), ("", nil),
      ("2affffffffffffffff7f", "1.2.9223372036854775807"), ("2a81ffffffffffffffff7f", nil),
    ] as [(String, String?)])
  func objectIdentifiersHaveOneForm(hex: String, text: String?) throws {
    let identifier = try? OID(content: try #require(Hex.decode(hex)))
    #expect(identifier?.description == text)
  }

  @Test func objectIdentifiersAreWrittenAsTheyAreRead() throws {
    for identifier in [OID(1, 2, 840, 113549, 1, 1, 11), OID(2, 999, 3), OID(0, 0), OID(1, 39, UInt64(Int64.max))] {
      #expect(try OID(content: identifier.content) == identifier)
    }
    #expect(OID(2, 5, 29, 15).description == "2.5.29.15")
  }

  @Test(
    arguments: [
      ("170d3730303130313030303030305a", 0), ("170d3439313233313233353935395a", 2_524_607_999_000),
      ("170d3530303130313030303030305a", -631_152_000_000), ("180f32303530303130313030303030305a", 2_524_608_000_000),
      ("180f39393939313233313233353935395a", 253_402_300_799_000), ("180f32303439303130313030303030305a", nil),
      ("170d3234303232393030303030305a", 1_709_164_800_000), ("170d3233303232393030303030305a", nil),
      ("170d3234303130313234303030305a", nil), ("170d3234303130313030363030305a", nil),
      ("170d3234303130313030303036305a", nil), ("170b323430313031303030305a", nil),
      ("170d3234303130303030303030305a", nil), ("170d3234303031303030303030305a", nil),
      ("180f31393439313233313233353935395a", -631_152_001_000), ("170d323430313031303030303030", nil),
      // 2100 has no leap day, 2400 has one.
      ("180f32313030303232393030303030305a", nil), ("180f32343030303232393030303030305a", 13_574_563_200_000),
    ] as [(String, Int64?)])
  func timesAreOfTheCalendar(hex: String, milliseconds: Int64?) throws {
    var reader = try DERReader(try #require(Hex.decode(hex)))
    let time = try? reader.time("time")
    #expect(time == milliseconds)
    if let time, time >= -631_152_000_000 { #expect(Hex.encode(try DERWriter.time(time / 1000)) == hex) }
  }

  @Test func readersRefuseWhatIsLeftAndWhatIsTooDeep() throws {
    #expect((read("05000500") { try $0.null("n") } != nil) == false)
    #expect((read("30020500") { try $0.sequence("s").finish() } != nil) == false)
    var nested: [UInt8] = DERWriter.null
    for _ in 0..<40 { nested = DERWriter.sequence(nested) }
    var reader = try DERReader(nested)
    var depth = 0
    #expect(throws: CryptographyError.self) {
      while reader.peekTag == .sequence {
        reader = try reader.sequence("s")
        depth += 1
      }
    }
    #expect(depth == DERReader.maxDepth)
    #expect(throws: CryptographyError.self) { try DERReader([UInt8](repeating: 0, count: DERReader.maxBytes + 1)) }
  }

  @Test func faultsNameTheirField() throws {
    var reader = try DERReader(DERWriter.sequence(DERWriter.null), path: "outer")
    var inner = try reader.sequence("list")
    #expect(throws: CryptographyError.malformed("outer.list.number", reason: "expected tag 0x02, found tag 0x05")) {
      try inner.integer("number")
    }
  }
}
