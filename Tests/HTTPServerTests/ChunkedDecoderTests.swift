import Testing

@testable import HTTPServer

@Suite struct ChunkedDecoderTests {
  /// Decodes pieces one after the other. Returns the content and the bytes behind the end, nil when more is needed.
  static func decode(_ pieces: [ArraySlice<UInt8>]) throws(HTTPBodyError) -> (content: [UInt8], rest: Int)? {
    var decoder = ChunkedDecoder()
    var content: [UInt8] = []
    for (number, piece) in pieces.enumerated() {
      let bytes = Array(piece)
      var index = 0
      reading: while true {
        switch try decoder.next(bytes.span, &index) {
        case .data(let range): content += bytes[range]
        case .needsMore: break reading
        case .end: return (content, bytes.count - index + pieces[(number + 1)...].reduce(0) { $0 + $1.count })
        }
      }
    }
    return nil
  }

  static let valid: [(String, String, Int)] = [
    ("0\r\n\r\n", "", 0), ("3\r\nabc\r\n0\r\n\r\nNEXT", "abc", 4),
    ("a\r\n0123456789\r\n00A\r\n0123456789\r\n000\r\n\r\n", "01234567890123456789", 0),
    ("1;name=value;other=\"x y\"\r\na\r\n0;last\r\n\r\n", "a", 0), ("1\r\na\r\n0\r\nA: b\r\nC:\r\n\r\n", "a", 0),
    ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", 0),
  ]

  @Test(arguments: valid.indices)
  func decodesHoweverCut(_ number: Int) throws {
    let (text, content, rest) = Self.valid[number]
    let bytes = Array(text.utf8)
    for cut in 0...bytes.count {
      let result = try #require(try Self.decode([bytes[..<cut], bytes[cut...]]))
      #expect(result.content == Array(content.utf8))
      #expect(result.rest == rest)
    }
    let single = try #require(try Self.decode(bytes.indices.map { bytes[$0...$0] }))
    #expect(single.content == Array(content.utf8))
  }

  @Test func neverEndsEarly() throws {
    for (text, _, rest) in Self.valid {
      let bytes = Array(text.utf8)
      for cut in 0..<(bytes.count - rest) { #expect(try Self.decode([bytes[..<cut]]) == nil) }
    }
  }

  @Test func refusesHoweverCut() {
    for text in ["g\r\n", "1\r\nab", "1\r\na\r\rx", "1;\u{1}\r\n", "0\r\n x: y\r\n\r\n", "0\r\n\rx", "\n", ";a\r\n"] {
      let bytes = Array(text.utf8)
      for cut in 0...bytes.count {
        #expect(throws: HTTPBodyError.self) { try Self.decode([bytes[..<cut], bytes[cut...]]) }
      }
    }
  }

  @Test func countsExtensionsAndTrailersAgainstOneLimit() throws {
    let trailer = "0\r\n" + (0..<1000).map { "a\($0 % 10): b\r\n" }.joined()
    #expect(try Self.decode([Array((trailer + "\r\n").utf8)[...]]) != nil)
    let longer = "0\r\n" + (0..<2000).map { "a\($0 % 10): b\r\n" }.joined()
    #expect(throws: HTTPBodyError.self) { try Self.decode([Array(longer.utf8)[...]]) }
    // Many small chunks, each with a small extension: the sum counts.
    let chunks = String(repeating: "1;aaaa\r\nx\r\n", count: 2000)
    #expect(throws: HTTPBodyError.self) { try Self.decode([Array(chunks.utf8)[...]]) }
  }
}
