import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// A box that takes the key of its data from a broker: two processes, a TPM for each machine, and what becomes of the data where
/// another tool was measured, where the broker is away, and on another machine.
@Suite(.enabled(if: SoftwareTPM.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct ReleasedBoxTests {
  private static func options(_ tpm: SoftwareTPM, _ broker: BrokerRoom, patience: String = "60s") -> [String] {
    [
      "--tpm", tpm.tcti, "--broker", broker.url, "--broker-key", broker.key, "--key", "data", "--patience", patience,
    ]
  }

  private static func keyFile(_ data: String) -> Bool {
    FileManager.default.fileExists(atPath: data + "/keys/master.key")
  }

  private static func claim(_ box: TestBox, status: Int32 = 0) throws -> String {
    let claims = try box.safebox("status", "--json", expecting: status).json["claims"]?.array
    let claim = try #require(claims?.first { $0["id"] == "key-release" })
    return try #require(claim["evidence"]?.string ?? claim["reason"]?.string)
  }

  @Test func oneChangedToolAndAnotherMachineGetNothing() async throws {
    try await story {
      let manufacturer = try TemporaryDirectory()
      let (tpm, other) = (try SoftwareTPM(manufacturer: manufacturer), try SoftwareTPM(manufacturer: manufacturer))
      let broker = try BrokerRoom(roots: [tpm.root])
      try broker.admit(TestBox.origin, tpm, key: "data")
      let office = try Office(options: Self.options(tpm, broker))
      let box = office.box
      #expect(box.readyLine.contains(" ready"))
      #expect(!Self.keyFile(box.data))
      try office.register("invoice-triage")

      // What runs now is what the owners of the key accept, and nothing else.
      let nonce = String(repeating: "5a", count: 32)
      let evidence = box.directory.file("evidence.json")
      try box.safebox("attest", "evidence", "--nonce", nonce, "--out", evidence)
      let release = box.directory.file("release.json")
      try Safebox.run([
        "release", "reference", "office", "1.0", "--evidence", evidence, "--register", "sha256.pcr14", "--out", release,
      ])
      let reference = try JSON(parsing: box.directory.read("release.json"), limits: .document(maxBytes: 65536))
      try broker.accept([reference], for: "data")

      // A secret that was put before the restart is used after it.
      try box.stop()
      try box.start()
      #expect(box.readyLine.contains(" ready"))
      let released = try #require(try broker.log("key.release").last)
      #expect(released.params["release"] == "office 1.0")
      let claim = try Self.claim(box)
      #expect(claim.contains(released.id) && claim.contains(broker.url) && claim.contains("office 1.0"))
      try office.receive(letter: "paper-and-ink")
      let run = try office.start("invoice-triage")
      let payment = try office.parked(run)
      for person in ["compliance", "auditor"] { try box.approve(payment, by: person) }
      let ended = try office.safebox(["run", "watch", run, "--json"]).json
      #expect(ended.at("result", "paid").array?.first?["status"] == "executed")
      #expect(box.bank.asked == [payment])

      // One byte of the tool is another, by decision of the box's owners; the key's owners know nothing of it.
      let tool = try office.tool("invoice-triage")
      for (file, old, new) in [
        ("manifest.json", "\"version\": \"1.0\"", "\"version\": \"1.1\""), ("tool.js", "", " "),
      ] {
        var text = try String(contentsOfFile: "\(tool)/\(file)", encoding: .utf8)
        if old.isEmpty {
          text += new
        } else {
          try #require(text.contains(old))
          text = text.replacingOccurrences(of: old, with: new)
        }
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(tool)/\(file)"))
      }
      try office.register("invoice-triage")
      try box.stop()
      let copy = box.directory.file("copy")
      try FileManager.default.copyItem(atPath: box.data, toPath: copy)
      let admin = try ReservedPort.unassigned()
      try box.configure { $0["admin"] = .string("127.0.0.1:\(admin)") }
      try box.start()
      #expect(box.readyLine.contains("read-only") && box.readyLine.contains("different: sha256.pcr14"))
      let refusal = try #require(try broker.log("key.refuse").last)
      #expect(refusal.params["registers"] == ["sha256.pcr14"] && refusal.params["box"] == .string(TestBox.origin))
      let mode = try box.safebox("status", "--json", expecting: 1).json["mode"]?.string
      #expect(mode?.contains("different: sha256.pcr14") == true)
      #expect(try Self.claim(box, status: 1).contains("has not released the key"))
      let refused = try box.ask(
        "POST", "/v1/proposals", body: ["action": ["type": "http.request", "params": box.payment()]])
      #expect(refused.status == 503)
      #expect(try box.ask("GET", "/log/checkpoint").status == 200)
      // Both kinds of inspection say it: the broker answers, the box does not take anything.
      let doctor = try Safebox.run(["doctor", "--data", box.data], expecting: 1).output
      #expect(doctor.contains("ok     broker of the key"))
      #expect(doctor.contains("FAULT  the running box: ") && doctor.contains("different: sha256.pcr14"))
      try box.stop()

      // The same directory on another machine of the same maker.
      try broker.accept("any", for: "data")
      try box.configure(in: copy) { $0["attestation"] = ["platform": "tpm", "tcti": .string(other.tcti)] }
      let before = try broker.log("key.release").count
      try box.start(data: copy)
      #expect(box.readyLine.contains("read-only"))
      #expect(try broker.log("key.release").count == before)
      try box.stop()
      #expect(!Self.keyFile(box.data) && !Self.keyFile(copy))
      // The true one goes on.
      try box.start()
      #expect(box.readyLine.contains(" ready"))
      try box.stop()
      try broker.box.stop()
    }
  }

  @Test func theBrokerMayBeAwayAndDieWhilePeopleDecide() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let broker = try BrokerRoom(roots: [tpm.root], policies: BrokerRoom.twoRelease)
      try broker.admit(TestBox.origin, tpm, key: "data")
      try broker.box.stop()
      let box = try TestBox(options: Self.options(tpm, broker, patience: "0s"))
      #expect(box.readyLine.contains("read-only") && box.readyLine.contains("no broker"))
      let doctor = try Safebox.run(["doctor", "--data", box.data], expecting: 1).output
      #expect(doctor.contains("FAULT  broker of the key: no broker"))
      try broker.start()
      // It comes by itself, and waits for people.
      _ = try box.running.errors(containing: "is open")
      let release = try #require(try broker.log("key.release").last)
      try broker.box.approve(release.id, by: "compliance")
      try broker.box.kill()
      try broker.start()
      try broker.box.approve(release.id, by: "auditor")
      _ = try box.running.errors(containing: "released the key of the data; the box is ready")
      #expect(try broker.log("key.release").map(\.id) == [release.id])
      let id = try box.propose()
      for person in ["compliance", "auditor"] { try box.approve(id, by: person) }
      try box.wait(for: "executed", of: id)
      try box.stop()
      try broker.box.stop()
    }
  }

  @Test func whatWasSaidAboutTheKeyIsSaidWhole() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let digest = String(repeating: "ab", count: 32)
      let plain = try TestBox(starts: false)
      let signers = TestBox.people.flatMap { ["--signer", plain.device($0) + "/\($0).signer.json"] }
      let again =
        [
          "init", "--data", plain.directory.file("again"), "--origin", TestBox.origin, "--constitution",
          plain.directory.file("constitution.json"),
        ] + signers
      for (options, text) in [
        (["--broker", "https://127.0.0.1:1", "--broker-key", digest, "--key", "data"], "give --machine or --tpm"),
        (["--key", "data"], "--key belongs to --broker"),
        (["--tpm", tpm.tcti, "--broker", "http://a", "--broker-key", digest, "--key", "data"], "keyRelease.broker"),
        (
          ["--tpm", tpm.tcti, "--broker", "https://a", "--broker-key", "x", "--key", "data"],
          "--broker-key is no digest"
        ),
      ] {
        #expect(try Safebox.run(again + options, expecting: 2).errors.contains(text))
      }
      // A file in the place of the broker, put there later, is not taken for the key.
      let box = try TestBox(
        starts: false,
        options: ["--tpm", tpm.tcti, "--broker", "https://127.0.0.1:1", "--broker-key", digest, "--key", "data"])
      let file = URL(fileURLWithPath: box.data + "/keys/master.key")
      try Data(String(repeating: "5a", count: 32).utf8).write(to: file)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
      let serve = try Safebox.run(["serve", "--data", box.data], expecting: 1)
      #expect(serve.errors.contains("keys/master.key is there: one of the two is wrong"))
      let doctor = try Safebox.run(["doctor", "--data", box.data], expecting: 1).output
      #expect(doctor.contains("keys/master.key is there: one of the two is wrong"))
    }
  }
}

