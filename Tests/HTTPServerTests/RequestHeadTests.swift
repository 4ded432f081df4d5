import Testing

@testable import HTTPServer

/// The request head as a pure function of bytes.
@Suite struct RequestHeadTests {
  static func parse(_ text: String, limits: HTTPServerConfiguration.Limits = .init()) throws -> RequestHead? {
    try parse(Array(text.utf8), limits: limits)
  }

  static func parse(_ bytes: [UInt8], limits: HTTPServerConfiguration.Limits = .init()) throws -> RequestHead? {
    var scanner = HeadScanner(limits: limits)
    guard let length = try scanner.scan(bytes.span) else { return nil }
    try scanner.check(length: length)
    return try RequestHeadParser.parse(bytes.span.extracting(0..<length))
  }

  static func status(_ bytes: [UInt8], limits: HTTPServerConfiguration.Limits = .init()) -> Int? {
    do {
      return try parse(bytes, limits: limits) == nil ? nil : 200
    } catch {
      return (error as? RequestRefusal)?.status
    }
  }

  @Test func readsEveryPart() throws {
    let head = try #require(
      try Self.parse(
        "POST /v1/a%20b?x=1&y HTTP/1.1\r\nHost: Box.Example:8080\r\nContent-Length: 12\r\nX-Many:  a \t\r\n"
          + "x-many: b\r\nX-Empty:\r\nExpect: 100-Continue\r\nX-Utf8: grün\r\n\r\n"))
    #expect(head.method == "POST")
    #expect(head.target == "/v1/a%20b?x=1&y")
    #expect(head.path == "/v1/a%20b")
    #expect(head.query == "x=1&y")
    #expect(head.host == "box.example")
    #expect(head.framing == .length(12))
    #expect(head.keepsAlive)
    #expect(head.expectsContinue)
    #expect(head.headers.all("X-MANY") == ["a", "b"])
    #expect(head.headers["x-empty"] == "")
    #expect(head.headers["x-utf8"] == "grün")
    #expect(head.headers.map(\.name).contains("content-length"))
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true), ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n", false), ("GET / HTTP/1.0\r\n\r\n", false),
    ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
    ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false),
  ])
  func decidesWhetherTheConnectionStays(_ text: String, _ expected: Bool) throws {
    #expect(try #require(try Self.parse(text)).keepsAlive == expected)
  }

  @Test(arguments: [
    ("GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "/x", "y"), ("GET http://a HTTP/1.1\r\nHost: A\r\n\r\n", "/", nil),
    ("GET HTTPS://a:1?q HTTP/1.1\r\nHost: a:1\r\n\r\n", "/", "q"), ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*", nil),
    ("GET http://[::1]/ HTTP/1.1\r\nHost: [::1]\r\n\r\n", "/", nil), ("GET /? HTTP/1.1\r\nHost: a\r\n\r\n", "/", ""),
    ("GET //x HTTP/1.1\r\nHost: a\r\n\r\n", "//x", nil),
    ("GET /http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "/http://b/", nil),
  ])
  func readsTheFormsOfTheTarget(_ text: String, _ path: String, _ query: String?) throws {
    let head = try #require(try Self.parse(text))
    #expect(head.path == path)
    #expect(head.query == query)
  }

  @Test func holdsToTheLimits() {
    func request(target: Int = 1, fields: [String] = []) -> [UInt8] {
      Array(
        ("GET /" + String(repeating: "a", count: target - 1) + " HTTP/1.1\r\nHost: a\r\n" + fields.joined() + "\r\n")
          .utf8)
    }
    let line = 8192 - "GET  HTTP/1.1".utf8.count
    #expect(Self.status(request(target: line)) == 200)
    #expect(Self.status(request(target: line + 1)) == 414)
    #expect(Self.status(Array(request(target: 20000).prefix(9000))) == 414)
    #expect(Self.status(request(fields: Array(repeating: "a: b\r\n", count: 99))) == 200)
    #expect(Self.status(request(fields: Array(repeating: "a: b\r\n", count: 100))) == 431)
    let room = (32 << 10) - "Host: a\r\n".utf8.count
    func field(_ size: Int) -> String { "b: " + String(repeating: "c", count: size - 5) + "\r\n" }
    #expect(Self.status(request(fields: [field(room)])) == 200)
    #expect(Self.status(request(fields: [field(room + 1)])) == 431)
    #expect(Self.status(Array(request(fields: [field(40000)]).prefix(33000))) == 431)
  }

  /// However the bytes are cut, the result is that of the whole: the scanner's memory of where it was must be right.
  @Test(arguments: [
    "GET /a?b HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\nrest", "GET / HTTP/1.1\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nA\rB: c\r\n\r\n",
  ])
  func scansIncrementally(_ text: String) {
    let bytes = Array(text.utf8)
    func scan(_ cuts: [Int]) -> String {
      var scanner = HeadScanner(limits: .init())
      do {
        for cut in cuts {
          if let length = try scanner.scan(bytes.span.extracting(0..<cut)) { return "\(length)" }
        }
        return "more"
      } catch {
        return error.detail
      }
    }
    let whole = scan([bytes.count])
    #expect(whole != "more")
    for cut in 0...bytes.count { #expect(scan([cut, bytes.count]) == whole) }
    #expect(scan(Array(0...bytes.count)) == whole)
  }

  @Test func refusesAsSoonAsNothingCanHelp() {
    #expect(Self.status(Array("\u{16}\u{3}\u{1}".utf8)) == 400, "a TLS hello on a plain port")
    #expect(Self.status(Array("\r\n".utf8)) == 400)
    #expect(Self.status(Array("GET / HTTP/1.1\n".utf8)) == 400)
    #expect(Self.status(Array(" ".utf8)) == 400)
    #expect(Self.status(Array("GET / HTTP/1.1\r\nHos".utf8)) == nil)
  }

  @Test(arguments: [
    "a": "a", "A.b-C_1": "a.b-c_1", "127.0.0.1:80": "127.0.0.1", "[2001:DB8::1]:65535": "2001:db8::1", "a:0": "a",
  ])
  func readsHosts(_ text: String, _ name: String) { #expect(HostSyntax.name(text) == name) }

  @Test(arguments: [
    "", ":80", "a:", "a:x", "a:65536", "a:123456", "a b", "a/b", "a@b", "[::1", "[]", "[a]", "[::1]x", "ä", "a,b",
    "a%41",
  ])
  func refusesHosts(_ text: String) { #expect(HostSyntax.name(text) == nil) }
}
