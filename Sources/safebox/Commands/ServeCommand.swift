import BoxService
import CLinux
import Dispatch
import Glibc
import Terminal

/// `serve`: the daemon, in the foreground.
enum ServeCommand {
  static let command = Command(
    "serve", "run the box until it is told to stop",
    discussion: """
      Prints one line when it answers. SIGTERM and SIGINT drain: requests in flight and executions under way finish. \
      When something is wrong with the log the box serves it read-only and says why.
      """,
    arguments: [Settings.data], run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    try await run(arguments, asBroker: false)
  }

  /// `broker serve`.
  static func runBroker(_ arguments: ParsedArguments) async throws -> ExitCode {
    try await run(arguments, asBroker: true)
  }

  private static func run(_ arguments: ParsedArguments, asBroker: Bool) async throws -> ExitCode {
    // Whatever is made in the data directory is for this user alone.
    umask(0o077)
    // The process will hold keys and secrets: neither a core dump nor another process of this user gets at them.
    guard linux_hide_memory() == 0 else { throw CommandError("the process cannot refuse to be dumped") }
    let stop = StopSignal()
    let box = try await Box(
      directory: DataDirectory(path: Settings.dataDirectory(arguments)),
      environment: .init(clock: WallClock.milliseconds, report: { Terminal.standard.writeError("safebox: \($0)\n") }))
    if asBroker, box.brokerAddress == nil {
      await box.stop()
      throw CommandError("this box is no broker", hints: ["give it one in box.json, see docs/key-release.md"])
    }
    let addresses = try await box.start()
    let shown = addresses.api.map { "\($0)" }.joined(separator: " ")
    let admin = addresses.admin.map { "\($0)" }.joined(separator: " ")
    let broker = box.brokerAddress.map { broker in
      " broker \(broker.places.map { "\($0)" }.joined(separator: " ")) key \(broker.key)"
    }
    Terminal.standard.write("safebox: \(box.origin) \(box.mode); api \(shown) admin \(admin)\(broker ?? "")\n")
    await stop.wait()
    await box.stop()
    return .ok
  }
}

/// SIGTERM and SIGINT as something to wait for.
final class StopSignal: Sendable {
  private let stream: AsyncStream<Void>

  init() {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    self.stream = stream
    for number in [SIGTERM, SIGINT] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      // The handler keeps the source alive: it is wanted for as long as the process lives.
      source.setEventHandler {
        withExtendedLifetime(source) { _ = continuation.yield() }
      }
      source.resume()
    }
  }

  func wait() async { for await _ in stream { return } }
}
