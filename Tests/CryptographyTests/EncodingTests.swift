import Cryptography
import Testing

@Suite struct EncodingTests {
  @Test func hexadecimalHasOneCase() {
    #expect(Hex.encode([0, 1, 0x9A, 0xFF]) == "00019aff")
    #expect(Hex.encode([9, 8, 7].dropFirst()) == "0807")
    #expect(Hex.decode("00019aff") == [0, 1, 0x9A, 0xFF])
    #expect(Hex.decode("") == [])
    for text in ["0", "0A", "0g", " 00", "00 ", "0x00", "0\u{0}", "é", "/0", ":0", "`0"] {
      #expect(Hex.decode(text) == nil, "\(text.debugDescription)")
    }
  }

  /// RFC 4648 section 10.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
  ])
  func base64(bytes: String, text: String) {
    #expect(Base64.encode(Array(bytes.utf8)) == text)
    #expect(Base64.decode(text) == Array(bytes.utf8))
    let unpadded = text.filter { $0 != "=" }
    #expect(Base64.encodeURL(Array(bytes.utf8)) == unpadded)
    #expect(Base64.decodeURL(unpadded) == Array(bytes.utf8))
  }

  @Test func everyByteSurvivesBothAlphabets() {
    for count in 250...256 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ count) }
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
      #expect(Base64.decodeURL(Base64.encodeURL(bytes)) == bytes)
      #expect(Hex.decode(Hex.encode(bytes)) == bytes)
    }
    #expect(Base64.encode([0xFB, 0xFF]) == "+/8=")
    #expect(Base64.encodeURL([0xFB, 0xFF]) == "-_8")
  }

  @Test func base64HasOneTextForEachByteString() {
    let refused = [
      "Zg", "Zg=", "Zg===", "Zg==Zg==", "Z===", "====", "=", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "\nZm9v", "-_8=",
      "Zm9*",
      "Zg=g", "Zm9\u{0}", "Zm9é",
    ]
    for text in refused { #expect(Base64.decode(text) == nil, "\(text.debugDescription)") }
    for text in ["Zg==", "Zh", "Zm9", "Z", "A", "AAAAA", "+/8", "Zm9v\n", "Zm9v="] {
      #expect(Base64.decodeURL(text) == nil, "\(text.debugDescription)")
    }
  }

  @Test func pemReadsWhatItWrites() throws {
    for count in [1, 47, 48, 49, 96, 200] {
      let text = PEM.encode(pattern(count), label: "THING")
      #expect(try PEM.decode(text, label: "THING") == pattern(count))
      #expect(try PEM.decode(text.replacing("\n", with: "\r\n"), label: "THING") == pattern(count))
      #expect(try PEM.decodeAll(text + "\n" + text, label: "THING") == [pattern(count), pattern(count)])
      #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count <= 64 })
    }
    #expect(try PEM.decodeAll("", label: "THING").isEmpty)
  }

  @Test func pemRefusesWhatSurroundsOrBreaksABlock() throws {
    let text = PEM.encode(pattern(100), label: "THING")
    let lines = text.split(separator: "\n").map(String.init)
    let refused: [String] = [
      "", "note\n" + text, text + "note", text + text, String(text.dropLast(10)),
      text.replacing("THING", with: "OTHER"),
      text.replacing("END THING", with: "END OTHER"), text.replacing("A", with: "*"),
      ([lines[0], "AA==", lines[1]] + lines[2...]).joined(separator: "\n"),
      ([lines[0], ""] + lines[1...]).joined(separator: "\n"),
      [lines[0], lines[1] + lines[2], lines.last ?? ""].joined(separator: "\n"),
      [lines[0], lines.last ?? ""].joined(separator: "\n"), "-----BEGIN THING-----",
    ]
    for text in refused {
      #expect(throws: CryptographyError.self, "\(text.debugDescription)") { _ = try PEM.decode(text, label: "THING") }
    }
  }
}
