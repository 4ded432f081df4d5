import Testing

@testable import CanonicalJSON

@Suite struct ParserAcceptanceTests {
  func parse(_ text: String) throws -> JSON { try JSON(parsing: text, limits: .document(maxBytes: 1 << 20)) }

  @Test func everyKindOfValue() throws {
    let json = try parse(" {\"a\" : [ null , true , false , -12 , 1.5 , \"x\" , [ ] , { } ]\r\n\t} ")
    #expect(json == ["a": [nil, true, false, -12, .double(1.5), "x", [], [:]]])
    #expect(json["a"]?.array?.first?.isNull == true)
    #expect(json["b"] == nil)
    #expect(json["a"]?["b"] == nil)
  }

  @Test(
    arguments: [
      ("0", 0), ("-0", 0), ("-0.0", 0), ("0e5", 0), ("0.000e-999", 0), ("1.0", 1), ("1e0", 1), ("1E+2", 100),
      ("100e-2", 1),
      ("9007199254740991", 9_007_199_254_740_991), ("-9007199254740991", -9_007_199_254_740_991),
      ("9007199254740991.0", 9_007_199_254_740_991), ("0.5e1", 5), ("123456789012345", 123_456_789_012_345),
    ] as [(String, Int64)])
  func integralNumbersAreIntegers(text: String, value: Int64) throws {
    #expect(try parse(text) == .integer(value))
    #expect(try parse("[\(text)]") == [.integer(value)])
  }

  @Test(
    arguments: [
      ("9007199254740992", 9_007_199_254_740_992.0), ("-9007199254740993", -9_007_199_254_740_992), ("0.1", 0.1),
      ("-2.5e-3", -0.0025),
      ("1e30", 1e30), ("1.7976931348623157e308", .greatestFiniteMagnitude), ("5e-324", .leastNonzeroMagnitude),
      ("3e-324", .leastNonzeroMagnitude),
      // Halfway cases and more digits than a binary64 holds: rounded to even, as every correct reader does.
      ("9007199254740993.00000000000000000000000000000000000001", 9_007_199_254_740_994),
      ("2.22507385850720113605740979670913197593481954635164564e-308", Double(bitPattern: 0x000F_FFFF_FFFF_FFFF)),
      ("18446744073709551616", 18_446_744_073_709_551_616), ("18446744073709551617", 18_446_744_073_709_551_616),
    ] as [(String, Double)])
  func otherNumbersAreDoubles(text: String, value: Double) throws {
    #expect(try parse(text) == .double(value))
    #expect(try parse(text).number == value)
  }

  @Test func escapes() throws {
    #expect(
      try parse(#""\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00\u0000""#).string == "\"\\/\u{8}\u{C}\n\r\tAé€😀\0")
    #expect(
      try parse(#""plain before \n and a long plain part after the escape""#).string
        == "plain before \n and a long plain part after the escape")
    #expect(try parse(#""é\né""#).string == "é\né")
  }

  /// Puts a special byte at each position of the word-wide scan.
  @Test func stringsOfEveryLength() throws {
    for length in 0..<40 {
      let plain = String(repeating: "x", count: length)
      for rest in 0..<10 {
        let tail = String(repeating: "y", count: rest)
        #expect(try parse("\"\(plain)\\n\(tail)\"").string == "\(plain)\n\(tail)")
        #expect(try parse("\"\(plain)é\(tail)\"").string == "\(plain)é\(tail)")
        #expect(try parse("\"\(plain)\u{7F}\(tail)\"").string == "\(plain)\u{7F}\(tail)")
        #expect(try parse("[\"\(plain)\",\"\(tail)\"]") == [.string(plain), .string(tail)])
      }
    }
  }

  @Test func everyScalarSurvives() throws {
    var text = ""
    for value in (0..<0x3000).map(UInt32.init) + stride(from: 0x3000, to: 0x11_0000, by: 97) {
      guard let scalar = Unicode.Scalar(value) else { continue }
      text.unicodeScalars.append(scalar)
    }
    let written = JSON.string(text).canonicalBytes()
    let limits = JSONLimits(maxBytes: 1 << 20, allowsNoncharacters: true)
    #expect(try JSON(parsing: written, limits: limits) == .string(text))
  }

  @Test func slicesCountFromTheirStart() throws {
    let bytes = Array("xx[1]".utf8)
    #expect(try JSON(parsing: bytes[2...], limits: .entry) == [1])
    #expect(throws: JSONError.self) { try JSON(parsing: bytes[3...], limits: .entry) }
    do throws(JSONError) {
      _ = try JSON(parsing: bytes[3...], limits: .entry)
    } catch {
      #expect(error.offset == 1)
    }
  }
}