extension BrokerRoom {
  /// Two of the owners decide over releases.
  fileprivate static var twoRelease: JSONObject {
    let others = ["appraise", "create", "enrol", "erase", "grant", "refuse", "retire", "revoke", "rotate"]
    return [
      "keys": ["covers": .array(others.map { .string("key.\($0)") }), "rule": automatic],
      "releases": ["covers": ["key.release"], "rule": ["rule": "quorum", "committee": "owners", "threshold": 2]],
    ]
  }

  /// Accepts a TPM that runs one of these releases.
  private static func policy(releases: JSON) -> JSON {
    var policy = appraisal().object ?? [:]
    policy["releases"] = releases
    return .object(policy)
  }

  /// Makes a machine known by what only its TPM can open, and lets it have a key, whatever it runs.
  fileprivate func admit(_ name: String, _ tpm: SoftwareTPM, key: String) throws {
    let issuer = try box.directory.write(Array(tpm.issuer.utf8), to: "issuer.pem")
    let client = BrokerClient(name: name, tpm: tpm, broker: self, issuer: issuer)
    try client.run("broker enrol", expecting: 3)
    try make(key, for: name, Self.policy(releases: "any"))
  }

  /// From now on the key is for these releases alone.
  fileprivate func accept(_ releases: JSON, for key: String) throws {
    let answer = try box.ask("POST", "/v1/appraisals", body: Self.policy(releases: releases)).json()
    let params: JSON = ["key": .string(key), "appraisal": try #require(answer["appraisal"])]
    try box.safebox("propose", "key.appraise", "--params", params.canonicalString(), "--wait", "60s")
  }

  /// The actions of a type in the broker's log, oldest first.
  fileprivate func log(_ type: String) throws -> [(id: String, params: JSON)] {
    try actions(type).reversed().map { ($0["proposal"]?.string ?? "", $0.at("statement", "action", "params")) }
  }
}
