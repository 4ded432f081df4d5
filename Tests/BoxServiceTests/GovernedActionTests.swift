import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import Receipts
import Testing

@testable import BoxService

/// A payment from the proposal to the receipt, over real connections.
@Suite struct GovernedActionTests {
  private static func payment(_ bank: Bank) -> JSON {
    [
      "method": "POST", "url": .string("\(bank.url)/payments"), "headers": ["X-Account": "very-secret-account"],
      "body": ["amount": 100, "to": "somebody-private"],
    ]
  }

  @Test func aPaymentWaitsForTwoAndHappensOnce() async throws {
    let bank = try Bank()
    try await TestBox.with(egress: [bank.address]) { box in
      let answer = try await box.propose("http.request", Self.payment(bank))
      #expect(answer.status == 202)
      let opened = try Opened(answer.json)
      #expect(answer.header("Location") == "/v1/proposals/\(opened.id)")
      #expect(opened.digest.hex == opened.id)
      let missing = try #require(opened.json["missing"]?.array?.first)
      #expect(missing["count"]?.integer == 2)
      let first = try await box.vote(.approve, opened, by: "ana")
      #expect(first.status == 202)
      #expect(first.json["missing"]?.array?.first?["count"]?.integer == 1)
      #expect(bank.received.isEmpty, "one approval is not enough")
      let early = try await box.get("/v1/proposals/\(opened.id)/receipt")
      #expect(early.status == 404)
      #expect(early.code == "no_receipt_yet")
      #expect(early.json["missing_approvals"]?.array?.isEmpty == false)
      #expect(early.json["action_digest"]?.string == opened.id)
      #expect(early.json["next_steps"]?.array?.isEmpty == false)
      try await box.approve(opened, by: "ben")
      let done = try await box.wait(opened, for: "executed")
      #expect(done["execution"]?["result"]?["status"]?.integer == 200)
      #expect(bank.received.count == 1)
      let sent = try #require(bank.received.first)
      #expect(sent.headers["idempotency-key"] == opened.id)
      #expect(sent.headers["x-account"] == "very-secret-account")
      #expect(sent.headers["content-type"] == "application/json")
      #expect(String(decoding: sent.body, as: UTF8.self) == #"{"amount":100,"to":"somebody-private"}"#)
      // A second approval of the same person, a sweep, and a further approval change nothing.
      try await box.sweep()
      let late = try await box.vote(.approve, opened, by: "carl")
      #expect(late.status == 409)
      #expect(bank.received.count == 1)

      let receipt = try await box.get("/v1/receipts/\(opened.id)")
      #expect(receipt.status == 200)
      let report = try ReceiptCheck.report(receipt, of: box)
      #expect(report.verdict == .accepted, "\(report.failures)")
      let again = try await box.get("/v1/proposals/\(opened.id)/receipt")
      #expect(again.body == receipt.body)
      let proof = try await box.get("/v1/receipts/\(opened.id)/tlog-proof")
      #expect(proof.text.hasPrefix("c2sp.org/tlog-proof@v1\n"))

      let disclosed = try await box.get("/v1/receipts/\(opened.id)?disclose=all")
      #expect(disclosed.text.contains("very-secret-account"))
      #expect(try ReceiptCheck.verdict(disclosed, of: box) == .accepted)
      #expect(try await box.get("/v1/receipts/\(opened.id)?disclose=all", as: "reader").status == 403)
    }
    await bank.stop()
  }

  @Test func privateValuesStayOutOfTheLogTheReportsAndTheMetrics() async throws {
    let bank = try Bank()
    bank.answer(.text("an answer with private-balance"))
    try await TestBox.with(egress: [bank.address]) { box in
      let opened = try await box.open("http.request", Self.payment(bank))
      try await box.approve(opened, by: "ana", "ben")
      try await box.wait(opened, for: "executed")
      var seen = try await box.get("/v1/entries").text
      seen += try await box.get("/v1/proposals/\(opened.id)").text
      seen += try await box.get("/v1/receipts/\(opened.id)").text
      seen += try await box.call("GET", "/metrics", as: nil, at: box.admin).text
      seen += box.home.reports.lines.joined()
      for secret in ["very-secret-account", "somebody-private", "private-balance"] {
        #expect(!seen.contains(secret), "\(secret) is somewhere")
      }
    }
    await bank.stop()
  }

  @Test func aRefusalOfThePeerIsAFailureAndAnUnreachableOneToo() async throws {
    let bank = try Bank()
    bank.answer(.text("no", status: 403))
    try await TestBox.with(egress: [bank.address, "127.0.0.1:1"]) { box in
      let refused = try await box.open("http.request", Self.payment(bank))
      try await box.approve(refused, by: "ana", "ben")
      let one = try await box.wait(refused, for: "failed")
      #expect(one["execution"]?["result"]?["status"]?.integer == 403)
      let closed = try await box.open("http.request", ["method": "GET", "url": "http://127.0.0.1:1/"])
      try await box.approve(closed, by: "ana", "ben")
      let two = try await box.wait(closed, for: "failed")
      #expect(two["execution"]?["result"]?["reason"]?.string?.contains("no connection") == true)
      let private10 = try await box.open("http.request", ["method": "GET", "url": "http://10.0.0.1/"])
      try await box.approve(private10, by: "ana", "ben")
      let three = try await box.wait(private10, for: "failed")
      #expect(three["execution"]?["result"]?["reason"]?.string?.contains("egress policy") == true)
      // A failed execution has a receipt too.
      #expect(try ReceiptCheck.verdict(try await box.get("/v1/receipts/\(refused.id)"), of: box) == .accepted)
    }
    await bank.stop()
  }

  @Test func aRedirectIsNotFollowed() async throws {
    let bank = try Bank()
    bank.answer(HTTPResponse(status: 307, headers: ["Location": "http://\(bank.address)/elsewhere"]))
    try await TestBox.with(egress: [bank.address]) { box in
      let opened = try await box.open("http.request", Self.payment(bank))
      try await box.approve(opened, by: "ana", "ben")
      let done = try await box.wait(opened, for: "executed", "failed")
      #expect(done["execution"]?["result"]?["status"]?.integer == 307)
      #expect(bank.received.map(\.target) == ["/payments"])
    }
    await bank.stop()
  }

  @Test func manyConcurrentApprovalsExecuteOnce() async throws {
    try await TestBox.with { box in
      let note = try box.note("note.single")
      let opened = try await box.open("note.single", ["n": 1])
      let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
        for name in TestConstitution.people {
          for _ in 0..<4 { group.addTask { try await box.vote(.approve, opened, by: name).status } }
        }
        return try await group.reduce(into: [Int]()) { $0.append($1) }
      }
      #expect(statuses.allSatisfy { [200, 202, 409].contains($0) }, "\(statuses)")
      try await box.wait(opened, for: "executed")
      try await box.sweep()
      #expect(note.orders.count == 1)
    }
  }
}
