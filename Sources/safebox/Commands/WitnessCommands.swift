import Terminal
import Witness

/// `witness serve`: cosign other boxes' checkpoints.
enum WitnessCommands {
  static let command = Command(
    "witness", "be a witness of other logs",
    subcommands: [
      Command(
        "serve", "serve the C2SP witness protocol",
        discussion: """
          The first start makes the key and prints the verifier key for policies. A witness whose records are lost must \
          not go on with its old key: it would cosign a log that was rolled back.
          """,
        arguments: [
          .option("config", value: "file", "the witness's configuration", values: .file, isRequired: true),
          .flag("fresh", "this key has no records yet"),
        ], run: serve)
    ])

  private static func serve(_ arguments: ParsedArguments) async throws -> ExitCode {
    let configuration = try WitnessConfiguration(file: try arguments.required("config"))
    let fresh = arguments.flag("fresh")
    let stop = StopSignal()
    let service = Task {
      try await WitnessService.run(configuration: configuration, startsFresh: fresh) { running in
        Terminal.standard.write("witness: \(running.verifierKey.text) at \(running.address)\n")
      }
    }
    let stopper = Task {
      await stop.wait()
      service.cancel()
    }
    defer { stopper.cancel() }
    try await service.value
    return .ok
  }
}
