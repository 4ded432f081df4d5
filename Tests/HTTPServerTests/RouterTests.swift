import Testing

@testable import HTTPServer

@Suite struct RouterTests {
  private static let router: Router = {
    var router = Router()
    for pattern in [
      "/", "/v1/proposals", "/v1/proposals/{id}", "/v1/proposals/mine", "/v1/proposals/{id}/approvals/{key}",
      "/log/{path...}", "/log/checkpoint", "/a/{x}/c", "/a/b/{y}", "/a/{rest...}",
    ] {
      router.on("GET", pattern) { request in
        let names = ["id", "key", "path", "x", "y", "rest"]
        let values = names.compactMap { name in request.parameters[name].map { "\(name)=\($0)" } }
        return .text(([pattern] + values).joined(separator: " "))
      }
    }
    router.on("POST", "/v1/proposals", bodyLimit: 4) {
      .bytes(try await $0.body.collect(), contentType: "x/y", status: 201)
    }
    router.on("DELETE", "/throws/{what}") { request in
      switch request.parameters["what"] {
      case "problem": throw Problem(status: 409, code: "conflict").with("missing", encodedJSON: "[1]")
      case "body": throw HTTPBodyError.timedOut
      default:
        struct Secret: Error { let text = "the secret" }
        throw Secret()
      }
    }
    return router
  }()

  private static func ask(_ method: String, _ target: String, body: [UInt8] = []) async -> (HTTPResponse, String) {
    let response = await router.respond(
      to: HTTPRequest(method: method, target: target, body: HTTPBody(bytes: body)))
    guard case .bytes(let bytes) = response.body else { return (response, "") }
    return (response, String(decoding: bytes, as: UTF8.self))
  }

  @Test(arguments: [
    ("/", "/"), ("/v1/proposals", "/v1/proposals"), ("/v1/proposals?after=1", "/v1/proposals"),
    ("/v1/proposals/7", "/v1/proposals/{id} id=7"), ("/v1/proposals/mine", "/v1/proposals/mine"),
    ("/v1/proposals/a%20b%C3%A9", "/v1/proposals/{id} id=a bé"),
    ("/v1/proposals/7/approvals/k", "/v1/proposals/{id}/approvals/{key} id=7 key=k"),
    ("/v1/proposals/mine/approvals/k", "/v1/proposals/{id}/approvals/{key} id=mine key=k"),
    ("/log/checkpoint", "/log/checkpoint"), ("/log/tile/0/x001/067", "/log/{path...} path=tile/0/x001/067"),
    ("/a/b/c", "/a/b/{y} y=c"), ("/a/x/c", "/a/{x}/c x=x"), ("/a/x/d", "/a/{rest...} rest=x/d"),
    ("/a/b/c/d", "/a/{rest...} rest=b/c/d"),
  ])
  func findsRoutes(_ target: String, _ expected: String) async {
    let (response, text) = await Self.ask("GET", target)
    #expect(response.status == 200)
    #expect(text == expected)
  }

  /// Nothing is normalised, and no capture can leave a directory that it is joined to.
  @Test(arguments: [
    "/nothing", "/v1", "/v1/", "/v1/proposals/", "//v1/proposals", "/v1//proposals", "/V1/proposals", "/v1/proposals/.",
    "/v1/proposals/..", "/v1/proposals/%2e%2e", "/v1/proposals/a%2Fb", "/v1/proposals/a%5Cb", "/v1/proposals/%00",
    "/v1/proposals/%0a", "/v1/proposals/%ff", "/log", "/log/", "/log/../v1/proposals", "/log/tile/../../etc/passwd",
    "/log/tile//0", "/log/%2e%2e/x", "/log/a%2f..%2fb", "/log/tile/", "", "*",
  ])
  func findsNothingElse(_ target: String) async { #expect(await Self.ask("GET", target).0.status == 404) }

  @Test func saysWhichMethodsThereAre() async {
    let (refused, text) = await Self.ask("PUT", "/v1/proposals")
    #expect(refused.status == 405)
    #expect(refused.headers["allow"] == "GET, HEAD, OPTIONS, POST")
    #expect(text.contains("method_not_allowed"))
    #expect(await Self.ask("get", "/v1/proposals").0.status == 405, "methods are case-sensitive")
    let (options, _) = await Self.ask("OPTIONS", "/v1/proposals")
    #expect(options.status == 204)
    #expect(options.headers["Allow"] == "GET, HEAD, OPTIONS, POST")
    #expect(await Self.ask("OPTIONS", "*").0.status == 204)
    #expect(await Self.ask("HEAD", "/v1/proposals").0.status == 200)
    #expect(await Self.ask("HEAD", "/throws/x").0.status == 405)
  }

  @Test func holdsBodiesToTheLimitOfTheRoute() async {
    #expect(await Self.ask("POST", "/v1/proposals", body: [1, 2, 3, 4]).0.status == 201)
    #expect(await Self.ask("POST", "/v1/proposals", body: [1, 2, 3, 4, 5]).0.status == 413)
    #expect(await Self.ask("GET", "/", body: [1]).0.status == 413)
  }

  @Test func answersErrors() async {
    let (problem, text) = await Self.ask("DELETE", "/throws/problem")
    #expect(problem.status == 409)
    #expect(text == #"{"type":"about:blank","title":"Conflict","status":409,"code":"conflict","missing":[1]}"#)
    #expect(await Self.ask("DELETE", "/throws/body").0.status == 408)
    let (other, otherText) = await Self.ask("DELETE", "/throws/other")
    #expect(other.status == 500)
    #expect(!otherText.contains("secret"))
  }

  @Test func reportsErrorsToTheOperator() async {
    struct Failure: Error {}
    let seen = Event<String>()
    var router = Router()
    router.onError = { request, error in seen.signal("\(request.path) \(type(of: error))") }
    router.on("GET", "/x") { _ in throw Failure() }
    #expect(await router.respond(to: HTTPRequest(method: "GET", target: "/x")).status == 500)
    #expect((try? await seen.value()) == "/x Failure")
  }

  @Test func listsItsRoutes() {
    #expect(Self.router.routes.count == 12)
    #expect(Self.router.routes.contains { $0.method == "POST" && $0.pattern == "/v1/proposals" && $0.bodyLimit == 4 })
  }
}
