import Testing

@testable import CanonicalJSON

/// What the strict parser refuses, with the reason and the position it must give.
@Suite struct ParserRefusalTests {
  /// The error for a text; a text that is accepted is a failed test.
  func refusal(_ bytes: [UInt8], limits: JSONLimits = .document(maxBytes: 4096)) -> JSONError? {
    do throws(JSONError) {
      let json = try JSON(parsing: bytes, limits: limits)
      Issue.record("accepted as \(json.canonicalString())")
      return nil
    } catch {
      return error
    }
  }

  func refusal(_ text: String, limits: JSONLimits = .document(maxBytes: 4096)) -> JSONError? {
    refusal(Array(text.utf8), limits: limits)
  }

  @Test(arguments: [
    (#"{"a":1,"a":2}"#, "a", 7),
    (#"{"b":1,"a":2,"b":3}"#, "b", 13),
    (#"{"x":{"k":0,"j":[{"k":1}],"k":1}}"#, "k", 26),
    // The same name in two spellings.
    (#"{"a":1,"\u0061":2}"#, "a", 7),
    (#"{"\u0061":1,"a":2}"#, "a", 12),
    (#"{"":1,"":2}"#, "", 6),
  ])
  func duplicateNames(text: String, key: String, offset: Int) {
    let error = refusal(text)
    #expect(error?.kind == .duplicateKey(key))
    #expect(error?.offset == offset)
  }

  @Test func duplicateInALargeObject() {
    let members = (0..<500).reversed().map { #""k\#($0)":\#($0)"# } + [#""k77":0"#]
    #expect(
      refusal("{" + members.joined(separator: ",") + "}", limits: .document(maxBytes: 1 << 20))?.kind
        == .duplicateKey("k77"))
  }

  @Test func canonicallyEquivalentNamesAreNotDuplicates() throws {
    let json = try JSON(parsing: "{\"\u{C5}\":1,\"A\u{30A}\":2}", limits: .entry)
    #expect(json.object?.count == 2)
    #expect(json["\u{C5}"] == 1)
    #expect(json["A\u{30A}"] == 2)
  }

  @Test(arguments: [
    (#""\ud800""#, UInt16(0xD800)), (#""\udc00""#, 0xDC00), (#""\ud800\u0041""#, 0xD800), (#""\ud800x""#, 0xD800),
    (#""\udbff\ud800""#, 0xDBFF), (#""\udead\ud800""#, 0xDEAD), (#""\ud83d""#, 0xD83D),
  ])
  func loneSurrogates(text: String, unit: UInt16) {
    #expect(refusal(text)?.kind == .loneSurrogate(unit))
  }

  @Test(
    arguments: [
      [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
      [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
      [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xE2, 0x82], [0xE2, 0x82, 0x41],
      [0xF0, 0x9F, 0x98], [0xF0, 0x9F, 0x41, 0x80],
    ] as [[UInt8]])
  func invalidUTF8(sequence: [UInt8]) {
    #expect(refusal([0x22] + sequence + [0x22])?.kind == .invalidUTF8)
    // Also behind an escape, where another loop runs, and in a member name.
    #expect(refusal(Array(#""\n"#.utf8) + sequence + [0x22])?.kind == .invalidUTF8)
    #expect(refusal(Array(#"{"k"#.utf8) + sequence + Array(#"":1}"#.utf8))?.kind == .invalidUTF8)
  }

  @Test func byteOrderMark() {
    #expect(refusal([0xEF, 0xBB, 0xBF, 0x31])?.kind == .byteOrderMark)
    // Inside a string U+FEFF is an ordinary character.
    #expect((try? JSON(parsing: "\"\u{FEFF}\"", limits: .entry)) == "\u{FEFF}")
  }

  @Test(arguments: [("[1,]", 3), (#"{"a":1,}"#, 7), ("[1, ]", 4)])
  func trailingCommas(text: String, offset: Int) {
    let error = refusal(text)
    #expect(error?.kind == .trailingComma)
    #expect(error?.offset == offset)
  }

  @Test(arguments: ["1 2", "{}{}", "null x", "[]]", "\"a\"b", "1\u{0}"])
  func trailingBytes(text: String) {
    #expect(refusal(text)?.kind == .trailingBytes)
  }

  @Test(arguments: ["01", "-01", "00", "[012]", "-00"])
  func leadingZeros(text: String) {
    #expect(refusal(text)?.kind == .leadingZero)
  }

  @Test(arguments: ["-x", "1.x", "1e+x", "-[", "1.e5", "1.5ex"])
  func malformedNumbers(text: String) {
    #expect(refusal(text)?.kind == .malformedNumber)
  }

  @Test(arguments: [
    "1e400", "-1e400", "1E309", "1e-400", "-0.1e-999999999999",
    "17976931348623159" + String(repeating: "0", count: 292),
  ])
  func numbersOutOfRange(text: String) {
    #expect(refusal(text)?.kind == .numberOutOfRange)
  }

  @Test(arguments: [
    "9007199254740992", "-9007199254740992", "9007199254740993", "18446744073709551617", "184467440737095516160",
    "1.5", "1.0", "1e2", "10000000000000000",
  ])
  func onlySafeIntegersInClaimsAndEntries(text: String) {
    #expect(refusal(text, limits: .entry)?.kind == .numberNotSafeInteger)
    #expect(refusal(text, limits: .claim)?.kind == .numberNotSafeInteger)
  }

  @Test func everyControlCharacterInAString() {
    for byte in UInt8(0)..<0x20 {
      #expect(refusal([0x22, byte, 0x22])?.kind == .controlCharacter(byte))
      // Behind eight plain bytes (the word-wide scan) and behind an escape.
      #expect(refusal(Array("\"01234567".utf8) + [byte] + Array("89abcdef\"".utf8))?.kind == .controlCharacter(byte))
      #expect(refusal(Array(#""\t"#.utf8) + [byte, 0x22])?.kind == .controlCharacter(byte))
    }
  }

  @Test(arguments: [#""\x""#, #""\'""#, #""\u12g4""#, #""\U0041""#, #""\0""#, #""\ud83d\u12""#])
  func invalidEscapes(text: String) {
    #expect(refusal(text)?.kind == .invalidEscape)
  }

  @Test(arguments: [
    "", " ", "[", "{", "[1", "[1,", #"{"a"#, #"{"a""#, #"{"a":"#, #"{"a":1"#, #"{"a":1,"#, "\"", #""\"#, #""\u00"#,
    "t", "tru", "fals", "nul", "-", "1.", "1e", "1e-", #""\ud83d\u"#,
  ])
  func endsTooEarly(text: String) {
    #expect(refusal(text)?.kind == .endOfInput)
  }

  @Test(arguments: [
    "'a'", "NaN", "Infinity", "+1", ".5", "{a:1}", "[1 2]", #"{"a" 1}"#, #"{"a":1 "b":2}"#, "/**/1", "True", "[,1]",
    "{,}", #"{1:2}"#, "tRue", "\u{A0}1", "\u{0C}1", "]",
  ])
  func unexpectedBytes(text: String) {
    guard case .unexpected? = refusal(text)?.kind else {
      Issue.record("refused for another reason")
      return
    }
  }

  @Test func nesting() throws {
    for (open, close) in [("[", "]"), (#"{"a":"#, "}")] {
      func text(_ depth: Int) -> String {
        String(repeating: open, count: depth) + "0" + String(repeating: close, count: depth)
      }
      #expect(throws: Never.self) { try JSON(parsing: text(64), limits: .entry) }
      #expect(refusal(text(65), limits: .entry)?.kind == .tooDeep(limit: 64))
      // An attacker's depth never reaches the stack, whatever the caller asks for.
      let careless = JSONLimits(maxBytes: 1 << 24, maxDepth: .max)
      #expect(refusal(text(200_000), limits: careless)?.kind == .tooDeep(limit: JSONLimits.deepest))
    }
  }

  @Test func sizes() throws {
    #expect(refusal("[1,2,3]", limits: .document(maxBytes: 6))?.kind == .tooLarge(limit: 6, actual: 7))
    #expect(try JSON(parsing: "[1,2,3]", limits: .document(maxBytes: 7)).array?.count == 3)
    let short = JSONLimits(maxBytes: 1000, maxStringBytes: 4)
    #expect(try JSON(parsing: #"{"abcd":"\u0041bcd"}"#, limits: short)["abcd"] == "Abcd")
    #expect(refusal(#""abcde""#, limits: short)?.kind == .stringTooLong(limit: 4))
    #expect(refusal(#""\u0041bcde""#, limits: short)?.kind == .stringTooLong(limit: 4))
    #expect(refusal(#"{"abcde":1}"#, limits: short)?.kind == .stringTooLong(limit: 4))
    #expect(JSONLimits.entry.maxBytes == 16_384)
    #expect(JSONLimits.claim.maxBytes == 65_536)
  }

  @Test(arguments: [0xFFFE, 0xFFFF, 0xFDD0, 0xFDEF, 0x1FFFE, 0x10FFFF] as [UInt32])
  func noncharacters(value: UInt32) throws {
    let scalar = try #require(Unicode.Scalar(value))
    let units = String(scalar).utf16.map { "\\u" + String($0, radix: 16) }
    for text in ["\"\(scalar)\"", "\"" + units.map { $0.count == 6 ? $0 : "\\u0" + $0.dropFirst(2) }.joined() + "\""] {
      #expect(refusal(text, limits: .entry)?.kind == .noncharacter(value))
      #expect(try JSON(parsing: text, limits: .claim) == .string(String(scalar)))
    }
  }

  @Test func positions() {
    let error = refusal("{\n  \"é€\": tru\n}")
    #expect(error?.kind == .unexpected(0x0A))
    #expect(error?.line == 2)
    #expect(error?.column == 12)
    #expect(error?.offset == 16)
    #expect(error?.description == "line 2, column 12: unexpected byte 0x0A")
  }

  @Test func messagesCannotForgeATerminal() {
    let error = refusal("{\"\\u001b[2J\u{202E}a\":1,\"\\u001b[2J\u{202E}a\":2}")
    #expect(error?.description == #"line 1, column 18: duplicate name "\u{001B}[2J\u{202E}a""#)
  }
}
