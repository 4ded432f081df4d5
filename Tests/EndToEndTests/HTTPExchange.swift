import CLinux
import CanonicalJSON
import Foundation
import Glibc

/// One request to the box and its answer, over a socket of its own: the tests' client shares no code with the box.
struct HTTPExchange {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let status: Int
  /// Names in lower case.
  let headers: [String: String]
  let body: [UInt8]

  var text: String { String(decoding: body, as: UTF8.self) }

  func json() throws -> JSON { try JSON(parsing: body, limits: .document(maxBytes: 64 << 20)) }

  /// `address` is host and port, as the box prints them.
  init(
    _ method: String, _ path: String, at address: String, token: String? = nil, headers: [String: String] = [:],
    body: JSON? = nil, bytes: [UInt8]? = nil
  ) throws {
    let stream = try HTTPStream(address)
    try stream.request(
      method, path, token: token, headers: headers.merging(["Connection": "close"]) { $1 },
      body: bytes ?? body?.canonicalBytes())
    (status, self.headers) = try stream.head()
    self.body = try stream.body(self.headers)
  }
}

/// A connection that is read as it comes: for event streams.
final class HTTPStream {
  private let socket: Int32
  private var pending: [UInt8] = []

  /// Every wait for the peer ends after `seconds`.
  init(_ address: String, seconds: Int = 150) throws {
    let parts = address.split(separator: ":")
    var numeric = linux_address()
    guard parts.count == 2, let port = UInt16(parts[1]), linux_parse_address(String(parts[0]), port, &numeric) == 0
    else { throw HTTPExchange.Failure(description: "\(address) is no address") }
    socket = linux_connect_tcp(&numeric)
    guard socket >= 0 else { throw HTTPExchange.Failure(description: "connect to \(address): \(-socket)") }
    var time = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(socket) }

  func request(_ method: String, _ path: String, token: String?, headers: [String: String], body: [UInt8]?) throws {
    var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if let token { head += "Authorization: Bearer \(token)\r\n" }
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    if let body { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
    try send(Array((head + "\r\n").utf8) + (body ?? []))
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  private func send(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { throw HTTPExchange.Failure(description: "send: \(errno)") }
      rest = rest.dropFirst(count)
    }
  }

  func head() throws -> (status: Int, headers: [String: String]) {
    let statusLine = try line()
    let words = statusLine.split(separator: " ")
    guard words.count >= 2, let status = Int(words[1]) else {
      throw HTTPExchange.Failure(description: "status line \"\(statusLine)\"")
    }
    var headers: [String: String] = [:]
    while true {
      let field = try line()
      if field.isEmpty { return (status, headers) }
      guard let colon = field.firstIndex(of: ":") else { throw HTTPExchange.Failure(description: field) }
      headers[field[..<colon].lowercased()] =
        field[field.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
  }

  func body(_ headers: [String: String]) throws -> [UInt8] {
    if headers["transfer-encoding"] == "chunked" {
      var body: [UInt8] = []
      while let chunk = try chunk() { body += chunk }
      return body
    }
    return try bytes(Int(headers["content-length"] ?? "0") ?? 0)
  }

  /// The next chunk of a chunked body; nil at its end.
  func chunk() throws -> [UInt8]? {
    guard let count = Int(try line(), radix: 16) else { throw HTTPExchange.Failure(description: "chunk size") }
    let chunk = try bytes(count)
    _ = try line()
    return count == 0 ? nil : chunk
  }

  private func line() throws -> String {
    while true {
      if let end = pending.firstIndex(of: 10) {
        let line = String(decoding: pending[..<end].filter { $0 != 13 }, as: UTF8.self)
        pending.removeSubrange(...end)
        return line
      }
      try receive()
    }
  }

  private func bytes(_ count: Int) throws -> [UInt8] {
    while pending.count < count { try receive() }
    defer { pending.removeFirst(count) }
    return Array(pending[..<count])
  }

  private func receive() throws {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(socket, &buffer, buffer.count, 0)
    if count < 0, errno == EINTR { return }
    guard count > 0 else {
      throw HTTPExchange.Failure(description: count == 0 ? "the peer closed the connection" : "recv: \(errno)")
    }
    pending += buffer[..<count]
  }
}

/// Server-sent events, one at a time.
final class EventReader {
  struct Event {
    var id = ""
    var kind = ""
    var data = ""
  }

  private let stream: HTTPStream
  private var text: [UInt8] = []

  init(_ path: String, at address: String, token: String, lastEventID: String? = nil) throws {
    stream = try HTTPStream(address)
    try stream.request(
      "GET", path, token: token, headers: lastEventID.map { ["Last-Event-ID": $0] } ?? [:], body: nil)
    let (status, headers) = try stream.head()
    guard status == 200, headers["content-type"] == "text/event-stream" else {
      throw HTTPExchange.Failure(description: "\(status) \(headers)")
    }
  }

  /// The next event; comments are passed over. Nil when the stream ends.
  func next() throws -> Event? {
    while true {
      if let end = text.indices.dropLast().first(where: { text[$0] == 10 && text[$0 + 1] == 10 }) {
        let block = String(decoding: text[..<end], as: UTF8.self)
        text.removeSubrange(...(end + 1))
        var event = Event()
        for line in block.split(separator: "\n") {
          if line.hasPrefix("id: ") { event.id = String(line.dropFirst(4)) }
          if line.hasPrefix("event: ") { event.kind = String(line.dropFirst(7)) }
          if line.hasPrefix("data: ") { event.data += line.dropFirst(6) }
        }
        if !event.data.isEmpty { return event }
        continue
      }
      guard let chunk = try stream.chunk() else { return nil }
      text += chunk
    }
  }
}
