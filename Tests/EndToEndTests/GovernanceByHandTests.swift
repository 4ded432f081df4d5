import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// The rules of a box changed with nothing but the command line, as docs/operations.md says.
@Suite struct GovernanceByHandTests {
  /// With delays of a second, so that they can be waited for.
  private func box() throws -> TestBox {
    try TestBox { constitution in
      let text = JSON.object(constitution).canonicalString()
        .replacingOccurrences(of: "\"delay\":3600", with: "\"delay\":1")
        .replacingOccurrences(of: "\"delay\":604800", with: "\"delay\":1")
      let edited = try JSON(parsing: Array(text.utf8), limits: .document(maxBytes: 65536))
      constitution = try #require(edited.object)
    }
  }

  private func proposal(_ box: TestBox, _ arguments: String...) throws -> String {
    let ending = try Safebox.run(
      arguments + ["--json"], expecting: 3,
      environment: ["SAFEBOX_BOX": "http://\(box.address)", "SAFEBOX_TOKEN": try box.token()])
    return try #require(try ending.json["proposal"]?.string)
  }

  @Test func aPolicyIsChangedFromAFile() async throws {
    try await story {
      let box = try box()
      let shown = try box.safebox("policy", "show", "payments").output
      #expect(shown.contains("\"count\":1000"))
      let file = try box.directory.write(
        Array(shown.replacingOccurrences(of: "\"count\":1000", with: "\"count\":7").utf8), to: "payments.json")
      let id = try proposal(
        box, "propose", "governance.policy.set", "--param", "name=payments", "--param", "policy=@\(file)")
      try box.approve(id, by: "engineer")
      try box.approve(id, by: "auditor")
      try box.wait(for: "executed", of: id)
      #expect(try box.safebox("policy", "show", "payments").output.contains("\"count\":7"))
    }
  }

  @Test func aSignerIsReplacedFromASignerFile() async throws {
    try await story {
      let box = try box()
      try box.makeKey("lawyer")
      let file = box.device("lawyer") + "/lawyer.signer.json"
      let members = "engineer,auditor,lawyer"
      let change = [
        "committee", "propose", "--add", file, "--remove", "compliance", "--committee", "owners=\(members)",
        "--committee", "payments=\(members)", "--committee", "guardians=\(members)",
      ]
      let environment = ["SAFEBOX_BOX": "http://\(box.address)", "SAFEBOX_TOKEN": try box.token()]
      let printed = try Safebox.run(change + ["--print"], environment: environment).json
      #expect(printed.at("committees", "owners") == ["engineer", "auditor", "lawyer"])
      #expect(printed["signers"]?.object?.keys == ["auditor", "engineer", "lawyer"])
      #expect(printed["root"] == nil)

      let id = try #require(
        try Safebox.run(change + ["--json"], expecting: 3, environment: environment).json["proposal"]?.string)
      try box.approve(id, by: "engineer")
      let missing = try box.approve(id, by: "compliance").json["missing"]?.array ?? []
      let time = missing.compactMap { $0["text"]?.string }.first { $0.hasPrefix("time, until ") }
      #expect(time?.hasSuffix(" UTC") == true, "\(missing)")
      #expect(missing.contains { $0["text"]?.string?.contains("proposed owners") == true }, "\(missing)")
      try box.approve(id, by: "lawyer")
      try box.wait(for: "executed", of: id)
      #expect(!(try box.safebox("committee", "show").output.contains("compliance")))

      let unknown = try Safebox.run(
        ["committee", "propose", "--remove", "compliance"], expecting: 2, environment: environment)
      #expect(unknown.errors.contains("there is no signer compliance"))
      let foreign = try Safebox.run(
        ["committee", "propose", "--add", box.key("lawyer")], expecting: 1, environment: environment)
      #expect(foreign.errors.contains("lawyer.key") && foreign.errors.contains("signer.json"))
    }
  }

  @Test func theRootRuleRecovers() async throws {
    try await story {
      let box = try box()
      let id = try proposal(
        box, "committee", "propose", "--recover", "--remove", "compliance", "--root",
        "{\"committee\":\"owners\",\"threshold\":2,\"delay\":2}")
      #expect(try box.proposal(id).at("statement", "action", "type") == "governance.recover")
      try box.approve(id, by: "engineer")
      try box.approve(id, by: "auditor")
      try box.wait(for: "executed", of: id)
      let committees = try box.ask("GET", "/v1/committees").json()
      #expect(committees.at("committees", "owners") == ["engineer", "auditor"])
      #expect(committees.at("root", "delay") == 2)
    }
  }

  @Test func aStopByOneGuardianIsShownAndRatified() async throws {
    try await story {
      let box = try box()
      let stop = try proposal(box, "propose", "box.stop", "--param", "reason=intrusion")
      try box.approve(stop, by: "engineer")
      try box.wait(for: "executed", of: stop)
      #expect(try box.safebox("show", stop).output.contains("by break-glass"))
      let status = try box.safebox("status").output
      #expect(status.contains("stopped until ") && status.contains("unless ratified, by \(stop)"))

      let ratify = try proposal(box, "propose", "governance.ratify", "--param", "proposal=\(stop)")
      try box.approve(ratify, by: "engineer")
      try box.approve(ratify, by: "auditor")
      try box.wait(for: "executed", of: ratify)
      #expect(try box.safebox("status").output.contains("stopped, by \(stop)"))
      let resume = try proposal(box, "propose", "box.resume", "--param", "reason=over")
      try box.approve(resume, by: "engineer")
      try box.approve(resume, by: "auditor")
      try box.wait(for: "executed", of: resume)
      #expect(!(try box.safebox("status").output.contains("stopped")))
    }
  }

  /// The key's machine has no network; somebody else hands in what it signed.
  @Test func aClaimSignedElsewhereIsHandedIn() async throws {
    try await story {
      let box = try box()
      let id = try box.propose()
      let shown = try box.directory.write(
        Array(try box.safebox("show", id, "--json").output.utf8.dropLast()), to: "proposal.json")
      for person in ["engineer", "auditor"] {
        let claim = box.directory.file("\(person).claim")
        try Safebox.run(["approve", shown, "--key", box.key(person), "--yes", "--out", claim])
        try box.safebox("claim", "send", claim)
      }
      try box.wait(for: "executed", of: id)
      try box.safebox("claim", "send", shown, expecting: 5)
      let error = try Safebox.run(["approve", "typo", "--key", box.key("engineer"), "--yes"], expecting: 1).errors
      #expect(error.contains("typo") && error.contains("64 hexadecimal digits"))
    }
  }
}
