import CanonicalJSON
import Foundation
import Terminal
import TestSupport
import Testing

@testable import safebox

/// The command line as such.
@Suite struct CommandLineTests {
  /// Every command's path, found as a user would: by reading the help.
  private func commands(below path: [String] = []) throws -> [[String]] {
    let help = try Safebox.run(path + ["--help"]).output
    #expect(help.hasPrefix((["safebox"] + path).joined(separator: " ") + " - "), "\(path)")
    #expect(help.contains("Usage: "))
    // The title and the usage line are not broken.
    #expect(help.components(separatedBy: "\n").dropFirst(3).allSatisfy { $0.count <= 80 }, "\(path)")
    var isListing = false
    var found: [[String]] = []
    for line in help.components(separatedBy: "\n") {
      if line == "Commands:" {
        isListing = true
      } else if isListing, line.hasPrefix("  "), !line.hasPrefix("   "), let name = line.split(separator: " ").first {
        found.append(path + [String(name)])
      } else if line.isEmpty || !line.hasPrefix(" ") {
        isListing = false
      }
    }
    return try found.flatMap { try [$0] + commands(below: $0) }
  }

  /// Options declared twice, defaults that are no values, commands of one name.
  @Test func theTreeOfCommandsHasNoFaults() {
    #expect(SafeboxCommand.root.faults().isEmpty, "\(SafeboxCommand.root.faults())")
  }

