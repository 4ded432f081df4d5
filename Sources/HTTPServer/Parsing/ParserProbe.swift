/// The parsers of this room as one function of bytes, for fuzzing from outside: everything that a stranger's bytes reach
/// before a handler does, with the properties that must hold whatever they are.
package enum ParserProbe {
  /// A property that does not hold for the input.
  package struct Violation: Error {
    package let what: String
  }

  /// Reads a head, as if the bytes arrived whole and then in two pieces cut at `cut`.
  ///
  /// - Returns: `accepted`, `more`, or the code of the refusal.
  package static func head(_ bytes: [UInt8], cut: Int) throws(Violation) -> String {
    let whole = read([bytes.count], bytes)
    guard read([min(cut, bytes.count), bytes.count], bytes).label == whole.label else {
      throw Violation(what: "a head cut at \(cut) reads otherwise")
    }
    // Refusals name fields of the input; three words tell their kinds apart.
    guard let head = whole.head else { return whole.label.split(separator: " ").prefix(4).joined(separator: " ") }
    for field in head.headers {
      guard field.value.utf8.allSatisfy(ASCII.isFieldValue), !field.name.isEmpty,
        field.name.utf8.allSatisfy(ASCII.isToken),
        !field.name.utf8.contains(where: { $0 != ASCII.lowercased($0) })
      else { throw Violation(what: "the field \(field.name) was accepted") }
    }
    guard head.target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), head.path.hasPrefix("/") || head.path == "*" else {
      throw Violation(what: "the target \(head.target) was accepted")
    }
    guard head.headers.all("host").count == 1 || !head.isCurrentVersion else {
      throw Violation(what: "a request without exactly one host was accepted")
    }
    let lengths = head.headers.all("content-length").count
    let codings = head.headers.all("transfer-encoding").count
    guard lengths + codings <= 1, codings == 0 || head.framing == .chunked else {
      throw Violation(what: "contradicting framing was accepted")
    }
    let again = read([written(head).count], written(head))
    guard again.head?.framing == head.framing, again.head?.headers == head.headers else {
      throw Violation(what: "the head written again reads otherwise")
    }
    return "accepted"
  }

  /// Decodes a chunked body, as if the bytes arrived whole and then in two pieces cut at `cut`.
  package static func chunks(_ bytes: [UInt8], cut: Int) throws(Violation) -> String {
    let whole = decode([bytes[...]])
    let cut = min(cut, bytes.count)
    guard decode([bytes[..<cut], bytes[cut...]]) == whole else {
      throw Violation(what: "a body cut at \(cut) reads otherwise")
    }
    guard whole.content.count <= bytes.count else { throw Violation(what: "more content than input") }
    return whole.label
  }

  private static func read(_ ends: [Int], _ bytes: [UInt8]) -> (label: String, head: RequestHead?) {
    var scanner = HeadScanner(limits: HTTPServerConfiguration.Limits())
    do {
      for end in ends {
        let seen = bytes.span.extracting(0..<end)
        guard let length = try scanner.scan(seen) else { continue }
        try scanner.check(length: length)
        return ("accepted", try RequestHeadParser.parse(seen.extracting(0..<length)))
      }
      return ("more", nil)
    } catch {
      return ("\(error.code) \(error.detail)", nil)
    }
  }

  private static func written(_ head: RequestHead) -> [UInt8] {
    var text = "\(head.method) \(head.target) HTTP/1.\(head.isCurrentVersion ? 1 : 0)\r\n"
    for field in head.headers { text += "\(field.name): \(field.value)\r\n" }
    return Array((text + "\r\n").utf8)
  }

  private struct Decoded: Equatable {
    var label: String
    var content: [UInt8]
  }

  private static func decode(_ pieces: [ArraySlice<UInt8>]) -> Decoded {
    var decoder = ChunkedDecoder()
    var content: [UInt8] = []
    do {
      for piece in pieces {
        let bytes = Array(piece)
        var index = 0
        reading: while true {
          switch try decoder.next(bytes.span, &index) {
          case .data(let range): content += bytes[range]
          case .needsMore: break reading
          case .end: return Decoded(label: "accepted", content: content)
          }
        }
      }
      return Decoded(label: "more", content: content)
    } catch {
      // How far it got before the refusal depends on the pieces; what it refused does not.
      return Decoded(label: "\(error)", content: [])
    }
  }
}
