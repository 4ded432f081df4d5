/// Reads a request head (RFC 9112 sections 2 to 6), strictly: where two readers could disagree about what a request is,
/// or where it ends, it is refused. Proxies and servers that disagreed are how requests are smuggled.
enum RequestHeadParser {
  /// Reads the head that `HeadScanner` delimited: request line, field lines, empty line, each ended by CRLF.
  static func parse(_ bytes: Span<UInt8>) throws(RequestRefusal) -> RequestHead {
    let lineEnd = endOfLine(bytes, from: 0)
    let line = try RequestLine(bytes, end: lineEnd)
    var fields: [HTTPHeaders.Field] = []
    var semantics = FieldSemantics(isCurrentVersion: line.isCurrentVersion)
    var start = lineEnd + 2
    while start < bytes.count {
      let end = endOfLine(bytes, from: start)
      guard end > start else { break }
      let field = try field(bytes, start, end)
      try semantics.note(field)
      fields.append(field)
      start = end + 2
    }
    return try semantics.head(line, HTTPHeaders(fields: fields))
  }

  /// The index of the CR that ends the line at `start`. The scanner has seen one; without it the line ends the bytes.
  private static func endOfLine(_ bytes: Span<UInt8>, from start: Int) -> Int {
    var index = start
    while index < bytes.count, bytes[index] != ASCII.carriageReturn { index += 1 }
    return index
  }

  private static func field(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(RequestRefusal) -> HTTPHeaders.Field
  {
    var colon = start
    while colon < end, ASCII.isToken(bytes[colon]) { colon += 1 }
    guard colon < end, bytes[colon] == ASCII.colon, colon > start else {
      if bytes[start] == ASCII.space || bytes[start] == ASCII.tab {
        throw .badRequest("A header field is folded over several lines.")
      }
      throw .badRequest("A header field has no valid name before its colon.")
    }
    let nameLength = colon - start
    let name = String(unsafeUninitializedCapacity: nameLength) { buffer in
      for index in 0..<nameLength { buffer[index] = ASCII.lowercased(bytes[start + index]) }
      return nameLength
    }
    var first = colon + 1
    var last = end
    while first < last, bytes[first] == ASCII.space || bytes[first] == ASCII.tab { first += 1 }
    while first < last, bytes[last - 1] == ASCII.space || bytes[last - 1] == ASCII.tab { last -= 1 }
    for index in first..<last where !ASCII.isFieldValue(bytes[index]) {
      throw .badRequest("The header field \(name) holds a control character.")
    }
    let value = bytes.extracting(first..<last).withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
    guard let value else { throw .badRequest("The header field \(name) is not UTF-8.") }
    return HTTPHeaders.Field(name: name, value: value)
  }
}
