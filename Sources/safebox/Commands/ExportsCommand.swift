import CanonicalJSON
import Terminal

/// `exports`: where the log goes beside, and how far it has come there.
enum ExportsCommand {
  static let command = Command(
    "exports", "show where the log is exported to and how far behind each export is",
    discussion: "Ends with 1 where an export is behind its limits.", arguments: [.json] + BoxConnection.arguments,
    run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    let answer = try await BoxConnection(arguments).get("/v1/exports")
    let exports = answer["exports"]?.array ?? []
    let isBehind = exports.contains { $0["alarm"] == true }
    if arguments.wantsJSON {
      Terminal.standard.write(answer.canonicalString() + "\n")
      return isBehind ? .failed : .ok
    }
    var table = Table([
      .init("export"), .init("state"), .init("acknowledged"), .init("behind"), .init("oldest"), .init("destination"),
      .init("last fault"),
    ])
    for export in exports {
      let phase = export["phase"]?.string ?? "?"
      table.add([
        export["name"]?.string ?? "?", export["alarm"] == true ? "\(phase), behind" : phase,
        "\(export["acknowledged"]?.integer ?? 0)", "\(export["entriesBehind"]?.integer ?? 0)",
        "\(export["millisecondsBehind"]?.integer ?? 0) ms", export["destination"]?.string ?? "?",
        export["fault"]?.string ?? "",
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.width))
    return isBehind ? .failed : .ok
  }
}
