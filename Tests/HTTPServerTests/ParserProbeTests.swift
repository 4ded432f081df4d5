import Testing

@testable import HTTPServer

/// The probes with which parsers were found to disagree: each is answered 400 (or what the standard says), once, and the
/// request smuggled behind it is never seen by the handler.
@Suite struct ParserProbeTests {
  struct Probe: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let status: Int
    var testDescription: String { name }

    init(_ name: String, _ text: String, _ status: Int = 400) {
      self.name = name
      bytes = Array(text.utf8)
      self.status = status
    }
  }

  private static func get(_ fields: String) -> String { "POST /probe HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n" }
  private static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

  static let probes: [Probe] = [
    // The table of reference measurements.
    Probe("CL and TE", get("Content-Length: 4\r\nTransfer-Encoding: chunked") + "0\r\n\r\n"),
    Probe("TE and CL", get("Transfer-Encoding: chunked\r\nContent-Length: 4") + "0\r\n\r\n"),
    Probe("two different CL", get("Content-Length: 0\r\nContent-Length: 1")),
    Probe("space before the colon of TE", get("Transfer-Encoding : chunked") + "0\r\n\r\n"),
    Probe("TE xchunked", get("Transfer-Encoding: xchunked") + "0\r\n\r\n"),
    Probe("obs-fold", get("X: a\r\n b")),
    Probe("obs-fold with tab", get("X: a\r\n\tb")),
    Probe("folded TE", get("Transfer-Encoding:\r\n chunked") + "0\r\n\r\n"),
    Probe("NUL in a value", get("X: a\0b")),
    Probe("two Host", get("Host: b")),
    Probe("two equal Host", get("Host: a")),
    Probe("bare CR in a value", get("X: a\rb")),
    Probe("bare CR as line end", "GET / HTTP/1.1\rHost: a\r\r"),
    Probe("bare LF line ends", "GET /probe HTTP/1.1\nHost: a\n\n"),
    Probe("bare LF after one field", "GET /probe HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
    Probe("bare LF as the empty line", "GET /probe HTTP/1.1\r\nHost: a\r\n\n"),
    // Framing.
    Probe("two equal CL", get("Content-Length: 0\r\nContent-Length: 0")),
    Probe("CL list", get("Content-Length: 0, 0")),
    Probe("CL plus", get("Content-Length: +0")),
    Probe("CL minus", get("Content-Length: -1")),
    Probe("CL empty", get("Content-Length:")),
    Probe("CL hexadecimal", get("Content-Length: 0x0")),
    Probe("CL inner space", get("Content-Length: 1 0")),
    Probe("CL too large", get("Content-Length: 99999999999999999999")),
    Probe("CL with a vertical tab", get("Content-Length: \u{b}0")),
    Probe("TE twice chunked", get("Transfer-Encoding: chunked, chunked") + "0\r\n\r\n"),
    Probe("TE in two lines, not last", get("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity") + "0\r\n\r\n"),
    Probe("TE gzip", get("Transfer-Encoding: gzip")),
    Probe("TE gzip, chunked", get("Transfer-Encoding: gzip, chunked") + "0\r\n\r\n", 501),
    Probe("TE empty", get("Transfer-Encoding:")),
    Probe("TE with a trailing comma", get("Transfer-Encoding: chunked,") + "0\r\n\r\n"),
    Probe("TE with a parameter", get("Transfer-Encoding: chunked;q=1") + "0\r\n\r\n"),
    Probe("TE quoted", get("Transfer-Encoding: \"chunked\"") + "0\r\n\r\n"),
    Probe("TE with NBSP", get("Transfer-Encoding: \u{a0}chunked") + "0\r\n\r\n"),
    Probe("TE in HTTP/1.0", "POST /probe HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    // Field syntax.
    Probe("no colon", get("X")),
    Probe("empty name", get(": a")),
    Probe("space in a name", get("X Y: a")),
    Probe("tab before the colon", get("X\t: a")),
    Probe("quote in a name", get("\"X\": a")),
    Probe("non-ASCII name", get("Ä: a")),
    Probe("DEL in a value", get("X: a\u{7f}")),
    Probe("space before the first field", "GET /probe HTTP/1.1\r\n Host: a\r\n\r\n"),
    Probe("no Host", "GET /probe HTTP/1.1\r\nX: a\r\n\r\n"),
    Probe("malformed Host", "GET /probe HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    Probe("other expectation", get("Expect: 200-maybe"), 417),
    // Request line.
    Probe("empty line first", "\r\nGET /probe HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("two spaces", "GET  /probe HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("tab as space", "GET\t/probe\tHTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("trailing space", "GET /probe HTTP/1.1 \r\nHost: a\r\n\r\n"),
    Probe("no version", "GET /probe\r\nHost: a\r\n\r\n"),
    Probe("lower-case version", "GET /probe http/1.1\r\nHost: a\r\n\r\n"),
    Probe("long version", "GET /probe HTTP/1.10\r\nHost: a\r\n\r\n"),
    Probe("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Probe("HTTP/3.0", "GET /probe HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    Probe("HTTP/1.2", "GET /probe HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    Probe("fragment", "GET /probe#x HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("raw non-ASCII target", "GET /prö HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("broken percent", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("percent NUL", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("percent line end", "GET /?a=%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("percent no UTF-8", "GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("bracket in the path", "GET /[ HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("relative target", "GET probe HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("target contradicts Host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("user information", "GET http://u@a/ HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    Probe("asterisk with GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    Probe("TLS hello", "\u{16}\u{3}\u{1}\u{2}\0\u{1}"),
    // Chunked bodies; the head is fine, the body is not.
    Probe("chunk size with sign", get("Transfer-Encoding: chunked") + "+1\r\na\r\n0\r\n\r\n"),
    Probe("chunk size with 0x", get("Transfer-Encoding: chunked") + "0x1\r\na\r\n0\r\n\r\n"),
    Probe("chunk size with leading space", get("Transfer-Encoding: chunked") + " 1\r\na\r\n0\r\n\r\n"),
    Probe("chunk size with trailing space", get("Transfer-Encoding: chunked") + "1 \r\na\r\n0\r\n\r\n"),
    Probe("chunk size too long", get("Transfer-Encoding: chunked") + "0000000000000001\r\na\r\n0\r\n\r\n"),
    Probe("chunk size empty", get("Transfer-Encoding: chunked") + "\r\na\r\n0\r\n\r\n"),
    Probe("chunk size line with bare LF", get("Transfer-Encoding: chunked") + "1\na\r\n0\r\n\r\n"),
    Probe("chunk extension with bare LF", get("Transfer-Encoding: chunked") + "1;a\nb\r\na\r\n0\r\n\r\n"),
    Probe("chunk extension with bare CR", get("Transfer-Encoding: chunked") + "1;a\rb\r\na\r\n0\r\n\r\n"),
    Probe("chunk longer than its size", get("Transfer-Encoding: chunked") + "1\r\nab\r\n0\r\n\r\n"),
    Probe("chunk without CRLF", get("Transfer-Encoding: chunked") + "1\r\na0\r\n\r\n"),
    Probe("chunk ended by LF", get("Transfer-Encoding: chunked") + "1\r\na\n0\r\n\r\n"),
    Probe("last chunk ended by LF", get("Transfer-Encoding: chunked") + "0\n\n"),
    Probe("trailer without a name", get("Transfer-Encoding: chunked") + "0\r\n: a\r\n\r\n"),
    Probe("folded trailer", get("Transfer-Encoding: chunked") + "0\r\nA: b\r\n c\r\n\r\n"),
    Probe("trailer with bare LF", get("Transfer-Encoding: chunked") + "0\r\nA: b\n\r\n"),
    Probe(
      "endless extension", get("Transfer-Encoding: chunked") + "1;" + String(repeating: "a", count: 9000) + "\r\na\r\n"),
  ]

  @Test(arguments: probes)
  func isRefusedOnce(_ probe: Probe) async throws {
    let smuggledRequests = Event<String>()
    let served = try Served { request in
      if request.path == "/smuggled" { smuggledRequests.signal(request.path) }
      do {
        return .text("\(try await request.body.collect().count)")
      } catch {
        return Problem(status: 599).response
      }
    }
    try await served.use { served in
      let answer = try await blocking { () throws in
        let client = try RawClient(served.unix)
        try client.send(probe.bytes)
        // The probe may be refused before the rest is sent.
        try? client.send(Self.smuggled)
        return try client.receiveAll()
      }
      #expect(answer.hasPrefix("HTTP/1.1 \(probe.status) "), "\(answer.prefix(200))")
      #expect(answer.ranges(of: "\r\nDate: ").count == 1)
      #expect(answer.contains("\r\nConnection: close\r\n"))
    }
    // The server is down: had the smuggled request been seen, it would be waiting here.
    smuggledRequests.signal("none")
    #expect(try await smuggledRequests.value() == "none")
  }
}
