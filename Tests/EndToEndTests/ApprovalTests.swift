import CanonicalJSON
import Cryptography
import Foundation
import OpenClaims
import TestSupport
import Testing

/// Approvers trust their own machine only: neither the box nor what carries its words to them.
@Suite struct ApprovalTests {
  /// A box that shows what the test says: proposal and openings.
  private func liar(proposal: JSON, openings: JSON) throws -> LoopbackServer {
    let (shown, opened) = (proposal.canonicalString(), JSON.object(["openings": openings]).canonicalString())
    return try LoopbackServer { request in
      // Whatever were handed in after all would be taken.
      (200, request.path.hasSuffix("/openings") ? opened : shown)
    }
  }

  private func approve(
    _ target: String, by person: String, of box: TestBox, at address: String, _ options: String...,
    expecting status: Int32
  ) throws -> SpawnedProcess.Ending {
    try Safebox.run(
      ["approve", target, "--key", box.key(person), "--yes"] + options, expecting: status,
      environment: ["SAFEBOX_BOX": "http://\(address)", "SAFEBOX_TOKEN": "sbx_any_thing"])
  }

  @Test func keysNeedNoNetwork() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      let shown = try box.directory.write(Array(box.safebox("show", id, "--json").output.utf8), to: "proposal.json")
      for person in ["engineer", "auditor"] {
        let file = box.directory.file("\(person).claim.json")
        let signed = try Safebox.run(["approve", shown, "--key", box.key(person), "--out", file, "--yes"])
        #expect(signed.errors.contains("DE02"), "the approver sees the private values")
        #expect(signed.errors.contains(id))
        #expect(try Safebox.run(["claim", "verify", file]).output.contains("1 distinct keys"))
        let claim = try JSON(parsing: box.directory.read("\(person).claim.json").dropLast(), limits: .claim)
        #expect(claim.at("stm", "action") == .string(id))
        let answer = try box.ask("POST", "/v1/proposals/\(id)/approvals", body: claim)
        #expect([200, 202].contains(answer.status), "\(answer.text)")
      }
      try box.wait(for: "executed", of: id)
      #expect(box.bank.booked == [id])
    }
  }

  @Test func nothingIsSignedUnasked() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      let asked = try SpawnedProcess(
        Safebox.path, ["approve", id, "--key", box.key("auditor")],
        environment: ["SAFEBOX_BOX": "http://\(box.address)", "SAFEBOX_TOKEN": try box.token()], hasTerminal: false
      ).wait()
      #expect(asked.status == 2)
      #expect(asked.errors.contains("--yes"))
      #expect(try box.proposal(id)["approvals"] == [])
    }
  }

  @Test func aBoxThatShowsAnotherActionIsRefused() async throws {
    try await story {
      let box = try TestBox()
      let (small, large) = (try box.propose(1), try box.propose(1_000_000))
      let liar = try liar(
        proposal: box.proposal(small), openings: box.ask("GET", "/v1/proposals/\(small)/openings").json().at("openings")
      )
      let refused = try approve(large, by: "auditor", of: box, at: liar.address, expecting: 5)
      #expect(refused.errors.contains("another proposal"))
      #expect(refused.errors.contains("do not sign"))
    }
  }

  @Test func valuesThatWereNotCommittedAreRefused() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose(1_000_000)
      let proposal = try box.proposal(id)
      let openings = try #require(try box.ask("GET", "/v1/proposals/\(id)/openings").json().at("openings").object)
      let digest = try #require(openings.keys.first)
      var opening = try #require(openings[digest]?.object)
      var body = try #require(opening["value"]?.object)
      body["amount"] = 1
      opening["value"] = .object(body)
      let liar = try liar(proposal: proposal, openings: .object([digest: .object(opening)]))
      let refused = try approve(id, by: "auditor", of: box, at: liar.address, expecting: 5)
      #expect(refused.errors.contains("not the committed one"))

      // A box that shows nothing: signing unseen takes saying so.
      let silent = try self.liar(proposal: proposal, openings: [:])
      let unseen = try approve(id, by: "auditor", of: box, at: silent.address, expecting: 1)
      #expect(unseen.errors.contains("--blind"))
      let file = box.directory.file("blind.json")
      _ = try approve(id, by: "auditor", of: box, at: silent.address, "--blind", "--out", file, expecting: 0)
      #expect(FileManager.default.fileExists(atPath: file))
    }
  }

  @Test func editedFilesAreRefused() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose(1_000_000)
      let shown = try box.safebox("show", id, "--json").output
      let claim = box.directory.file("claim.json")
      func sign(_ text: String, expecting status: Int32) throws -> SpawnedProcess.Ending {
        let file = try box.directory.write(Array(text.utf8), to: "proposal.json")
        return try Safebox.run(
          ["approve", file, "--key", box.key("auditor"), "--out", claim, "--yes"], expecting: status)
      }
      // The file still says which proposal it is, and a private value still has its commitment.
      let url = "http://\(box.bank.address)/payments"
      let elsewhere = try sign(shown.replacingOccurrences(of: url, with: url + "/x"), expecting: 5)
      #expect(elsewhere.errors.contains("another proposal"))
      _ = try sign(shown.replacingOccurrences(of: "\"amount\":1000000", with: "\"amount\":1"), expecting: 5)
      #expect(!FileManager.default.fileExists(atPath: claim))
      _ = try sign(shown, expecting: 0)
    }
  }

  @Test func onlyMembersWithTheirOwnKeysCount() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      // Somebody else's key under a member's name, and a name that is nobody's.
      let other = try box.safebox(
        "approve", id, "--key", box.key("engineer"), "--signer", "auditor", "--yes", expecting: 1)
      #expect(other.errors.contains("claim."))
      try box.makeKey("stranger")
      try box.safebox("approve", id, "--key", box.key("stranger"), "--yes", expecting: 1)
      // A claim about one proposal handed in for another.
      let another = try box.propose(2)
      let file = box.directory.file("claim.json")
      try box.safebox("approve", another, "--key", box.key("auditor"), "--yes", "--out", file)
      let claim = try JSON(parsing: box.directory.read("claim.json").dropLast(), limits: .claim)
      let misplaced = try box.ask("POST", "/v1/proposals/\(id)/approvals", body: claim)
      #expect(misplaced.status == 403, "\(misplaced.text)")
      // An objection is no approval, whatever the path says.
      let objection = box.directory.file("objection.json")
      try box.safebox("object", id, "--key", box.key("auditor"), "--yes", "--out", objection)
      let turned = try box.ask(
        "POST", "/v1/proposals/\(id)/approvals",
        body: JSON(parsing: box.directory.read("objection.json").dropLast(), limits: .claim))
      #expect(turned.status == 403, "\(turned.text)")
      let proposal = try box.proposal(id)
      #expect(proposal["approvals"] == [])
      #expect(proposal["objections"] == [])
    }
  }

  @Test func keysThatOthersCanReadAreRefused() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: box.key("auditor"))
      #expect(try box.approve(id, by: "auditor", expecting: 1).errors.contains("chmod 600"))
      #expect(try box.proposal(id)["approvals"] == [])
    }
  }

  /// The claim that a signer makes is an OpenClaim that anything else could have made.
  @Test func claimsMadeElsewhereCount() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      let proposal = try box.proposal(id)
      for person in ["compliance", "engineer"] {
        let key = try P256.PrivateKey(pkcs8PEM: String(contentsOfFile: box.key(person), encoding: .utf8))
        let signer = ClaimSigner(key)
        let unsigned: JSON = [
          "ocp": 1, "iss": .string(person), "sub": .string(TestBox.origin), "nce": "a nonce",
          "exp": .integer(Int64(Date().timeIntervalSince1970) + 3600),
          "key": [.string(signer.key.text)], "sig": [nil],
          "stm": [
            "action": .string(id), "box": .string(TestBox.origin), "decision": "approve",
            "epoch": 1, "policy": proposal.at("policy", "digest"),
          ],
        ]
        let file = try box.directory.write(unsigned.canonicalBytes(), to: "\(person).json")
        let signed = try Safebox.run(["claim", "sign", file, "--key", box.key(person)])
        let answer = try box.ask("POST", "/v1/proposals/\(id)/approvals", body: signed.json)
        #expect([200, 202].contains(answer.status), "\(answer.text)")
      }
      try box.wait(for: "executed", of: id)
    }
  }
}
