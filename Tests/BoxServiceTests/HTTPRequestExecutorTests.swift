import CanonicalJSON
import Cryptography
import Foundation
import Governance
import HTTPClient
import HTTPServer
import Testing

@testable import BoxService
@testable import HostCalls

/// `http.request` against real peers: what counts as done, refused and unknown.
@Suite struct HTTPRequestExecutorTests {
  private static func order(_ params: JSONObject, egress: [String] = []) throws -> ExecutionOrder {
    let zero = SHA256.hash([])
    let statement = Statement(
      action: try Action(type: "http.request", params: params), box: "b", epoch: 1, expires: 1, nonce: zero,
      policy: zero)
    return ExecutionOrder(
      proposal: statement.digest, statement: statement, params: params,
      policy: Policy(covers: [try Pattern(parsing: "http.request")], rule: .deny, egress: egress))
  }

  private static func executor() -> HTTPRequestExecutor {
    HTTPRequestExecutor(client: HTTPClient(), salt: { [UInt8](repeating: 1, count: 32) })
  }

  private static func name(_ outcome: ExecutionOutcome) -> String {
    switch outcome {
    case .executed: "executed"
    case .failed: "failed"
    case .unknown: "unknown"
    }
  }

  @Test(arguments: [
    (200, "executed"), (204, "executed"), (303, "executed"), (400, "failed"), (503, "failed"), (502, "unknown"),
    (504, "unknown"),
  ])
  func theAnswerDecides(status: Int, expected: String) async throws {
    let bank = try Bank()
    bank.answer(HTTPResponse(status: status, headers: status == 303 ? ["Location": "/x"] : [:]))
    let order = try Self.order(["method": "POST", "url": .string(bank.url + "/")], egress: [bank.address])
    let outcome = await Self.executor().execute(order)
    #expect(Self.name(outcome) == expected)
    #expect(bank.received.count == 1)
    await bank.stop()
  }

  @Test func aPeerThatNeverAnswersOrHangsUpIsUnknown() async throws {
    for answers in [RawPeer.Answer.nothing, .hangUp, .half] {
      let peer = try RawPeer(answers)
      let order = try Self.order(
        ["method": "POST", "url": .string("http://\(peer.address)/"), "timeout": 1], egress: [peer.address])
      let outcome = await Self.executor().execute(order)
      #expect(Self.name(outcome) == "unknown", "\(answers)")
      #expect(peer.connections == 1, "\(answers): it is not sent again")
      peer.stop()
    }
  }

  @Test func whatIsTooLargeToKeepIsUnknown() async throws {
    let bank = try Bank()
    bank.answer(.bytes([UInt8](repeating: 0, count: HTTPRequestExecutor.maxResponseBytes + 1), contentType: "x/y"))
    let order = try Self.order(["method": "POST", "url": .string(bank.url + "/")], egress: [bank.address])
    #expect(Self.name(await Self.executor().execute(order)) == "unknown")
    await bank.stop()
  }

  @Test func privateAddressesAreReachedOnlyWhereThePolicyNamesThem() async throws {
    let bank = try Bank()
    let port = bank.address.split(separator: ":").last.map(String.init) ?? ""
    for (url, egress) in [
      (bank.url, []), (bank.url, ["127.0.0.1:1"]), ("http://localhost:\(port)", []), ("http://[::1]:\(port)", []),
      ("http://169.254.169.254", ["127.0.0.1:80"]), ("http://0.0.0.0:\(port)", []), ("http://2130706433:\(port)", []),
    ] as [(String, [String])] {
      let outcome = await Self.executor().execute(
        try Self.order(["method": "GET", "url": .string("\(url)/")], egress: egress))
      #expect(Self.name(outcome) == "failed", "\(url)")
    }
    #expect(bank.received.isEmpty)
    await bank.stop()
  }

