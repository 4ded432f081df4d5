import HTTPServer

/// What a stranger's bytes reach before any handler does.
enum HTTPTargets {
  static let head = FuzzTarget(
    name: "http.head", shape: .lines,
    seeds: [
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /v1/a%20b?x=1&y HTTP/1.1\r\nHost: box:8080\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n",
      "PUT http://[::1]:1/x HTTP/1.1\r\nhost: [::1]:1\r\nTransfer-Encoding: chunked\r\nConnection: close, x\r\n\r\n",
      "OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\nX:\t\u{e9} \r\n\r\n",
    ].map { Array($0.utf8) },
    tokens: [
      "Content-Length: ", "Transfer-Encoding: ", "chunked", "Host: ", "HTTP/1.1", "%00", "%c3%a9", "\r\n ", ", ",
      "http://",
      "[", "]", "#", "?", "\u{7f}",
    ]
  ) { input throws(FuzzTarget.Violation) in
    try check(input, ParserProbe.head)
  }

  static let chunks = FuzzTarget(
    name: "http.chunks", shape: .lines,
    seeds: [
      "3\r\nabc\r\n0\r\n\r\n", "1;a=b\r\nx\r\n00A\r\n0123456789\r\n0;z\r\nName: value\r\nOther:\r\n\r\nrest",
    ].map { Array($0.utf8) },
    tokens: ["0\r\n\r\n", "fffffffffffffff", "\r\n0", ";", "0x"]
  ) { input throws(FuzzTarget.Violation) in
    try check(input, ParserProbe.chunks)
  }

  /// The place of the cut comes from the input itself, so that a recorded input repeats.
  private static func check(
    _ input: [UInt8], _ probe: ([UInt8], Int) throws(ParserProbe.Violation) -> String
  ) throws(FuzzTarget.Violation) -> String {
    let cut = input.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF } % (input.count + 1)
    do throws(ParserProbe.Violation) {
      return try probe(input, cut)
    } catch {
      throw FuzzTarget.Violation(error.what)
    }
  }
}
