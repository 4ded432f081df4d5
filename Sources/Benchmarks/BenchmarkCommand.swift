import CanonicalJSON
import Glibc

/// The command that `scripts/bench` calls: one benchmark for each call, in a process of its own, so that none warms up or
/// burdens another.
///
///     Benchmarks run <benchmark> --directory <empty directory> [--seconds <s>] [--writers <n>] [--count <n>]
///         [--box <address> --token <token> --process <id>] [--model <address>] [--gateway <address>] [--manifest <path>]
///         [--chat <socket> --embeddings <socket>] [--tpm <tcti>]
///     Benchmarks serve
///     Benchmarks serve-model
///     Benchmarks serve-box --directory <empty directory>
///     Benchmarks report <results.jsonl> <bench.json>
///
/// `run` prints its measurements as lines of JSON.
enum BenchmarkCommand {
  /// The options of `run`.
  struct Options {
    /// Length of the measured part.
    var seconds = 2.0
    var writers = 1
    /// How many entries, where a benchmark counts them.
    var count = 100_000
    /// Where files may be made.
    var directory = "."
    /// Address, client's token and process of a box that runs beside this.
    var box = ""
    var token = ""
    var process = "self"
    /// Address of the server that stands in for a model's vendor.
    var model = ""
    /// Address of another gateway to that server; empty for none.
    var gateway = ""
    /// Path of a model's manifest.
    var manifest = ""
    /// Sockets of runners that serve chat and embeddings.
    var chat = ""
    var embeddings = ""
    /// Where a TPM is reached.
    var tpm = ""
  }

  static func main() async {
    do {
      try await run(Array(CommandLine.arguments.dropFirst()))
    } catch {
      OutputLine.write("safebox: error: \(error)", to: STDERR_FILENO)
      exit(1)
    }
  }

  private static func run(_ arguments: [String]) async throws {
    switch (arguments.first, arguments.dropFirst().first) {
    case ("run", let name?):
      for measurement in try await measure(name, try options(arguments.dropFirst(2))) {
        OutputLine.write(measurement.json.canonicalString())
      }
    case ("serve", nil): try await HelloServer.run()
    case ("serve-model", nil): try await ModelServer.run()
    case ("serve-box", .some): try await BoxServer.run(directory: try options(arguments.dropFirst()).directory)
    case ("report", let results?) where arguments.count == 3: try Report.run(results: results, output: arguments[2])
    default: throw BenchmarkFailure.usage("see the head of Sources/Benchmarks/BenchmarkCommand.swift")
    }
  }

  private static func measure(_ name: String, _ options: Options) async throws -> [Measurement] {
    switch name {
    case "append": try await AppendBenchmark.run(options)
    case "propose": [try await ProposalBenchmark.run(options)]
    case "govern": [try await GovernedActionBenchmark.run(options)]
    case "sqlite": try SQLiteBaseline.run(options)
    case "disk": [try DiskFloor.run(options)]
    case "memory": try await MemoryBenchmark.run(options)
    case "proof": [try ProofBenchmark.run(options)]
    case "decision": try DecisionBenchmark.run(options)
    case "audit": try await AuditBenchmark.run(options)
    case "parse": [try ParseBenchmark.run(options)]
    case "tool": try await ToolRunBenchmark.run(options)
    case "calls": try await HostCallBenchmark.run(options)
    case "tool-memory": try await ToolMemoryBenchmark.run(options)
    case "replay": try await ReplayBenchmark.run(options)
    case "policy-code": try PolicyCodeBenchmark.run(options)
    case "box-run": try await BoxRunBenchmark.run(options)
    case "parked": try await ParkedMemoryBenchmark.run(options)
    case "snapshot": try SnapshotBenchmark.run(options)
    case "gateway": try await GatewayBenchmark.run(options)
    case "acquire": [try await AcquisitionBenchmark.run(options)]
    case "inference": try await InferenceBenchmark.run(options)
    case "attestation": try VerificationBenchmark.run(options)
    case "tpm": try await TPMBenchmark.run(options)
    default: throw BenchmarkFailure.usage("there is no benchmark \(name)")
    }
  }

  private static func options(_ arguments: ArraySlice<String>) throws -> Options {
    var options = Options()
    var rest = arguments
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { throw BenchmarkFailure.usage("\(name) needs a value") }
      switch name {
      case "--seconds": options.seconds = try number(name, value, Double(value))
      case "--writers": options.writers = try number(name, value, Int(value))
      case "--count": options.count = try number(name, value, Int(value))
      case "--directory": options.directory = value
      case "--box": options.box = value
      case "--token": options.token = value
      case "--process": options.process = value
      case "--model": options.model = value
      case "--gateway": options.gateway = value
      case "--manifest": options.manifest = value
      case "--chat": options.chat = value
      case "--embeddings": options.embeddings = value
      case "--tpm": options.tpm = value
      default: throw BenchmarkFailure.usage("there is no option \(name)")
      }
    }
    return options
  }

  private static func number<Number: Comparable & ExpressibleByIntegerLiteral>(
    _ name: String, _ text: String, _ value: Number?
  ) throws -> Number {
    guard let value, value > 0 else { throw BenchmarkFailure.usage("\(name) \(text): a number above 0 is needed") }
    return value
  }
}
