import Glibc

/// One request of HTTP/1.1, read strictly: lines end with CR LF, the body's length is stated, and nothing is guessed.
struct HTTPMessage {
  /// Request line and headers together, in bytes.
  static let maxHeadBytes = 16 << 10
  static let maxHeaders = 64
  static let maxBodyBytes = 64 << 10

  var method: String
  /// Path without its query.
  var path: String
  /// Names in lower case; none twice.
  var headers: [String: String]
  var body: [UInt8]

  /// What is wrong with a request, as a status.
  enum Fault: Error {
    case malformed(String)
    case headTooLarge
    case bodyTooLarge
    case lengthRequired
    case ended
  }

  /// Reads one request; `rest` holds what came before and what comes after.
  static func read(from connection: Int32, rest: inout [UInt8]) throws(Fault) -> HTTPMessage {
    var searched = 0
    var end: Int?
    while end == nil {
      if rest.count >= 4 {
        for index in max(3, searched)..<rest.count
        where rest[index] == 10 && rest[index - 1] == 13 && rest[index - 2] == 10 && rest[index - 3] == 13 {
          end = index + 1
          break
        }
        searched = rest.count
      }
      guard end ?? rest.count <= maxHeadBytes else { throw .headTooLarge }
      guard end == nil else { break }
      guard let more = Descriptor.read(connection) else { throw .ended }
      rest += more
    }
    guard let end else { throw .ended }
    var message = try head(rest[..<(end - 4)])
    rest.removeFirst(end)
    guard message.headers["transfer-encoding"] == nil else { throw .lengthRequired }
    guard let text = message.headers["content-length"] else {
      guard message.method == "GET" || message.method == "HEAD" else { throw .lengthRequired }
      return message
    }
    guard !text.isEmpty, text.utf8.count <= 9, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let length = Int(text)
    else { throw .malformed("content-length") }
    guard length <= maxBodyBytes else { throw .bodyTooLarge }
    if message.headers["expect"]?.lowercased() == "100-continue", rest.count < length {
      guard Descriptor.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), to: connection) else { throw .ended }
    }
    while rest.count < length {
      guard let more = Descriptor.read(connection) else { throw .ended }
      rest += more
    }
    message.body = Array(rest[..<length])
    rest.removeFirst(length)
    return message
  }

  private static func head(_ bytes: ArraySlice<UInt8>) throws(Fault) -> HTTPMessage {
    // A bare CR or LF could be a line's end to somebody else.
    guard bytes.allSatisfy({ (0x20..<0x7f).contains($0) || $0 == 13 || $0 == 10 || $0 == 9 }) else {
      throw .malformed("control characters")
    }
    var lines: [ArraySlice<UInt8>] = []
    var start = bytes.startIndex
    for index in bytes.indices where bytes[index] == 10 {
      guard index > start, bytes[index - 1] == 13 else { throw .malformed("line end") }
      lines.append(bytes[start..<(index - 1)])
      start = index + 1
    }
    lines.append(bytes[start...])
    guard lines.count <= maxHeaders + 1, lines.allSatisfy({ !$0.contains(13) && !$0.contains(10) }) else {
      throw .malformed("lines")
    }
    let words = lines[0].split(separator: 0x20, omittingEmptySubsequences: false)
    guard words.count == 3, words[2].elementsEqual("HTTP/1.1".utf8), words[1].first == UInt8(ascii: "/"),
      !words[0].isEmpty
    else { throw .malformed("request line") }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
        line[..<colon].allSatisfy({ $0 > 0x20 && $0 != UInt8(ascii: ":") })
      else { throw .malformed("header") }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
      // Two lengths, or two of anything, is how requests are smuggled.
      guard headers[name] == nil else { throw .malformed("header \(name) twice") }
      headers[name] = String(
        value.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
    let target = String(decoding: words[1], as: UTF8.self)
    return HTTPMessage(
      method: String(decoding: words[0], as: UTF8.self),
      path: String(target.split(separator: "?", omittingEmptySubsequences: false).first ?? ""), headers: headers,
      body: [])
  }
}

/// One response.
struct HTTPReply {
  var status: Int
  var type: String
  var headers: [(name: String, value: String)] = []
  var body: [UInt8]

  private static let reasons = [
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 411: "Length Required",
    413: "Content Too Large", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    503: "Service Unavailable",
  ]

  func bytes(closing: Bool) -> [UInt8] {
    var text = "HTTP/1.1 \(status) \(Self.reasons[status] ?? "Status")\r\ncontent-type: \(type)\r\n"
    text += "content-length: \(body.count)\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    if closing { text += "connection: close\r\n" }
    return Array((text + "\r\n").utf8) + body
  }
}
