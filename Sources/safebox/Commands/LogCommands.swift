import CanonicalJSON
import Cryptography
import Terminal

/// `log checkpoint|prove|tail`.
enum LogCommands {
  static let command = Command(
    "log", "look at the log", arguments: BoxConnection.arguments,
    subcommands: [
      Command("checkpoint", "print the newest signed checkpoint", run: checkpoint),
      Command(
        "prove", "print an inclusion proof",
        arguments: [.positional("index", "the entry's index")], run: prove),
      Command(
        "tail", "print the newest entries, one JSON document a line",
        arguments: [
          .option("count", short: "n", value: "count", "how many", default: "10"),
          .flag("follow", short: "f", "go on as entries are added"),
        ], run: tail),
    ])

  private static func checkpoint(_ arguments: ParsedArguments) async throws -> ExitCode {
    let answer = try await BoxConnection(arguments).send("GET", "/log/checkpoint")
    Terminal.standard.write(String(decoding: answer.body, as: UTF8.self))
    return .ok
  }

  private static func prove(_ arguments: ParsedArguments) async throws -> ExitCode {
    guard let index = try arguments.integer("index", in: 0...Int(JSON.maxSafeInteger)) else { return .usage }
    let proof = try await BoxConnection(arguments).get("/v1/entries/\(index)/proof")
    Terminal.standard.write(proof.canonicalString() + "\n")
    return .ok
  }

  private static func tail(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    let count = Int64(try arguments.integer("count", in: 0...10000) ?? 10)
    let size = try await connection.get("/v1/status")["size"]?.integer ?? 0
    var next = max(0, size - count)
    while true {
      let page = try await connection.get("/v1/entries?from=\(next)&limit=256")["entries"]?.array ?? []
      for entry in page {
        // Entries are canonical JSON: control characters are escaped in it already.
        Terminal.standard.write(
          "\(entry["index"]?.integer ?? 0) \(TerminalText.asciiOnly(entry["entry"]?.string ?? ""))\n")
        next = (entry["index"]?.integer ?? next) + 1
      }
      if page.count == 256 { continue }
      guard arguments.flag("follow") else { return .ok }
      try await Task.sleep(for: .milliseconds(500))
    }
  }
}
