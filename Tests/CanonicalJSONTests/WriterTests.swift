import Testing

@testable import CanonicalJSON

@Suite struct WriterTests {
  @Test func escapesAreTheShortOnes() {
    let text = String(
      String.UnicodeScalarView((0...0x22).compactMap(Unicode.Scalar.init(_:) as (UInt32) -> Unicode.Scalar?)))
    #expect(
      JSON.string(text + "\\/\u{7F}\u{2028}é").canonicalString()
        == #""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f\u0010\u0011\u0012\u0013\u0014"#
        + #"\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f !\"\\/"# + "\u{7F}\u{2028}é\"")
  }

  @Test func namesInUTF16Order() {
    let object: JSON = [
      "\u{1F600}": 1, "\u{FB33}": 2, "\u{FFFF}": 3, "\u{E000}": 4, "\u{D7FF}": 5, "z": 6, "": 7, "za": 8,
      "\u{10FFFF}": 9,
    ]
    #expect(
      object.object?.keys == ["", "z", "za", "\u{D7FF}", "\u{1F600}", "\u{10FFFF}", "\u{E000}", "\u{FB33}", "\u{FFFF}"])
  }

  /// The byte-wise comparison against the definition, on all pairs of texts with boundary characters.
  @Test func orderAgreesWithItsDefinition() {
    let pieces = [
      "", "a", "\u{7F}", "\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{E000}", "\u{EFFF}", "\u{F000}", "\u{FFFF}",
      "\u{10000}",
      "\u{10FFFF}", "\u{40000}",
    ]
    let texts = pieces.flatMap { first in pieces.map { first + $0 } }
    for left in texts {
      for right in texts {
        let expected = Array(left.utf16).lexicographicallyPrecedes(Array(right.utf16))
        if UTF16Order.precedes(left, right) != expected {
          Issue.record("\(left.debugDescription) \(right.debugDescription)")
        }
      }
    }
  }

  @Test(
    arguments: [
      (1e21, "1e+21"), (1e20, "100000000000000000000"), (123e18, "123000000000000000000"), (1e-6, "0.000001"),
      (1e-7, "1e-7"),
      (1.5e-7, "1.5e-7"), (-1.5, "-1.5"), (0.1, "0.1"), (1e100, "1e+100"), (4.5e15, "4500000000000000"),
      (1 / 3, "0.3333333333333333"),
      (-0.0, "0"), (.leastNonzeroMagnitude, "5e-324"), (.greatestFiniteMagnitude, "1.7976931348623157e+308"),
      (1e16, "10000000000000000"),
    ] as [(Double, String)])
  func numbers(value: Double, text: String) {
    #expect(JSON.double(value).canonicalString() == text)
    #expect(JSON.number(value)?.canonicalString() == text)
  }

  @Test func numbersThatJSONCannotExpress() {
    #expect(JSON.number(.nan) == nil)
    #expect(JSON.number(.infinity) == nil)
    #expect(JSON.number(-.infinity) == nil)
  }

  @Test func integers() {
    #expect(JSON.integer(0).canonicalString() == "0")
    #expect(JSON.integer(-7).canonicalString() == "-7")
    #expect(JSON.integer(.min).canonicalString() == "-9223372036854775808")
    #expect(JSON.integer(JSON.maxSafeInteger).canonicalString() == "9007199254740991")
  }

  @Test func containers() {
    #expect((["b": [1, [], nil], "a": [:]] as JSON).canonicalString() == #"{"a":{},"b":[1,[],null]}"#)
  }

  @Test func randomValuesSurvive() throws {
    var generator = SeededGenerator(state: 7)
    for _ in 0..<2000 {
      let value = randomValue(depth: 0, &generator)
      let bytes = value.canonicalBytes()
      let read = try JSON(parsing: bytes, limits: .document(maxBytes: 1 << 20))
      #expect(read == value)
      #expect(read.hashValue == value.hashValue)
      #expect(read.canonicalBytes() == bytes)
    }
  }

  func randomValue(depth: Int, _ generator: inout SeededGenerator) -> JSON {
    func text() -> String {
      let alphabet = Array("ab\"\\\n\u{1}é€😀\u{E000}/".unicodeScalars)
      return String(
        String.UnicodeScalarView(
          (0..<Int.random(in: 0..<20, using: &generator)).map { _ in alphabet.randomElement(using: &generator) ?? "a" })
      )
    }
    switch Int.random(in: 0..<(depth > 4 ? 5 : 7), using: &generator) {
    case 0: return nil
    case 1: return .bool(.random(using: &generator))
    case 2: return .integer(.random(in: -JSON.maxSafeInteger...JSON.maxSafeInteger, using: &generator))
    case 3: return JSON.number(Double(bitPattern: generator.next())) ?? 0
    case 4: return .string(text())
    case 5:
      return .array(
        (0..<Int.random(in: 0..<6, using: &generator)).map { _ in randomValue(depth: depth + 1, &generator) })
    default:
      var object = JSONObject()
      for _ in 0..<Int.random(in: 0..<20, using: &generator) {
        object[text()] = randomValue(depth: depth + 1, &generator)
      }
      return .object(object)
    }
  }
}

/// SplitMix64: the same sequence for the same seed, so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}
