import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// The recipes of docs/policies.md, each governing a box.
@Suite struct ExamplePoliciesTests {
  private static let directory = Vectors.packageRoot + "/examples/policies"

  /// A box whose payments are decided by this recipe, with the bank of the test for that of the recipe.
  private func box(_ recipe: String) throws -> TestBox {
    let text = try String(contentsOfFile: "\(Self.directory)/\(recipe).json", encoding: .utf8)
    return try TestBox { constitution in
      let bank = try #require(constitution["policies"]?.at("payments", "egress", "addresses").array?.first?.string)
      var policy = try #require(
        try JSON(
          parsing: Array(text.replacingOccurrences(of: "bank.example", with: bank).utf8),
          limits: .document(maxBytes: 65536)
        ).object)
      policy["egress"] = ["addresses": [.string(bank)]]
      // The strictest recipe takes three, and so must what could replace it.
      let strict = JSON.object(constitution).canonicalString()
        .replacingOccurrences(of: "\"threshold\":2", with: "\"threshold\":3")
      constitution = try #require(
        try JSON(parsing: Array(strict.utf8), limits: .document(maxBytes: 65536)).object)
      var committees = try #require(constitution["committees"]?.object)
      committees["engineers"] = ["engineer", "compliance"]
      committees["auditors"] = ["auditor"]
      constitution["committees"] = .object(committees)
      var policies = try #require(constitution["policies"]?.object)
      policies["payments"] = .object(policy)
      constitution["policies"] = .object(policies)
    }
  }

  private func disclosed(_ box: TestBox, _ amount: Int64, expecting status: Int32) throws -> JSON {
    try box.safebox(
      "propose", "http.request", "--params", box.payment(amount).canonicalString(), "--disclose", "body", "--wait",
      "20s", "--json", expecting: status
    ).json
  }

  @Test func everyRecipeIsDescribedAndGoverns() async throws {
    try await story {
      let names = try FileManager.default.contentsOfDirectory(atPath: Self.directory).sorted()
      #expect(names.count >= 6)
      let page = try String(contentsOfFile: Vectors.packageRoot + "/docs/policies.md", encoding: .utf8)
      for name in names {
        #expect(page.contains("(../examples/policies/\(name))"), "\(name)")
        let box = try box(name.replacingOccurrences(of: ".json", with: ""))
        #expect(try box.safebox("policy", "show", "payments").output.contains("http.request"))
        try box.stop()
      }
    }
  }

  @Test func approvalsAreCountedAsTheRecipesSay() async throws {
    try await story {
      for (recipe, people) in [
        ("single", ["compliance"]), ("m-of-n", ["auditor", "engineer"]),
        ("two-engineers-one-auditor", ["engineer", "auditor", "compliance"]),
      ] {
        let box = try box(recipe)
        let id = try box.propose()
        for person in people {
          #expect(box.bank.asked.isEmpty, "\(recipe) before \(person)")
          try box.approve(id, by: person)
        }
        try box.wait(for: "executed", of: id)
        try box.stop()
      }
    }
  }

  @Test func anAuditorStopsALockedPayment() async throws {
    try await story {
      let box = try box("time-lock")
      let id = try box.propose()
      try box.approve(id, by: "engineer")
      #expect(try box.approve(id, by: "compliance").json.at("status", "name") == "locked")
      try box.safebox("object", id, "--key", box.key("auditor"), "--yes")
      #expect(try box.proposal(id).at("status", "name") == "objected")
      #expect(box.bank.asked.isEmpty)
    }
  }

  @Test func budgetsAreKept() async throws {
    try await story {
      let box = try box("automatic-with-budget")
      for _ in 0..<5 { #expect(try disclosed(box, 10000, expecting: 0).at("status", "name") == "executed") }
      let over = try box.safebox(
        "propose", "http.request", "--params", box.payment(1).canonicalString(), "--disclose", "body", "--json",
        expecting: 3)
      #expect(try over.json.at("status", "name") == "open", "it waits for room")
      try box.safebox(
        "propose", "http.request", "--params", box.payment(10001).canonicalString(), "--disclose", "body",
        expecting: 4)
      try box.safebox("propose", "http.request", "--params", box.payment(1).canonicalString(), expecting: 4)
      #expect(box.bank.asked.count == 5)
    }
  }

  @Test func smallPaymentsGoAtOnceAndLargeOnesAreAsked() async throws {
    try await story {
      let box = try box("small-automatic-large-approved")
      #expect(try disclosed(box, 1000, expecting: 0).at("status", "name") == "executed")
      let large = try box.propose(1001)
      let hidden = try box.propose(1)
      #expect(box.bank.asked.count == 1)
      for id in [large, hidden] {
        try box.approve(id, by: "engineer")
        try box.approve(id, by: "auditor")
        try box.wait(for: "executed", of: id)
      }
    }
  }
}