  @Test func anAnswerIsCommittedToAndNotShown() async throws {
    let bank = try Bank()
    bank.answer(.text("balance 12345"))
    let order = try Self.order(["method": "GET", "url": .string(bank.url + "/")], egress: [bank.address])
    guard case .executed(let result, let opening) = await Self.executor().execute(order) else {
      throw TestFailure("not executed")
    }
    #expect(result["bytes"]?.integer == 13)
    #expect(Commitment(json: result["body"] ?? .null) == opening?.commitment)
    #expect(Base64.decode(opening?.value["base64"]?.string ?? "") == Array("balance 12345".utf8))
    #expect(!JSON.object(result).canonicalString().contains("12345"))
    await bank.stop()
  }

  @Test func paramsAreCheckedBeforeAnybodyIsAsked() throws {
    let executor = Self.executor()
    func field(_ members: JSONObject) -> String? {
      var params: JSONObject = ["method": "POST", "url": "https://bank.example/"]
      for (name, value) in members { params[name] = value }
      do throws(FieldError) {
        try executor.validate(params: .object(params))
        return nil
      } catch {
        #expect(!"\(error)".contains("hunter2"), "a private value stands in \(error)")
        return error.field
      }
    }
    #expect(field([:]) == nil)
    #expect(field(["headers": ["X-A": "b"], "body": ["a": 1], "timeout": 300, "idempotent": true]) == nil)
    #expect(field(["headers": Commitment(digest: SHA256.hash([])).json]) == nil)
    for header in [
      "Host", "content-length", "Transfer-Encoding", "Connection", "Idempotency-Key", "idempotency-key", "Expect", "TE",
      "Trailer", "Upgrade", "Keep-Alive", "Proxy-Authorization", "proxy-connection", "HTTP2-Settings",
    ] {
      #expect(field(["headers": [header: "hunter2"]]) == "action.params.headers.\(header)")
    }
    #expect(field(["headers": ["X-A": "hunter2\r\nHost: evil"]]) == "action.params.headers.X-A")
    #expect(field(["headers": ["X-A": " hunter2"]]) == "action.params.headers.X-A")
    #expect(field(["headers": ["X-A": ["hunter2"]]]) == "action.params.headers.X-A")
    #expect(field(["headers": ["X A": "hunter2"]]) == "action.params.headers")
    #expect(field(["headers": ["X-A": "hunter2", "x-a": "hunter2"]]) == "action.params.headers.x-a")
    #expect(field(["headers": "hunter2"]) == "action.params.headers")
    var many = JSONObject()
    for number in 0...HTTPRequestExecutor.maxHeaders { many["X-\(number)"] = "hunter2" }
    #expect(field(["headers": .object(many)]) == "action.params.headers")
    var heavy = JSONObject()
    for number in 0..<5 { heavy["X-\(number)"] = .string(String(repeating: "a", count: 8000)) }
    #expect(field(["headers": .object(heavy)]) == "action.params.headers")
    #expect(field(["body": .string(String(repeating: "a", count: (1 << 20) + 1))]) == "action.params.body")
    #expect(field(["method": "HEAD", "body": "hunter2"]) == "action.params.body")
    #expect(field(["method": "CONNECT"]) == "action.params.method")
    #expect(field(["method": "get"]) == "action.params.method")
    for url in [
      "ftp://bank.example/", "bank.example", "https://", "https://user@bank.example/", "https://bank.example/ x",
      "https://bank.example:99999/", "file:///etc/passwd",
    ] {
      #expect(field(["url": .string(url)]) == "action.params.url", "\(url)")
    }
    #expect(field(["timeout": 0]) == "action.params.timeout")
    #expect(field(["timeout": 301]) == "action.params.timeout")
    #expect(field(["surprise": 1]) == "action.params.surprise")
  }

  @Test func theTableHasOneExecutorForAType() {
    let table = ExecutorTable([NoteExecutor("a.b"), NoteExecutor("c.d"), NoteExecutor("a.b")])
    #expect(table.types == ["a.b", "c.d"])
    #expect(table["a.b"]?.type == "a.b")
    #expect(table["e.f"] == nil)
  }
}
