import Testing

@testable import Terminal

@Suite struct CommandParserTests {
  private func parse(_ words: String...) throws -> ParsedArguments {
    guard case .run(_, let arguments) = try CommandParser(Sample.root).parse(words) else {
      throw CommandError("not a run")
    }
    return arguments
  }

  private func failure(_ words: String...) -> CommandError? {
    do {
      _ = try CommandParser(Sample.root).parse(words)
      return nil
    } catch {
      return error
    }
  }

  @Test func theSampleIsSound() { #expect(Sample.root.faults() == []) }

  @Test func optionsMayStandAnywhere() throws {
    let arguments = try parse(
      "--data", "/d", "approve", "-k", "a", "p1", "--key=b", "-kc", "--json", "why", "so", "-qy")
    #expect(arguments.command == ["box", "approve"])
    #expect(arguments.value("data") == "/d")
    #expect(arguments.values("key") == ["a", "b", "c"])
    #expect(try arguments.required("proposal") == "p1")
    #expect(arguments.values("note") == ["why", "so"])
    #expect(arguments.wantsJSON && arguments.flag("quiet") && arguments.flag("yes"))
    #expect(arguments.value("format") == "text")
    #expect(arguments.value("limit") == nil)
  }

  @Test func dashesEndTheOptions() throws {
    let arguments = try parse("approve", "--", "--json", "-k")
    #expect(arguments.value("proposal") == "--json" && arguments.values("note") == ["-k"] && !arguments.wantsJSON)
    #expect(try parse("approve", "-").value("proposal") == "-")
  }

  @Test func valuesMayLookLikeShortOptionsOrBeEmpty() throws {
    #expect(try parse("approve", "--limit", "-5", "p").value("limit") == "-5")
    #expect(try parse("approve", "--limit=", "p").value("limit") == "")
    #expect(try parse("approve", "--limit=a=b", "p").value("limit") == "a=b")
    #expect(try parse("approve", "--limit=--json", "p").value("limit") == "--json")
  }

  @Test func nestedCommandsAreFound() throws {
    #expect(try parse("key", "new", "--out", "x").command == ["box", "key", "new"])
  }

  @Test(arguments: [
    (["aprove", "p"], "box has no command \"aprove\"", "did you mean \"approve\"?"),
    (["key", "nwe"], "box key has no command \"nwe\"", "did you mean \"new\"?"),
    (["zzz"], "box has no command \"zzz\"", "box --help"),
    (["approve", "p", "--fromat=text"], "unknown option \"--fromat\"", "did you mean \"--format\"?"),
    (["approve", "p", "--proposal=x"], "unknown option \"--proposal\"", "box approve --help"),
    (["approve", "p", "-z"], "unknown option \"-z\"", "box approve --help"),
    (["approve"], "<proposal> is missing", "box approve --help"),
    (["key", "new"], "--out <file> is missing", "box key new --help"),
    (["key", "show", "x"], "unexpected argument \"x\"", "box key show --help"),
    (["key"], "box key needs a command: new, show", "box key --help"),
    (["--json"], "box needs a command: approve, key, fail", "box --help"),
    (["help", "kye"], "box has no command \"kye\"", "did you mean \"key\"?"),
    (
      ["approve", "p", "--format", "tex"], "--format <name> is \"tex\", one of text, cbor is expected",
      "did you mean \"text\"?"
    ),
  ])
  func mistakesAreNamedWithAHint(_ words: [String], _ message: String, _ hint: String) {
    do {
      _ = try CommandParser(Sample.root).parse(words)
      Issue.record("\(words) was accepted")
    } catch {
      #expect(error == CommandError(message, hints: [hint], exitCode: .usage))
    }
  }

  @Test func valuesAreNeitherLostNorDoubled() {
    #expect(failure("approve", "p", "--limit", "1", "--limit", "2")?.message == "--limit is given twice")
    #expect(failure("approve", "p", "--limit", "--json")?.message == "--limit needs a value: --limit <n>")
    #expect(failure("approve", "p", "-k")?.message == "-k needs a value: --key <file>...")
    #expect(failure("approve", "p", "--quiet=yes")?.message == "--quiet takes no value")
    #expect(failure("fail", "weird")?.message == "<how> is \"weird\", one of error, other is expected")
  }

  @Test func helpAndVersionAreFoundBeforeMistakes() throws {
    func helpPath(_ words: String...) throws -> [String]? {
      guard case .help(let path) = try CommandParser(Sample.root).parse(words) else { return nil }
      return path.map(\.name)
    }
    #expect(try helpPath() == ["box"])
    #expect(try helpPath("approve", "--help") == ["box", "approve"])
    #expect(try helpPath("approve", "-qh") == ["box", "approve"])
    #expect(try helpPath("help", "key", "new") == ["box", "key", "new"])
    guard case .version = try CommandParser(Sample.root).parse(["--version"]) else {
      Issue.record("no version")
      return
    }
  }

  @Test func numbersAndSpansAreChecked() throws {
    #expect(try parse("approve", "p", "--limit", "7").integer("limit", in: 1...9) == 7)
    #expect(try parse("approve", "p").integer("limit", in: 1...9) == nil)
    for text in ["0", "10", "+7", "7x", "", "1e3"] {
      let arguments = try parse("approve", "p", "--limit=\(text)")
      #expect(throws: CommandError.self) { try arguments.integer("limit", in: 1...9) }
    }
    for (text, seconds) in [("90s", 90), ("15m", 900), ("36h", 129_600), ("7d", 604_800), ("0s", 0)]
      as [(String, Int64)]
    {
      #expect(try parse("approve", "p", "--limit", text).seconds("limit") == seconds)
    }
    for text in ["90", "s", "-1s", "+1s", "1.5h", "1w", "9223372036854775807d", ""] {
      let arguments = try parse("approve", "p", "--limit=\(text)")
      #expect(throws: CommandError.self) { try arguments.seconds("limit") }
    }
  }

  @Test func contradictoryDeclarationsAreFound() {
    func command(_ arguments: Argument...) -> Command { Command("c", "", arguments: arguments) { _ in .ok } }
    #expect(command(.flag("a", ""), .option("a", value: "x", "")).faults() == ["c: a is declared twice"])
    #expect(command(.flag("help", "")).faults() == ["c: help is declared twice"])
    #expect(command(.flag("a", short: "x", ""), .flag("b", short: "x", "")).faults() == ["c: -x is declared twice"])
    #expect(
      command(.positional("a", "", isRequired: false), .positional("b", "")).faults()
        == ["c: required <b> follows optional <a>"])
    #expect(
      command(.positional("a", "", isRepeated: true), .positional("b", "")).faults()
        == ["c: <a> takes all and is not last"])
    let group = Command("g", "", arguments: [.json], subcommands: [Command("s", "", arguments: [.json]) { _ in .ok }])
    #expect(group.faults() == ["g s: json is declared twice"])
  }

  @Test(arguments: [
    ("", "", 0), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1), ("abc", "xabc", 1), ("kitten", "sitting", 3),
    ("ca", "abc", 3), ("", "abc", 3),
  ])
  func distancesAreThoseOfTheDefinition(_ left: String, _ right: String, _ expected: Int) {
    #expect(Spelling.distance(left, right) == expected)
    #expect(Spelling.distance(right, left) == expected)
  }

  @Test func onlyNearWordsAreSuggested() {
    let words = ["approve", "audit", "propose", "proposals"]
    #expect(Spelling.nearest(to: "propos", among: words) == "propose")
    #expect(Spelling.nearest(to: "aud", among: words) == "audit")
    #expect(Spelling.nearest(to: "APPROVE", among: words) == "approve")
    #expect(Spelling.nearest(to: "x", among: words) == nil)
    #expect(Spelling.nearest(to: "elephant", among: words) == nil)
  }
}

