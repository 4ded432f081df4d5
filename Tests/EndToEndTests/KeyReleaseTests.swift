import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// A broker and boxes as separate processes, each box with a software TPM of its own: a file comes back where what was
/// measured is what the owners accept, and nowhere else.
@Suite(.enabled(if: SoftwareTPM.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct KeyReleaseTests {
  @Test func oneChangedMeasuredByteGetsNothingAndTheEntryNamesTheRegister() async throws {
    try await story {
      let manufacturer = try TemporaryDirectory()
      let (good, other) = (
        try SoftwareTPM(manufacturer: manufacturer), try SoftwareTPM(manufacturer: manufacturer)
      )
      let broker = try BrokerRoom(roots: [good.root])
      let files = try TemporaryDirectory()
      let issuer = try files.write(Array(good.issuer.utf8), to: "issuer.pem")
      let a = BrokerClient(name: "a.example", tpm: good, broker: broker, issuer: issuer)
      let impostor = BrokerClient(name: "a.example", tpm: other, broker: broker, issuer: issuer)
      let token = try broker.box.token("read", "propose", "vote")

      // Nothing but zeros was measured: that is what the release says.
      let policy: JSON = [
        "format": "safebox-appraisal/v1", "name": "the image", "assurance": "any", "anchors": [], "enrolled": [],
        "releases": [
          [
            "name": "image", "version": "1",
            "references": ["tpm": ["sha256.pcr4": [.string(String(repeating: "0", count: 64))]]],
          ]
        ],
        "platforms": [
          "tpm": [
            "bank": "sha256", "registers": "any", "clockSafe": "any", "since": "any", "eventLog": "any",
            "runtime": ["code": "any", "locked": "any"],
          ]
        ],
      ]
      let appraisal = try files.write(policy.canonicalBytes(), to: "appraisal.json")
      _ = try a.run("broker enrol", expecting: 3)
      try broker.box.safebox("broker", "create", "disk", "--appraisal", appraisal, "--wait", "60s", token: token)
      try broker.box.safebox("broker", "grant", "disk", "a.example", "--wait", "60s", token: token)

      let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
      let plain = try files.write(content, to: "plain")
      let sealed = files.file("sealed")
      _ = try a.run("seal", "--key", "disk", "--in", plain, "--out", sealed)
      #expect(try files.read("sealed").count > content.count)
      _ = try a.run("unseal", "--in", sealed, "--out", files.file("opened"))
      #expect(try files.read("opened") == content)

      // The same code on another machine is not this box; another name has no grant.
      let borrowed = try impostor.run("unseal", "--in", sealed, "--out", files.file("borrowed"), expecting: 4)
      #expect(borrowed.errors.contains("broker.enrolment") || borrowed.errors.contains("tpm.ak-trust"))
      let stranger = BrokerClient(name: "b.example", tpm: other, broker: broker, issuer: issuer)
      #expect(
        try stranger.run("unseal", "--in", sealed, "--out", files.file("strange"), expecting: 4).errors
          .contains("broker.grant"))

      // A restarted broker knows the key still, and no nonce.
      try broker.box.stop()
      try broker.start()
      let again = BrokerClient(name: "a.example", tpm: good, broker: broker, issuer: issuer)
      _ = try again.run("unseal", "--in", sealed, "--out", files.file("again"))
      #expect(try files.read("again") == content)

      // One byte of what the firmware measures is another.
      let extend = try SpawnedProcess(
        try #require(Subprocess.find("tpm2_pcrextend")), ["4:sha256=" + String(repeating: "11", count: 32)],
        environment: good.toolEnvironment
      ).wait()
      try #require(extend.status == 0, "\(extend.errors)")
      let changed = try again.run("unseal", "--in", sealed, "--out", files.file("changed"), expecting: 4)
      #expect(changed.errors.contains("sha256.pcr4"))
      for name in ["borrowed", "strange", "changed"] {
        #expect(!FileManager.default.fileExists(atPath: files.file(name)))
      }

      let log = try broker.box.safebox("broker", "log", "--json", token: token).json.array ?? []
      let actions = log.map { $0.at("statement", "action") }
      #expect(actions.count { $0["type"]?.string == "key.release" } == 3)
      let refusals = actions.filter { $0["type"]?.string == "key.refuse" }
      #expect(refusals.count == 3)
      #expect(refusals.contains { $0.at("params", "registers") == ["sha256.pcr4"] })
      try broker.box.stop()
    }
  }
}
