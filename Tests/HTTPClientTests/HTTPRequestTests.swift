import Testing

@testable import HTTPClient

@Suite struct HTTPRequestTests {
  private func request(
    _ method: String = "GET", headers: [HTTPClientHeader] = [], body: [UInt8] = []
  ) -> HTTPClientRequest {
    HTTPClientRequest(method: method, url: "http://example.com/", headers: headers, body: body)
  }

  @Test(arguments: ["a\r\nX-Injected: 1", "a\nb", "a\rb", "a\0b", "a\u{7f}", " a", "a ", "\ta", "a\r\n"])
  func headerValuesCannotBeginALine(_ value: String) {
    #expect(throws: RequestFault.headerValue(name: "X-A")) { try request(headers: [.init("X-A", value)]).check() }
  }

  @Test(arguments: ["", "a b", "a:", "a\r\n", "\u{e4}", "a(b)", "x\0"])
  func headerNamesAreTokens(_ name: String) {
    #expect(throws: RequestFault.headerName(name)) { try request(headers: [.init(name, "x")]).check() }
  }

  @Test(arguments: [
    "Host", "HOST", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Trailer", "Expect",
    "Keep-Alive", "Proxy-Authorization", "proxy-connection",
  ])
  func framingAndRoutingBelongToTheClient(_ name: String) {
    #expect(throws: RequestFault.headerReserved(name)) { try request(headers: [.init(name, "x")]).check() }
  }

  @Test(arguments: ["", "G ET", "GET\r\n", "CONNECT", "TRACE", String(repeating: "A", count: 33)])
  func methodsAreTokensAndNoTunnels(_ method: String) {
    #expect(throws: RequestFault.method(method)) { try request(method).check() }
  }

  @Test func sizesAreLimited() {
    let wide = (0..<70).map { HTTPClientHeader("X-\($0)", String(repeating: "a", count: 1000)) }
    #expect(throws: RequestFault.self) { try request(headers: wide).check() }
    #expect(throws: RequestFault.bodyNotAllowed(method: "HEAD")) { try request("HEAD", body: [1]).check() }
    #expect(throws: RequestFault.self) {
      try request("POST", body: [UInt8](repeating: 0, count: HTTPClientRequest.maxBodyBytes + 1)).check()
    }
    #expect(throws: RequestFault.self) {
      try HTTPClientRequest(url: "http://a/", unixSocketPath: "/tmp/a\0b").check()
    }
  }

  @Test func onlyRequestsWithoutEffectMayRepeatByDefault() {
    #expect(request("GET").mayRepeat && request("HEAD").mayRepeat && request("OPTIONS").mayRepeat)
    #expect(!request("POST").mayRepeat && !request("PUT").mayRepeat && !request("DELETE").mayRepeat)
  }
}

@Suite struct RedirectRulesTests {
  private func next(
    _ status: Int, _ location: String?, from url: String = "https://a.test/x",
    _ method: String = "POST", headers: [HTTPClientHeader] = [], body: [UInt8] = [1], unixSocketPath: String? = nil
  ) throws -> (HTTPURL, HTTPClientRequest) {
    try RedirectRules.next(
      after: HTTPClientResponse(
        status: status, headers: location.map { [HTTPClientHeader("location", $0)] } ?? [], body: [], finalURL: url,
        remoteAddress: ""),
      from: HTTPURL(url),
      HTTPClientRequest(method: method, url: url, headers: headers, body: body, unixSocketPath: unixSocketPath))
  }

  private func refusal(_ run: () throws -> (HTTPURL, HTTPClientRequest)) -> HTTPClientError.RedirectRefusal? {
    do {
      _ = try run()
      return nil
    } catch let error as HTTPClientErrorKind {
      guard case .redirectRefused(_, let reason) = error.kind else { return nil }
      return reason
    } catch {
      return nil
    }
  }

  @Test(arguments: [
    (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (303, "PUT", "GET"), (307, "POST", "POST"),
    (308, "POST", "POST"), (301, "PUT", "PUT"), (302, "GET", "GET"),
  ])
  func theMethodChangesAsBrowsersDoIt(_ status: Int, _ method: String, _ expected: String) throws {
    let (_, request) = try next(
      status, "/y", method, headers: [.init("Content-Type", "text/plain"), .init("X-Key", "k")])
    #expect(request.method == expected)
    #expect(request.body == (expected == method ? [1] : []))
    #expect(request.headers.contains { $0.isNamed("content-type") } == (expected == method))
    #expect(request.headers.contains { $0.isNamed("x-key") })
  }

  @Test(arguments: ["https://b.test/y", "https://a.test:8443/y", "//b.test/"])
  func credentialsStayWithTheirOrigin(_ location: String) throws {
    let headers = ["Authorization", "Cookie", "X-API-Key", "X-Anything", "Accept"].map { HTTPClientHeader($0, "v") }
    let (_, request) = try next(303, location, headers: headers)
    #expect(request.headers == [HTTPClientHeader("Accept", "v")])
  }

  @Test func whatIsNotFollowed() {
    #expect(refusal { try next(302, "http://a.test/y") } == .downgrade)
    #expect(refusal { try next(307, "https://b.test/y") } == .bodyToAnotherOrigin)
    #expect(refusal { try next(302, nil) } == .noLocation)
    #expect(refusal { try next(302, "file:///etc/passwd") } == .url(.scheme("file")))
    #expect(refusal { try next(302, "https://u:p@a.test/") } == .url(.userInformation))
    #expect(refusal { try next(302, "https://b.test/", unixSocketPath: "/run/x") } == .offUnixSocket)
    #expect(refusal { try next(302, "/y", unixSocketPath: "/run/x") } == nil)
  }
}

@Suite struct ResponseHeadTests {
  private func head(_ lines: [String], limit: Int = 10_000) throws -> ResponseHead {
    var head = ResponseHead(limit: limit)
    for line in lines {
      try Array((line + "\r\n").utf8).withUnsafeBytes { try head.add(line: $0) }
    }
    return head
  }

  @Test func interimResponsesFoldingAndTrailersAreUnderstood() throws {
    let lines = ["HTTP/1.1 100 Continue", "X-Early: 1", "", "HTTP/1.1 200 OK", "A: b ", "\tc", "Content-Length: 3", ""]
    let head = try head(lines + ["Trailer-Field: x"])
    #expect(head.isComplete && head.status == 200 && head.contentLength == 3)
    #expect(head.headers == [HTTPClientHeader("A", "b c"), HTTPClientHeader("Content-Length", "3")])
  }

  @Test(arguments: [
    ["HTTP/1.1 200 OK", "Content-Length: 3", "Content-Length: 4", ""], ["HTTP/1.1 200 OK", "Content-Length: -1", ""],
    ["HTTP/1.1 200 OK", "Content-Length: +1", ""], ["HTTP/1.1 200 OK", "no colon", ""], ["HTTP/1.1 99 X"], ["HTTP/1.1"],
    ["HTTP/1.1 200 OK", "Na me: x", ""], ["HTTP/1.1 200 OK", ": x", ""],
  ])
  func malformedHeadsAreRefused(_ lines: [String]) {
    #expect(throws: HTTPClientErrorKind.self) { try head(lines) }
  }

  @Test func interimResponsesCountTowardsTheLimit() {
    let lines = (0..<100).flatMap { _ in ["HTTP/1.1 103 Early Hints", ""] }
    #expect(throws: HTTPClientErrorKind.self) { try head(lines, limit: 1000) }
  }
}
