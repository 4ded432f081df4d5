import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// The main job, as the people of the example do it.
@Suite struct PaymentTests {
  @Test func twoApprovalsOneBookingOneReceipt() async throws {
    try await story {
      let box = try TestBox()
      let params = box.payment().canonicalString()
      let first = try box.safebox(
        "propose", "http.request", "--params", params, "--idempotency-key", "invoice-1", "--json", expecting: 3)
      let opened = try first.json
      let id = try #require(opened["proposal"]?.string)
      #expect(opened.at("status", "name") == "open")
      #expect(opened["missing"]?.array?.first?["count"] == 2)
      #expect(!opened.canonicalString().contains("DE02"), "private values stay out of what everybody reads")

      let once = try box.approve(id, by: "compliance").json
      #expect(once.at("status", "name") == "open")
      #expect(once["missing"]?.array?.first?["candidates"] == ["auditor", "engineer"])
      // The same signer again is the same approval.
      #expect(try box.approve(id, by: "compliance").json["approvals"]?.array?.count == 1)
      let pending = try box.safebox("receipt", "get", id, expecting: 3)
      #expect(pending.errors.contains("no_receipt_yet"))
      #expect(box.bank.asked.isEmpty)

      try box.approve(id, by: "auditor")
      let again = try box.safebox(
        "propose", "http.request", "--params", params, "--idempotency-key", "invoice-1", "--wait", "60s", "--json")
      #expect(try again.json["proposal"] == .string(id))
      #expect(try again.json.at("execution", "outcome") == "executed")
      #expect(try again.json.at("execution", "result", "status") == 201)
      #expect(box.bank.asked == [id], "one execution, under the action digest as idempotency key")
      // Too late for a third.
      #expect(try box.approve(id, by: "engineer", expecting: 1).errors.contains("not"))
      #expect(box.bank.asked == [id])
    }
  }

  @Test func receiptsHoldWithoutTheBox() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      try box.approve(id, by: "engineer")
      try box.approve(id, by: "auditor")
      try box.wait(for: "executed", of: id)
      let receipt = box.directory.file("receipt.json")
      let proof = box.directory.file("receipt.tlog-proof")
      try box.safebox("receipt", "get", id, "--out", receipt, "--tlog-proof", proof)
      #expect(try String(contentsOfFile: proof, encoding: .utf8).hasPrefix("c2sp.org/tlog-proof@v1\n"))
      let opened = box.directory.file("opened.json")
      try box.safebox("receipt", "get", id, "--out", opened, "--disclose", "all")
      #expect(
        try box.safebox(
          "receipt", "get", id, "--disclose", "all", expecting: 1, token: box.token("read")
        ).errors.contains("scope_missing"))
      let keys = box.publicKeys
      try box.stop()

      let report = try Safebox.run(["receipt", "verify", receipt, "--box-key", keys, "--json"]).json
      #expect(report["verdict"] == "accepted")
      #expect(!(try String(contentsOfFile: receipt, encoding: .utf8)).contains("DE02"))
      #expect(try Safebox.run(["receipt", "explain", opened, "--box-key", keys]).output.contains("DE02"))

      let text = try String(contentsOfFile: receipt, encoding: .utf8)
      let url = "http://\(box.bank.address)/payments"
      #expect(text.contains(url))
      let forged = try box.directory.write(
        Array(text.replacingOccurrences(of: url, with: url.dropLast() + "z").utf8), to: "forged.json")
      let refused = try Safebox.run(["receipt", "verify", forged, "--box-key", keys], expecting: 5)
      #expect(refused.errors.contains("inclusion"))
      try Safebox.run(["receipt", "explain", forged], expecting: 5)

      let other = try TestBox(starts: false)
      let stranger = try Safebox.run(["receipt", "verify", receipt, "--box-key", other.publicKeys], expecting: 5)
      #expect(stranger.errors.contains("box-key"))
    }
  }

  @Test func auditsHoldWithoutTheBox() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      try box.approve(id, by: "engineer")
      try box.approve(id, by: "auditor")
      try box.wait(for: "executed", of: id)
      let archive = box.directory.file("audit.tar")
      try box.safebox("audit", "export", "--data", box.data, "--out", archive)
      try box.stop()
      let again = box.directory.file("again.tar")
      try Safebox.run(["audit", "export", "--data", box.data, "--out", again])
      let bytes = try box.directory.read("audit.tar")
      #expect(try box.directory.read("again.tar") == bytes, "an export is a function of the log")
      try Safebox.run(["audit", "verify", archive, "--box-key", box.publicKeys])

      // One character of one entry: the signer of an approval.
      let needle = Array("\"signer\":\"auditor\"".utf8)
      let text = [UInt8](bytes)
      let at = try #require(
        text.indices.dropLast(needle.count).first { text[$0..<($0 + needle.count)].elementsEqual(needle) })
      var forged = text
      forged[at + needle.count - 2] = UInt8(ascii: "s")
      let file = try box.directory.write(forged, to: "forged.tar")
      let refused = try Safebox.run(["audit", "verify", file, "--box-key", box.publicKeys], expecting: 5)
      #expect(refused.errors.contains("safebox: error: "))
    }
  }

  @Test func whatThePolicyDoesNotAllowIsDenied() async throws {
    try await story {
      let box = try TestBox()
      var params = try #require(box.payment().object)
      params["method"] = "PUT"
      let put = try box.safebox(
        "propose", "http.request", "--params", JSON.object(params).canonicalString(), expecting: 4)
      #expect(put.errors.contains("denied"))
      params["method"] = "POST"
      params["url"] = "http://127.0.0.1:1/payments"
      try box.safebox("propose", "http.request", "--params", JSON.object(params).canonicalString(), expecting: 4)
      let unknown = try box.safebox("propose", "no.such", "--params", "{}", expecting: 1)
      #expect(unknown.errors.contains("action.type"))
      params["timeout"] = "soon"
      let wrong = try box.safebox(
        "propose", "http.request", "--params", JSON.object(params).canonicalString(), expecting: 1)
      #expect(wrong.errors.contains("action.params.timeout"))
      #expect(box.bank.asked.isEmpty)
    }
  }

  @Test func objectionWithdrawalAndExpiryEndProposals() async throws {
    try await story {
      let box = try TestBox()
      // Who objects no longer approves, and cannot again.
      let objected = try box.propose(1)
      try box.approve(objected, by: "engineer")
      try box.safebox("object", objected, "--key", box.key("engineer"), "--yes")
      let missing = try box.approve(objected, by: "auditor").json["missing"]?.array?.first
      #expect(missing?["count"] == 1)
      #expect(missing?["candidates"] == ["compliance"])
      try box.approve(objected, by: "engineer", expecting: 1)

      let withdrawn = try box.propose(2)
      let stranger = try box.token(client: "stranger", ["propose", "read"])
      #expect(try box.safebox("withdraw", withdrawn, expecting: 1, token: stranger).errors.contains("vote."))
      try box.safebox("withdraw", withdrawn)
      #expect(try box.proposal(withdrawn).at("status", "name") == "withdrawn")
      try box.approve(withdrawn, by: "compliance", expecting: 1)

      let expired = try box.safebox(
        "propose", "http.request", "--params", box.payment(3).canonicalString(), "--expires-in", "1s", "--wait", "60s",
        "--json", expecting: 4)
      #expect(try expired.json.at("status", "name") == "expired")
      #expect(box.bank.asked.isEmpty)
    }
  }
}