@Suite struct CommandRunnerTests {
  private func run(_ words: String..., recorder: Recorder) async -> ExitCode {
    await CommandRunner(Sample.root, version: "1.2.3", terminal: recorder.terminal()).run(words)
  }

  @Test func theExitCodeIsTheCommands() async {
    let recorder = Recorder()
    #expect(await run("approve", "p", recorder: recorder) == .pending)
    #expect(recorder.output.isEmpty && recorder.error.isEmpty)
  }

  @Test func failuresAreSentencesOnStandardError() async {
    let recorder = Recorder()
    #expect(await run("fail", "error", recorder: recorder) == .denied)
    #expect(recorder.error == "box: error: it was \\u{1b}[2J \"bad\"\nbox: hint: do better\n")
    #expect(await run("fail", "other", recorder: recorder) == .failed)
    #expect(recorder.error.hasSuffix("box: error: other trouble\n"))
    #expect(await run("nothing", recorder: recorder) == .usage)
    #expect(recorder.output.isEmpty)
  }

  @Test func failuresAreJSONWhenAskedFor() async {
    let recorder = Recorder()
    #expect(await run("--json", "fail", "error", recorder: recorder) == .denied)
    #expect(
      recorder.error
        == #"{"error":"it was \u001b[2J \"bad\"","exit_code":4,"hints":["do better"]}"# + "\n")
    let mistaken = Recorder()
    #expect(await run("approve", "--json", recorder: mistaken) == .usage)
    #expect(mistaken.error.hasPrefix(#"{"error":"<proposal> is missing","exit_code":2,"#))
    let literal = Recorder()
    _ = await run("fail", "--", "--json", recorder: literal)
    #expect(literal.error.hasPrefix("box: error:"))
  }

  @Test func helpAndVersionAreResults() async {
    let recorder = Recorder()
    #expect(await run("--version", recorder: recorder) == .ok)
    #expect(recorder.output == "box 1.2.3\n")
    let help = Recorder()
    #expect(await run("approve", "--help", recorder: help) == .ok)
    #expect(help.output.hasPrefix("box approve - approve") && help.error.isEmpty)
  }

  @Test func exitCodesKeepTheirNumbers() {
    #expect(ExitCode.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5, 6, 124])
  }
}
