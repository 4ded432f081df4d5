import CLinux
import Dispatch
import Glibc
import SystemOperations
import Terminal

/// `serve`: the process, in the foreground.
enum ServeCommand {
  static let command = Command(
    "serve", "follow the log and carry out operations until it is told to stop",
    discussion: """
      Folds its copy of the log again, brings to an end what was interrupted, prints one line when it answers, and lets \
      the operation under way finish at SIGTERM.
      """,
    arguments: [SystemCommand.configuration], run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    umask(0o077)
    guard linux_hide_memory() == 0 else { throw CommandError("the process cannot refuse to be dumped") }
    let configuration = try SystemCommand.read(arguments)
    let stop = StopSignal()
    let composition = try await Composition(configuration)
    try await composition.desk.recover()
    try await composition.start()
    let server = SystemServer(
      composition.desk, access: .init(socket: configuration.socket, uids: Set(configuration.uids)),
      runners: composition.runners, version: SystemCommand.version)
    try server.start()
    let position = try await composition.desk.standing().position
    Terminal.standard.write(
      "safebox-system: \(configuration.box) at \(position.size) entries; socket \(configuration.socket)\n")
    await stop.wait()
    await server.shutDown(deadline: .seconds(100))
    await composition.stop()
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
