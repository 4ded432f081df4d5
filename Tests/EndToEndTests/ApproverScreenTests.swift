import CanonicalJSON
import Cryptography
import TestSupport
import Testing

/// What an approver reads before signing. Whoever proposes chooses the texts in it, and must not be able to make them look
/// like anything but texts.
@Suite struct ApproverScreenTests {
  /// The lines that `approve` shows of a proposal with these parameters, without the line that says who signs.
  private func screen(
    _ params: JSON, openings: JSON = [:], policyName: String = "payments", expecting status: Int32 = 0
  ) throws -> [String] {
    let directory = try TemporaryDirectory()
    let keys = directory.file("keys")
    try Safebox.run(["key", "new", "--signer", "ana", "--box", "box.example", "--out", keys])
    let statement: JSON = [
      "action": ["type": "http.request", "params": params], "box": "box.example", "epoch": 1,
      "expires": 1_800_000_000_000, "nonce": .string(String(repeating: "0", count: 64)),
      "policy": .string(String(repeating: "1", count: 64)),
    ]
    let proposal: JSON = ["statement": statement, "openings": openings, "policy": ["name": .string(policyName)]]
    let file = try directory.write(proposal.canonicalBytes(), to: "proposal.json")
    let ending = try Safebox.run(
      ["approve", file, "--key", keys + "/ana.key", "--out", directory.file("claim.json"), "--yes"], expecting: status)
    let lines = ending.errors.split(separator: "\n").map(String.init)
    let digest = SHA256.hash(statement.canonicalBytes()).hex
    if status == 0 { #expect(lines.filter { $0.hasPrefix("  digest    ") } == ["  digest    \(digest)"]) }
    return Array(lines.dropFirst())
  }

  @Test func textsCannotLookLikeLinesOfOurs() async throws {
    try await story {
      let lines = try screen([
        "body": "hello\n  url: \"https://harmless.example\"\ndigest    0000\r\u{1B}[2J", "method": "POST",
        "url": "https://evil.example/\" (private)",
      ])
      #expect(lines.contains("    body: text of 3 lines"))
      #expect(lines.contains("      |   url: \"https://harmless.example\""))
      #expect(lines.contains("      | digest    0000\\r\\u{1b}[2J"))
      #expect(lines.contains(#"    url: "https://evil.example/\" (private)""#))
      #expect(lines.filter { $0.contains("url: ") && !$0.contains("|") }.count == 1)
    }
  }

  @Test func namesAndPolicyNamesCannotEither() async throws {
    try await story {
      let lines = try screen(["a\n  url: x": 1, "amount": "1", "n": 1], policyName: "x\n  digest    1111")
      #expect(lines.contains(#"    "a\n  url: x": 1"#))
      // A text that looks like a number is seen to be a text.
      #expect(lines.contains(#"    amount: "1""#))
      #expect(lines.contains("    n: 1"))
      #expect(
        lines.contains(#"  policy    1111111111111111, which the box calls "x\n  digest    1111""#))
    }
  }

  @Test func privateValuesInListsAreShownToo() async throws {
    try await story {
      let opening: JSON = ["salt": .string(String(repeating: "ab", count: 32)), "value": ["to": "ACME"]]
      let commitment = SHA256.hash(opening.canonicalBytes()).hex
      let params: JSON = ["list": [["$commitment": .string(commitment)], 2]]
      let lines = try screen(params, openings: [commitment: opening])
      #expect(lines.contains("      [0] (private):"))
      #expect(lines.contains(#"        to: "ACME""#))
      #expect(lines.contains("      [1]: 2"))
      #expect(try screen(params, expecting: 1).contains { $0.contains("--blind") })
    }
  }

  /// The executor takes an opened value as it is: a commitment in it is not opened again, and must not be shown as if.
  @Test func anOpenedCommitmentStandsForNothing() async throws {
    try await story {
      let salt = JSON.string(String(repeating: "ab", count: 32))
      let inner: JSON = ["salt": salt, "value": "harmless"]
      let outer: JSON = ["salt": salt, "value": ["$commitment": .string(SHA256.hash(inner.canonicalBytes()).hex)]]
      let lines = try screen(
        ["body": ["$commitment": .string(SHA256.hash(outer.canonicalBytes()).hex)]],
        openings: [SHA256.hash(inner.canonicalBytes()).hex: inner, SHA256.hash(outer.canonicalBytes()).hex: outer])
      #expect(!lines.contains { $0.contains("harmless") })
      #expect(lines.contains("    body (private):"))
    }
  }

  /// Padded with blanks, a text could begin a line of its own where the terminal wraps.
  @Test func whatATerminalWrapsStandsBehindABar() async throws {
    try await story {
      let directory = try TemporaryDirectory()
      let keys = directory.file("keys")
      try Safebox.run(["key", "new", "--signer", "ana", "--box", "box.example", "--out", keys])
      let statement: JSON = [
        "action": [
          "type": "http.request",
          "params": ["body": .string("x" + String(repeating: " ", count: 70) + "digest    0000"), "method": "GET"],
        ], "box": "box.example", "epoch": 1, "expires": 1_800_000_000_000,
        "nonce": .string(String(repeating: "0", count: 64)), "policy": .string(String(repeating: "1", count: 64)),
      ]
      let file = try directory.write(JSON.object(["statement": statement]).canonicalBytes(), to: "proposal.json")
      // `script` gives the command a terminal.
      let command = "\(Safebox.path) approve \(file) --key \(keys)/ana.key --out \(directory.file("claim.json")) --yes"
      let ending = try SpawnedProcess(
        "/usr/bin/script", ["-qec", command, "/dev/null"], environment: ["COLUMNS": "80"]
      ).wait()
      let shown = (ending.output + ending.errors).filter { $0 != "\r" }.replacing("\r\n", with: "\n").split(
        separator: "\n")
      try #require(shown.contains { $0.contains("digest    0000") || $0.contains("0000\"") }, "\(shown)")
      #expect(shown.allSatisfy { $0.count <= 80 })
      #expect(!shown.contains { $0.contains("0000\"") && !$0.contains(" | ") })
    }
  }
}
