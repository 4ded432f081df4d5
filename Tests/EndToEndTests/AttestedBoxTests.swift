import Attestation
import CanonicalJSON
import Cryptography
import Foundation
import Glibc
import TestSupport
import Testing

/// A box that a TPM vouches for: what it claims, what its evidence shows, and when it refuses. The TPM is swtpm, which proves
/// nothing about hardware and behaves like a chip in everything that is tried here.
@Suite(.enabled(if: SoftwareTPM.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct AttestedBoxTests {
  /// A policy that accepts the attestation key of this box's TPM, which its owner enrolled by hand.
  private static func policy(_ evidence: JSON, runtime: JSON = ["code": "any", "locked": "any"]) throws -> JSON {
    let key = try #require(evidence["evidence"]?["akPublic"]?.string.flatMap { Base64.decode($0) })
    let name = [0x00, 0x0b] + SHA256.hash(key).bytes
    return [
      "format": "safebox-appraisal/v1", "name": "test", "assurance": "any", "anchors": [], "releases": "any",
      "enrolled": [["name": "swtpm", "ak": .string(Hex.encode(name)), "assurance": "software"]],
      "platforms": [
        "tpm": [
          "bank": "sha256", "registers": "any", "clockSafe": true, "since": "any", "eventLog": "any",
          "runtime": runtime,
        ]
      ],
    ]
  }

  /// Asks the box for evidence for a nonce; writes evidence and policy into files of its directory.
  private static func evidence(_ box: TestBox, nonce: String) throws -> JSON {
    let file = box.directory.file("evidence.json")
    try? FileManager.default.removeItem(atPath: file)
    try box.safebox("attest", "evidence", "--nonce", nonce, "--out", file)
    let evidence = try JSON(parsing: box.directory.read("evidence.json"), limits: .document(maxBytes: 4 << 20))
    _ = try box.directory.write(try policy(evidence).canonicalBytes(), to: "policy.json")
    return evidence
  }

  private static func events(_ evidence: JSON) -> [String] {
    (evidence["evidence"]?["runtime"]?.array ?? []).map { event in
      "\(event["kind"]?.string ?? "?") \(event["name"]?.string ?? "?")"
    }
  }

  private static let nonce = String(repeating: "5a", count: 32)

  @Test func evidenceIsAcceptedForItsNonceAndForNoOther() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let box = try TestBox(options: ["--tpm", tpm.tcti])
      _ = try Self.evidence(box, nonce: Self.nonce)
      let verify = [
        "attest", "verify", box.directory.file("evidence.json"), "--policy", box.directory.file("policy.json"),
        "--at", "now", "--json",
      ]
      let report = try Safebox.run(verify + ["--nonce", Self.nonce]).json
      #expect(report["verdict"] == "accepted")
      #expect(report["assurance"] == ["type": "software", "by": "swtpm"])
      #expect(report["checks"]?.array?.contains { $0["id"] == "runtime.replay" && $0["state"] == "passed" } == true)
      let other = try Safebox.run(
        verify + ["--nonce", String(repeating: "5b", count: 32)], expecting: 5)
      let failed = try other.json["checks"]?.array?.filter { $0["state"] == "failed" }.compactMap { $0["id"]?.string }
      #expect(failed == ["tpm.nonce"])
      // A policy that demands hardware refuses the same evidence.
      var strict =
        try JSON(parsing: box.directory.read("policy.json"), limits: .document(maxBytes: 65536)).object ?? [:]
      strict["assurance"] = "hardware"
      let file = try box.directory.write(JSON.object(strict).canonicalBytes(), to: "strict.json")
      let refused = try Safebox.run(
        [
          "attest", "verify", box.directory.file("evidence.json"), "--policy", file, "--at", "now", "--nonce",
          Self.nonce,
        ], expecting: 5)
      #expect(refused.errors.contains("policy.assurance"))
    }
  }

  @Test func whatIsUsedWasMeasuredAndReceiptsShowIt() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let office = try Office(options: ["--tpm", tpm.tcti])
      #expect(Self.events(try Self.evidence(office.box, nonce: Self.nonce)) == ["policy constitution 1"])
      try office.register("invoice-triage")
      #expect(
        Self.events(try Self.evidence(office.box, nonce: Self.nonce)).map { $0.prefix(19) }
          == ["policy constitution", "tool invoice-triage"])
      let run = try office.start("invoice-triage")
      _ = try office.safebox(["run", "watch", run, "--json"])
      let receipt = office.directory.file("receipt.json")
      try office.safebox(["run", "receipt", run, "--out", receipt])
      let verify = ["receipt", "verify", receipt, "--box-key", office.box.publicKeys, "--json"]
      func states(_ report: JSON) -> [String: String] {
        Dictionary(
          (report["steps"]?.array ?? []).compactMap { step in
            step["id"]?.string.flatMap { id in step["state"]?.string.map { (id, $0) } }
          }, uniquingKeysWith: { first, _ in first })
      }
      let bare = states(try Safebox.run(verify).json)
      #expect(bare["identity"] == "passed" && bare["evidence"] == "not-proved")
      let held = states(try Safebox.run(verify + ["--policy", office.box.directory.file("policy.json")]).json)
      #expect(held["identity"] == "passed" && held["evidence"] == "passed" && held["release"] == "not-proved")
      // Somebody else's TPM: the same receipt under a policy that enrols another key.
      var other =
        try JSON(parsing: office.box.directory.read("policy.json"), limits: .document(maxBytes: 65536)).object ?? [:]
      other["enrolled"] = [
        ["name": "another", "ak": .string("000b" + String(repeating: "11", count: 32)), "assurance": "software"]
      ]
      let file = try office.box.directory.write(JSON.object(other).canonicalBytes(), to: "other.json")
      let refused = try Safebox.run(verify + ["--policy", file], expecting: 5)
      #expect(refused.errors.contains("evidence.tpm.ak-trust"))
    }
  }

  @Test func anOlderCopyOfTheDirectoryIsRefused() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let box = try TestBox(options: ["--tpm", tpm.tcti])
      // The clients of the copy are those of the time when it was made.
      _ = try box.token()
      try box.stop()
      let copy = box.directory.file("copy")
      try FileManager.default.copyItem(atPath: box.data, toPath: copy)
      try box.start()
      #expect(box.readyLine.contains(" ready"))
      try box.stop()
      try box.start(data: copy)
      #expect(box.readyLine.contains("read-only: the machine's counter stands at"))
      let refused = try box.ask(
        "POST", "/v1/proposals",
        body: ["action": ["type": "http.request", "params": box.payment()]])
      #expect(refused.status == 503)
      let status = try box.safebox("status", "--json", expecting: 1).json
      #expect(status["mode"]?.string?.contains("the data directory is an older copy") == true)
      try box.stop()
      // The true directory goes on.
      try box.start()
      #expect(box.readyLine.contains(" ready"))
    }
  }

  @Test func aKilledBoxGoesOnAndAStartOfTheMachineMeasuresAnew() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let office = try Office(options: ["--tpm", tpm.tcti])
      try office.register("invoice-triage")
      let before = Self.events(try Self.evidence(office.box, nonce: Self.nonce))
      try office.box.kill()
      try office.box.start()
      #expect(Self.events(try Self.evidence(office.box, nonce: Self.nonce)) == before)
      try office.box.stop()
      try tpm.stop()
      try tpm.start()
      try office.box.start()
      let evidence = try Self.evidence(office.box, nonce: Self.nonce)
      #expect(Self.events(evidence) == before)
      // A TPM that was switched off without a shutdown command does not call its clock safe, and the policy would say so.
      var policy =
        try JSON(parsing: office.box.directory.read("policy.json"), limits: .document(maxBytes: 65536))
        .canonicalString()
      policy = policy.replacingOccurrences(of: #""clockSafe":true"#, with: #""clockSafe":"any""#)
      _ = try office.box.directory.write(Array(policy.utf8), to: "policy.json")
      let entries = try office.box.ask("GET", "/v1/entries?limit=256").json()
      #expect(entries.canonicalString().contains("code.measured"))
      let report = try Safebox.run([
        "attest", "verify", office.box.directory.file("evidence.json"), "--policy",
        office.box.directory.file("policy.json"), "--nonce", Self.nonce, "--at", "now", "--json",
      ]).json
      #expect(report["verdict"] == "accepted")
    }
  }

  @Test func aRegisterThatSomebodyElseExtendedIsNotExplained() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let box = try TestBox(options: ["--tpm", tpm.tcti])
      try box.stop()
      let extended = try Subprocess.run(
        "/usr/bin/env",
        [
          "TPM2TOOLS_TCTI=\(tpm.tcti)", "tpm2_pcrextend", "14:sha256=\(String(repeating: "ab", count: 32))",
        ])
      try #require(extended.status == 0, "\(extended.errors)")
      try box.start()
      #expect(box.readyLine.contains("read-only: the machine's register of measured code holds"))
    }
  }

  @Test func aBoxWithoutItsMachineIsRefused() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let box = try TestBox(options: ["--tpm", tpm.tcti])
      try box.stop()
      var configuration =
        try JSON(parsing: box.directory.read("data/box.json"), limits: .document(maxBytes: 65536)).object ?? [:]
      configuration["attestation"] = nil
      try Data(JSON.object(configuration).canonicalBytes()).write(to: URL(fileURLWithPath: box.data + "/box.json"))
      try box.start()
      #expect(box.readyLine.contains("read-only: this log was kept on a machine that vouched for it"))
      // A trust domain has no such register here: the same box would go on unmeasured.
      configuration["attestation"] = ["platform": "tdx"]
      try Data(JSON.object(configuration).canonicalBytes()).write(to: URL(fileURLWithPath: box.data + "/box.json"))
      let doctor = try Safebox.run(["doctor", "--data", box.data], expecting: 1).output
      #expect(doctor.contains("FAULT  machine tdx: /dev/tdx_guest is not there"))
    }
  }

  @Test func ownersApproveReleasesAndCloseTheSet() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let box = try TestBox(options: ["--tpm", tpm.tcti]) { constitution in
        var policies = constitution["policies"]?.object ?? [:]
        policies["machine"] = [
          "covers": ["release.*", "measurement.*"],
          "rule": ["rule": "quorum", "committee": "owners", "threshold": 2],
        ]
        constitution["policies"] = .object(policies)
      }
      _ = try Self.evidence(box, nonce: Self.nonce)
      let release = box.directory.file("release.json")
      try Safebox.run([
        "release", "reference", "image", "1.0", "--evidence", box.directory.file("evidence.json"), "--register",
        "sha256.pcr4", "--register", "sha256.pcr7", "--out", release,
      ])
      let proposed = try box.safebox("release", "approve", release, "--json", expecting: 3)
      let id = try #require(try proposed.json["proposal"]?.string)
      for person in ["compliance", "auditor"] { try box.approve(id, by: person) }
      try box.wait(for: "executed", of: id)
      let policy = box.directory.file("released.json")
      try box.safebox("release", "policy", box.directory.file("policy.json"), "--out", policy)
      let verify = [
        "attest", "verify", box.directory.file("evidence.json"), "--policy", policy, "--nonce", Self.nonce, "--at",
        "now", "--json",
      ]
      let report = try Safebox.run(verify).json
      let found = report["checks"]?.array?.first { $0["id"] == "policy.release" }
      #expect(found?["actual"] == "image 1.0")

      let lock = try box.propose("measurement.lock", ["reason": "nothing more is to come"])
      for person in ["compliance", "auditor"] { try box.approve(lock, by: person) }
      try box.wait(for: "executed", of: lock)
      let locked = try Self.evidence(box, nonce: Self.nonce)
      #expect(Self.events(locked).last == "lock lock")
      // A change of the rules could not be measured any more: it waits for the machine to start again.
      let change = try box.propose("governance.policy.set", ["name": "machine", "policy": nil])
      for person in ["engineer", "compliance", "auditor"] { _ = try? box.approve(change, by: person) }
      #expect(try box.proposal(change).at("status", "name") != "executed")
    }
  }
}
