import Synchronization

@testable import Terminal

/// A small command line with every kind of argument.
enum Sample {
  static let root = Command(
    "box", "runs things under rules",
    discussion: "First paragraph of some length.\n\n  box run tool.js --seed 1\n\nAnother.",
    arguments: [.json, .option("data", short: "d", value: "directory", "where the box lives", values: .directory)],
    subcommands: [
      Command(
        "approve", "approve a proposal with your key",
        arguments: [
          .option("key", short: "k", value: "file", "private key; repeat for more", values: .file, isRepeated: true),
          .option("format", value: "name", "how to write it", values: .oneOf(["text", "cbor"]), default: "text"),
          .option("limit", value: "n", "at most this many"), .flag("quiet", short: "q", "say nothing"), .yes,
          .positional("proposal", "id or file"), .positional("note", "why", isRequired: false, isRepeated: true),
        ],
        run: { try body($0) }),
      Command(
        "key", "make and show keys",
        subcommands: [
          Command(
            "new", "make a key",
            arguments: [.option("out", value: "file", "where to write it", values: .file, isRequired: true)],
            run: { try body($0) }),
          Command("show", "show a key", run: { _ in .ok }),
        ]),
      Command(
        "fail", "fail as told", arguments: [.positional("how", "what to throw", values: .oneOf(["error", "other"]))]
      ) {
        struct Other: Error, CustomStringConvertible { let description = "other trouble" }
        if try $0.required("how") == "other" { throw Other() }
        throw CommandError("it was \u{1b}[2J \"bad\"", hints: ["do better"], exitCode: .denied)
      },
    ])

  private static func body(_ arguments: ParsedArguments) throws -> ExitCode { .pending }
}

/// A terminal that keeps what is written to it.
final class Recorder: Sendable {
  private let texts = Mutex((output: "", error: ""))

  var output: String { texts.withLock { $0.output } }
  var error: String { texts.withLock { $0.error } }

  func terminal(isTTY: Bool = false, width: Int = 80, usesColour: Bool = false) -> Terminal {
    Terminal(
      program: "box", outputIsTTY: isTTY, errorIsTTY: isTTY, width: width, usesColour: usesColour,
      output: { text in self.texts.withLock { $0.output += text } },
      error: { text in self.texts.withLock { $0.error += text } })
  }
}
