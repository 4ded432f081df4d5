import Foundation
import TestSupport
import Testing

@testable import Terminal

@Suite struct HelpTests {
  @Test func aGroupListsItsCommands() {
    #expect(
      CommandHelp([Sample.root]).text(width: 80) == """
        box - runs things under rules

        Usage: box [options] <command>

        First paragraph of some length.

          box run tool.js --seed 1

        Another.

        Commands:
          approve  approve a proposal with your key
          key      make and show keys
          fail     fail as told

        Options:
              --json              write one JSON document instead of text
          -d, --data <directory>  where the box lives
              --version           show the version
          -h, --help              show this help

        box <command> --help says more about a command.

        """)
  }

  @Test func aCommandListsItsArgumentsAndThoseAbove() throws {
    let command = try #require(Sample.root.subcommands.first)
    let text = CommandHelp([Sample.root, command]).text(width: 60)
    #expect(text.contains("Usage: box approve [options] <proposal> [<note>...]\n"))
    #expect(text.contains("  -k, --key <file>...     private key; repeat for more\n"))
    #expect(text.contains("how to write it: text, cbor\n                          (default: text)\n"))
    #expect(text.contains("--data <directory>") && !text.contains("--version"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 60 })
  }

  @Test func requiredOptionsAreInTheUsageLine() throws {
    let key = Sample.root.subcommands[1]
    #expect(CommandUsage.line([Sample.root, key, key.subcommands[0]]) == "box key new --out <file> [options]")
  }

  @Test func wordsLongerThanALineStayWhole() {
    #expect(TextWrap.lines("a bbbbbbbb cc dd", width: 5) == ["a", "bbbbbbbb", "cc dd"])
    #expect(TextWrap.lines("", width: 5) == [""])
  }
}

@Suite struct ManualPageTests {
  @Test func everyCommandAndExitCodeIsThere() {
    let text = ManualPage(Sample.root, version: "1.2.3").text
    #expect(text.hasPrefix(".TH \"BOX\" 1 \"\" \"box 1.2.3\"\n.SH NAME\nbox \\- runs things under rules\n"))
    for part in [".SS \"box approve\"", ".SS \"box key new\"", "\\fB\\-k, \\-\\-key <file>...\\fR", "\\fB124\\fR"] {
      #expect(text.contains(part), "\(part)")
    }
    #expect(!text.contains(".SS \"box key\"\n"))
    #expect(text.contains(".nf\n  box run tool.js \\-\\-seed 1\n"))
  }

  @Test func textCannotBecomeAMacro() {
    #expect(ManualPage.plain(".so /etc/passwd") == "\\&.so /etc/passwd")
    #expect(ManualPage.plain("'x") == "\\&'x" && ManualPage.plain("a\\fB") == "a\\efB")
  }
}

@Suite(.timeLimit(.minutes(5))) struct ShellCompletionsTests {
  private static func find(_ program: String) -> String? {
    ["/bin", "/usr/bin", "/usr/local/bin"].map { "\($0)/\(program)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Exit code and standard output.
  private func run(_ program: String, _ arguments: [String]) throws -> (Int32, String) {
    let process = try ChildProcess(program, arguments, output: .pipe)
    let text = String(decoding: process.rest(), as: UTF8.self)
    return (process.wait(), text)
  }

  /// What a real bash offers for the last of these words.
  private func complete(_ words: [String]) throws -> [String] {
    let bash = try #require(Self.find("bash"))
    let script = ShellCompletions(Sample.root).script(for: .bash)
    let quoted = words.map { "'\($0)'" }.joined(separator: " ")
    let call = "\nCOMP_WORDS=(\(quoted)); COMP_CWORD=\(words.count - 1); _box; printf '%s\\n' \"${COMPREPLY[@]}\""
    let (status, output) = try run(bash, ["--norc", "-c", script + call])
    #expect(status == 0)
    return output.split(separator: "\n").map(String.init)
  }

  @Test func bashOffersCommandsOptionsAndValues() throws {
    #expect(try complete(["box", "a"]) == ["approve"])
    #expect(try complete(["box", ""]).contains("key"))
    #expect(try complete(["box", "key", "s"]) == ["show"])
    #expect(try complete(["box", "--d"]) == ["--data"])
    #expect(try complete(["box", "approve", "--fo"]) == ["--format"])
    #expect(try complete(["box", "approve", "--format", ""]) == ["text", "cbor"])
    #expect(try complete(["box", "--data", "/d", "key", "n"]) == ["new"])
    #expect(try complete(["box", "fail", "e"]) == ["error"])
    #expect(try complete(["box", "key", "new", "--out", "/etc/passw"]).contains("/etc/passwd"))
    #expect(try complete(["box", "approve", "-d", "/et"]) == ["/etc"])
  }

  @Test(arguments: ShellCompletions.Shell.allCases)
  func everyScriptIsValidSyntax(_ shell: ShellCompletions.Shell) throws {
    let script = ShellCompletions(Sample.root).script(for: shell)
    #expect(script.contains("approve") && script.contains("format"))
    // Debian has bash; the others are checked where they are installed.
    guard let program = Self.find(shell.rawValue) else { return }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(
      "box-\(UUID().uuidString).\(shell.rawValue)")
    try Data(script.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    #expect(try run(program, ["-n", file.path]).0 == 0)
  }
}
