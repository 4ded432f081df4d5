import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// The rules change only by their own rules.
@Suite struct RulesTests {
  /// Governance with a lock of two seconds instead of an hour.
  private func box(delay: Int64 = 2) throws -> TestBox {
    try TestBox { constitution in
      try edit(&constitution, policy: "governance") { policy in
        var rule = try #require(policy["rule"]?.object)
        rule["delay"] = .integer(delay)
        policy["rule"] = .object(rule)
      }
    }
  }

  /// The policy for payments, with one approval instead of two.
  private func looser(_ box: TestBox) throws -> JSON {
    let current = try box.ask("GET", "/v1/policies/payments").json()
    let text = try #require(current["policy"]).canonicalString()
    #expect(text.contains("\"threshold\":2"))
    return try JSON(
      parsing: Array(text.replacingOccurrences(of: "\"threshold\":2", with: "\"threshold\":1").utf8),
      limits: .document(maxBytes: 65536))
  }

  @Test func aNewPolicyWaitsAndOpensAnEpoch() async throws {
    try await story {
      let box = try box()
      let old = try box.propose()
      try box.approve(old, by: "engineer")
      let policy = try looser(box)
      let simulated = try box.directory.write(policy.canonicalBytes(), to: "policy.json")
      #expect(!(try box.safebox("policy", "simulate", "payments", "--policy", simulated).output.isEmpty))

      let change = try box.propose("governance.policy.set", ["name": "payments", "policy": policy])
      try box.approve(change, by: "engineer")
      let locked = try box.approve(change, by: "compliance").json
      #expect(locked.at("status", "name") == "locked")
      #expect(
        (locked.at("status", "until").integer ?? 0) >= (locked["approvals"]?.array?.last?["at"]?.integer ?? 0) + 2000)
      let done = try box.wait(for: "executed", of: change)
      let started = try #require(done.at("execution", "startedIndex").integer)
      let entry = try box.ask("GET", "/v1/entries/\(started)").json()
      let at = try JSON(parsing: Array(try #require(entry["entry"]?.string).utf8), limits: .entry)["at"]?.integer ?? 0
      #expect(at >= locked.at("status", "until").integer ?? .max, "not before the lock opened")
      #expect(try box.ask("GET", "/v1/status").json()["epoch"] == 2)

      // What was open under the old rules is over, and its approvals count for nothing.
      #expect(try box.proposal(old).at("status", "name") == "stale")
      try box.approve(old, by: "auditor", expecting: 1)
      let id = try box.propose()
      try box.approve(id, by: "auditor")
      try box.wait(for: "executed", of: id)
      #expect(box.bank.asked == [id])

      // Both receipts hold: of the change, and of what was decided under it.
      for (index, action) in [change, id].enumerated() {
        let file = box.directory.file("receipt-\(index).json")
        try box.safebox("receipt", "get", action, "--out", file)
        try Safebox.run(["receipt", "verify", file, "--box-key", box.publicKeys])
      }
      try box.stop()
      try box.start()
      #expect(try box.ask("GET", "/v1/status").json()["epoch"] == 2)
      let archive = box.directory.file("audit.tar")
      try Safebox.run(["audit", "export", "--data", box.data, "--out", archive])
      try Safebox.run(["audit", "verify", archive, "--box-key", box.publicKeys])
    }
  }

  @Test func anObjectionStopsALockedChange() async throws {
    try await story {
      let box = try box(delay: 3600)
      let change = try box.propose("governance.policy.set", ["name": "payments", "policy": try looser(box)])
      try box.approve(change, by: "engineer")
      #expect(try box.approve(change, by: "compliance").json.at("status", "name") == "locked")
      let objected = try box.safebox("object", change, "--key", box.key("auditor"), "--yes", "--json").json
      #expect(objected.at("status", "name") == "objected")
      #expect(objected.at("status", "reason").string?.contains("auditor") == true)
      #expect(try box.ask("GET", "/v1/status").json()["epoch"] == 1)
    }
  }

  @Test func aSignersKeyIsReplacedWithBothHavingSigned() async throws {
    try await story {
      let box = try box(delay: 1)
      // A new key for the auditor, made on a new device, and proved to be wanted there.
      try Safebox.run(
        ["key", "new", "--signer", "auditor", "--box", TestBox.origin, "--out", box.directory.file("new")])
      var constitution = try #require(box.ask("GET", "/v1/constitution").json()["constitution"]?.object)
      var signers = try #require(constitution["signers"]?.object)
      let made = try JSON(
        parsing: box.directory.read("new/auditor.signer.json"), limits: .document(maxBytes: 65536))
      signers["auditor"] = ["keys": made["keys"] ?? []]
      constitution["signers"] = .object(signers)
      let committees = try #require(constitution["committees"])
      let change = try box.propose(
        "governance.committee.set", ["signers": .object(signers), "committees": committees])
      try box.approve(change, by: "engineer")
      try box.approve(change, by: "compliance")
      try box.wait(for: "executed", of: change)

      let id = try box.propose()
      try box.approve(id, by: "auditor", expecting: 1)
      let newKey = box.directory.file("new/auditor.key")
      try box.safebox("approve", id, "--key", newKey, "--yes")
      try box.approve(id, by: "engineer")
      try box.wait(for: "executed", of: id)
      let receipt = box.directory.file("receipt.json")
      try box.safebox("receipt", "get", id, "--out", receipt)
      let report = try Safebox.run(["receipt", "verify", receipt, "--box-key", box.publicKeys, "--json"]).json
      #expect(
        report["steps"]?.array?.contains { $0["id"] == "succession" && $0["state"] != "not-applicable" } == true)
    }
  }

  @Test func aSignerCanPropose() async throws {
    try await story {
      let box = try TestBox()
      let opened = try box.safebox(
        "propose", "http.request", "--params", box.payment().canonicalString(), "--key", box.key("engineer"), "--json",
        expecting: 3
      ).json
      let id = try #require(opened["proposal"]?.string)
      #expect(opened["proposer"] == "signer:engineer")
      // Approving what one proposed oneself does not count.
      #expect(try box.approve(id, by: "engineer", expecting: 1).errors.contains("vote.self-approval"))
      try box.approve(id, by: "auditor")
      #expect(try box.proposal(id).at("status", "name") == "open")
      try box.approve(id, by: "compliance")
      try box.wait(for: "executed", of: id)
      let withdrawn =
        try box.safebox(
          "propose", "http.request", "--params", box.payment(2).canonicalString(), "--key", box.key("engineer"),
          "--json", expecting: 3
        ).json["proposal"]?.string ?? ""
      try box.safebox("withdraw", withdrawn, expecting: 1)
      try box.safebox("withdraw", withdrawn, "--key", box.key("engineer"), "--yes")
      #expect(try box.proposal(withdrawn).at("status", "name") == "withdrawn")
    }
  }
}