  @Test func everyCommandHasHelp() async throws {
    try await story {
      let commands = try commands()
      let expected = [
        "init", "serve", "status", "key new", "key show", "claim sign", "claim verify", "claim digest", "propose",
        "proposals", "show", "approve", "object", "withdraw", "policy list", "policy show", "policy simulate",
        "committee show", "log checkpoint", "log prove", "log tail", "witness serve", "receipt get", "receipt verify",
        "receipt explain", "audit export", "audit verify", "client add", "client list", "client remove", "doctor",
        "completions", "version",
      ]
      let names = Set(commands.map { $0.joined(separator: " ") })
      #expect(names.isSuperset(of: expected), "\(Set(expected).subtracting(names))")
      let manual = try Safebox.run(["manual"]).output
      #expect(manual.hasPrefix(".TH") || manual.hasPrefix("."))
      for command in commands { #expect(manual.contains(command[command.count - 1])) }
    }
  }

  @Test func completionsAreShell() async throws {
    let bash = try #require(Subprocess.find("bash"))
    try await story {
      let directory = try TemporaryDirectory()
      let script = try directory.write(Array(Safebox.run(["completions", "bash"]).output.utf8), to: "completions")
      #expect(try Subprocess.run(bash, ["-n", script]).status == 0)
      // Completes a command and an option.
      let asked = """
        source "$1"
        complete -p safebox >/dev/null || exit 9
        function=$(complete -p safebox | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        COMP_WORDS=(safebox rec); COMP_CWORD=1; COMP_LINE='safebox rec'; COMP_POINT=11
        $function; echo "${COMPREPLY[*]}"
        """
      let run = try Subprocess.run(bash, ["-c", asked, "bash", script])
      #expect(String(decoding: run.output, as: UTF8.self).contains("receipt"), "\(run.errors)")
      for shell in ["zsh", "fish"] { #expect(!(try Safebox.run(["completions", shell]).output.isEmpty)) }
      try Safebox.run(["completions", "tcsh"], expecting: 2)
    }
  }

  @Test func wrongCommandLinesAreUsageErrors() async throws {
    try await story {
      let wrong: [[String]] = [
        ["nothing"], ["key"], ["key", "new"], ["approve"], ["propose"], ["show", "abc"], ["receipt", "get", "abc"],
        ["status", "--nothing"], ["status", "--box", "nonsense"], ["client", "add", "x", "--scope", "all"],
        ["propose", "a.b", "--param", "novalue"], ["key", "new", "--signer", "Ä", "--box", "b", "--out", "."],
      ]
      for arguments in wrong {
        let ending = try Safebox.run(arguments, expecting: 2)
        #expect(ending.output.isEmpty || arguments == ["key"], "\(arguments)")
        #expect(ending.errors.hasPrefix("safebox: error: ") || arguments == ["key"], "\(arguments): \(ending.errors)")
      }
      #expect(try Safebox.run(["statsu"], expecting: 2).errors.contains("status"), "it suggests what was meant")
      let json = try Safebox.run(["show", "abc", "--json"], expecting: 2)
      let error = try JSON(parsing: Array(json.errors.utf8.dropLast()), limits: .document(maxBytes: 65536))
      #expect(error["exit_code"] == 2)
      #expect(error["error"]?.string?.isEmpty == false)
    }
  }

  @Test func unreachableBoxesFailWithAHint() async throws {
    try await story {
      let gone = try Safebox.run(
        ["status"], expecting: 1, environment: ["SAFEBOX_BOX": "http://127.0.0.1:1", "NO_COLOR": "1"])
      #expect(gone.errors.contains("safebox: hint: "))
      #expect(try Safebox.run(["version"]).output.hasPrefix("safebox "))
      #expect(try Safebox.run(["--version"]).output == Safebox.run(["version"]).output)
    }
  }

  @Test func keysAreMadeOnceAndForTheirOwnerAlone() async throws {
    try await story {
      let directory = try TemporaryDirectory()
      let arguments = ["key", "new", "--signer", "ann", "--box", "example.com/box", "--out", directory.file("ann")]
      try Safebox.run(arguments)
      let key = directory.file("ann/ann.key")
      let attributes = try FileManager.default.attributesOfItem(atPath: key)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
      let before = try directory.read("ann/ann.key")
      #expect(try Safebox.run(arguments, expecting: 1).errors.contains("exists"))
      #expect(try directory.read("ann/ann.key") == before)
      let shown = try Safebox.run(["key", "show", key]).output
      #expect(try Safebox.run(["key", "show", directory.file("ann/ann.signer.json")]).output == shown)
      #expect(shown.hasPrefix("data:key/es256;base64,"))
    }
  }

  @Test func claimsAreSignedAndRefused() async throws {
    try await story {
      let directory = try TemporaryDirectory()
      for name in ["ann", "bob"] {
        try Safebox.run(["key", "new", "--signer", name, "--box", "example.com/box", "--out", directory.file(name)])
      }
      func key(_ name: String) throws -> JSON {
        .string(
          try Safebox.run(["key", "show", directory.file("\(name)/\(name).key")]).output
            .trimmingCharacters(in: .newlines))
      }
      let keys = try [key("ann"), key("bob")].sorted { ($0.string ?? "") < ($1.string ?? "") }
      let claim: JSON = [
        "ocp": 1, "iss": "ann", "sub": "example.com/box", "stm": ["says": "hello"], "key": .array(keys),
        "sig": [nil, nil],
      ]
      let file = try directory.write(claim.canonicalBytes(), to: "claim.json")
      let once = directory.file("once.json")
      let twice = directory.file("twice.json")
      try Safebox.run(["claim", "sign", file, "--key", directory.file("ann/ann.key"), "--out", once])
      try Safebox.run(["claim", "verify", once])
      try Safebox.run(["claim", "verify", once, "--threshold", "2"], expecting: 5)
      try Safebox.run(["claim", "sign", once, "--key", directory.file("bob/bob.key"), "--out", twice])
      try Safebox.run(["claim", "verify", twice, "--threshold", "2"])
      let digest = try Safebox.run(["claim", "digest", file]).output
      #expect(try Safebox.run(["claim", "digest", twice]).output == digest, "signatures are not signed")
      let text = String(decoding: try directory.read("twice.json"), as: UTF8.self)
      let forged = try directory.write(Array(text.replacingOccurrences(of: "hello", with: "hellp").utf8), to: "forged")
      try Safebox.run(["claim", "verify", forged], expecting: 5)
    }
  }
}
