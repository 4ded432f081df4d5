import Testing

@testable import HTTPServer

@Suite struct MessageTests {
  @Test func keepsFields() {
    var headers: HTTPHeaders = ["A": "1", "b": "2", "a": "3"]
    #expect(headers["a"] == "1")
    #expect(headers.all("A") == ["1", "3"])
    headers["A"] = "4"
    #expect(headers.all("a") == ["4"])
    headers["B"] = nil
    #expect(headers["b"] == nil && headers.count == 1)
    headers.add("C", "5")
    #expect(headers.map(\.value) == ["4", "5"])
    // The Kelvin sign folds to k in Unicode, never in a field name.
    #expect(!HTTPHeaders.isSame("\u{212A}", "k"))
  }

  @Test func readsQueries() {
    let request = HTTPRequest(method: "GET", target: "/p/a%2Fb/?q=a+b%21&empty=&flag&q=2&&=x")
    #expect(request.path == "/p/a%2Fb/")
    #expect(request.pathSegments == ["p", "a%2Fb", ""])
    #expect(request.query("q") == "a b!")
    #expect(request.query("flag") == "")
    #expect(request.query("missing") == nil)
    #expect(request.query.map { "\($0.name)=\($0.value)" } == ["q=a b!", "empty=", "flag=", "q=2", "=x"])
    #expect(HTTPRequest(method: "GET", target: "/").pathSegments == [])
    #expect(HTTPRequest(method: "GET", target: "/").query.isEmpty)
  }

  @Test(arguments: ["%", "%4", "%zz", "%00", "%0a", "%7f", "%ff", "%c0%af", "%ed%a0%80", "a\u{1}"])
  func refusesEncodings(_ text: String) { #expect(PercentEncoding.decode(text.utf8) == nil) }

  @Test func encodesProblems() {
    var problem = Problem(status: 403, detail: "quote \" back \\ line \n tab \t bell \u{7} é")
    problem.set("status", encodedJSON: "200")
    problem.set("x\"y", encodedJSON: "null")
    #expect(
      String(decoding: problem.encoded(), as: UTF8.self)
        == #"{"type":"about:blank","title":"Forbidden","status":403,"detail":"quote \" back \\ line \n tab \t bell \u0007 é","x\"y":null}"#
    )
    #expect(problem.response.headers["content-type"] == "application/problem+json")
    #expect(problem.response.status == 403)
  }
}
