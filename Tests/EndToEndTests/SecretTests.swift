import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// Secrets by hand: proposed, approved, listed, rotated, removed; and never seen.
@Suite struct SecretTests {
  private static func box() throws -> TestBox {
    try TestBox(edit: { constitution in
      var policies = try #require(constitution["policies"]?.object)
      policies["secrets"] = ["covers": ["secret.*"], "rule": ["rule": "single", "committee": "owners"]]
      constitution["policies"] = .object(policies)
    })
  }

  private static func scan(_ directory: String, for canary: String) -> [String] {
    let writings =
      [canary, Data(canary.utf8).map { String(format: "%02x", $0) }.joined()]
      + (0..<3).map { String((Data(count: $0) + Data(canary.utf8)).base64EncodedString().dropFirst(4).dropLast(4)) }
    let files = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
    return files.filter { file in
      guard let data = FileManager.default.contents(atPath: directory + "/" + file) else { return false }
      return writings.contains { data.range(of: Data($0.utf8)) != nil }
    }
  }

  @Test func aSecretLivesAndLeavesNoTrace() async throws {
    try await story {
      let box = try Self.box()
      let canary = "canary-\(UUID().uuidString.lowercased())"
      let other = try TemporaryDirectory()
      let file = try other.write(Array("\(canary)\n".utf8), to: "value")
      var output = ""

      func carry(_ command: [String], version: Int64) throws {
        let ending = try Safebox.run(
          ["secret"] + command + ["--community", "acme", "--json"], expecting: 3,
          environment: ["SAFEBOX_BOX": "http://\(box.address)", "SAFEBOX_TOKEN": try box.token()])
        let id = try #require(try ending.json["proposal"]?.string)
        let shown = try box.safebox("show", id).output
        #expect(shown.contains("acme") && shown.contains("bank-token"))
        // Nobody is shown the value, so nobody needs to sign blindly.
        let approved = try box.approve(id, by: "engineer")
        let ended = try box.wait(for: "executed", of: id)
        #expect(ended.at("execution", "result") == ["version": .integer(version)])
        output += ending.output + ending.errors + shown + approved.output + approved.errors + ended.canonicalString()
      }

      try carry(["put", "bank-token", "--host", "api.bank.example", "--file", file], version: 1)
      try carry(["rotate", "bank-token", "--file", file], version: 2)
      let list = try box.safebox("secret", "list", "--community", "acme").output
      #expect(list.contains("bank-token") && list.contains("api.bank.example") && list.contains("2"))
      let json = try box.safebox("secret", "list", "--community", "acme", "--json")
      #expect(try json.json["secrets"]?.array?.first?["version"] == 2)
      try carry(["remove", "bank-token"], version: 2)
      #expect(try box.safebox("secret", "list", "--community", "acme", "--json").json["secrets"] == [])
      let missing = try box.safebox(
        "secret", "rotate", "bank-token", "--community", "acme", "--file", file, expecting: 1)
      let limits = try String(contentsOfFile: "/proc/\(box.running.pid)/limits", encoding: .utf8)
      let core = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") })
      #expect(core.split(separator: " ").filter { $0 == "0" }.count == 2, "\(core)")
      let ending = try box.stop()
      output += list + json.output + missing.output + missing.errors + ending.output + ending.errors
      #expect(!output.contains(canary))
      #expect(Self.scan(box.directory.path, for: canary).isEmpty)
    }
  }

  @Test func aSignerPutsASecretToo() async throws {
    try await story {
      let box = try Self.box()
      let canary = "canary-\(UUID().uuidString.lowercased())"
      let file = try box.directory.write(Array(canary.utf8), to: "value")
      let ending = try box.safebox(
        "secret", "put", "token", "--community", "acme", "--host", "a.example", "--file", file, "--key",
        box.key("auditor"), "--json", expecting: 3)
      let id = try #require(try ending.json["proposal"]?.string)
      try box.approve(id, by: "engineer")
      try box.wait(for: "executed", of: id)
      try FileManager.default.removeItem(atPath: file)
      try box.stop()
      #expect(Self.scan(box.directory.path, for: canary).isEmpty)
    }
  }
}
