import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// What a stranger does with a run: checks its receipt offline, and does it again on another machine.
@Suite struct RunProofTests {
  @Test func aRunIsProvedAndDoneAgain() async throws {
    try await story {
      let office = try Office()
      try office.register("mail-report")
      try office.receive(letter: "newsletter")
      let run = try office.start("mail-report")
      let proposal = try office.parked(run)
      try office.safebox(["run", "receipt", run], expecting: 3)
      try office.box.approve(proposal, by: "compliance")
      let view = try office.safebox(["run", "watch", run, "--json"]).json
      let hash = try #require(view["execution"]?.string)
      let (receipt, bundle) = (office.directory.file("run.json"), office.directory.file("bundle.json"))
      try office.safebox(["run", "receipt", run, "--out", receipt])
      try office.safebox(["run", "bundle", run, "--out", bundle])
      let mode = try FileManager.default.attributesOfItem(atPath: bundle)[.posixPermissions] as? Int
      #expect(mode == 0o600)
      let key = ["--box-key", office.box.publicKeys]

      // From here on nobody talks to the box.
      try office.box.kill()
      let verified = try Safebox.run(["receipt", "verify", receipt, "--json"] + key).json
      #expect(verified["verdict"] == "accepted")
      let told = try Safebox.run(["receipt", "explain", receipt] + key).output
      #expect(told.contains("to run the tool mail-report 1.0") && told.contains("by the proposal \(proposal)"))
      #expect(told.contains("Its execution hash is \(hash)."))
      #expect(!told.contains("ann@books.example"))

      let again = try Safebox.run(["run", "replay", receipt, "--bundle", bundle, "--json"] + key).json
      #expect(again["execution"]?.string == hash)
      #expect(again["calls"] == view["calls"])
      #expect(try Safebox.run(["run", "replay", receipt, "--bundle", bundle]).output.hasPrefix(hash))

      // One letter of one recorded answer.
      var words = try JSON(
        parsing: Array(Data(contentsOf: URL(fileURLWithPath: bundle))), limits: .document(maxBytes: 1 << 24))
      var calls = try #require(words["calls"]?.array)
      let last = calls.count - 1
      calls[last] = .object([
        "call": calls[last]["call"] ?? .null, "arguments": calls[last]["arguments"] ?? .null,
        "result": ["status": "executeD"],
      ])
      var object = try #require(words.object)
      object["calls"] = .array(calls)
      words = .object(object)
      let wrong = try office.directory.write(words.canonicalBytes(), to: "wrong.json")
      let divergence = try Safebox.run(["run", "replay", receipt, "--bundle", wrong], expecting: 6)
      #expect(divergence.errors.contains("at call \(last): expected the result "))

      let text = try String(contentsOfFile: receipt, encoding: .utf8).replacingOccurrences(of: hash, with: proposal)
      let forged = try office.directory.write(Array(text.utf8), to: "forged.json")
      let rejected = try Safebox.run(["run", "replay", forged, "--bundle", bundle], expecting: 5)
      #expect(rejected.errors.contains("inclusion.root"))
      try Safebox.run(["receipt", "verify", forged], expecting: 5)
    }
  }
}
