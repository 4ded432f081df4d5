import CLinux
import CanonicalJSON
import Dispatch
import Glibc
import SystemOperations
import Terminal

/// `perform`: one operation over standard input and output, for sudo.
enum PerformCommand {
  static let command = Command(
    "perform", "carry out one operation that comes in on standard input",
    discussion: """
      What sudo starts where the socket is served without root; see `safebox-system sudoers`. It verifies what it reads \
      as `serve` does, and carries out no other operation than the one that is named. While `serve` runs as root with the \
      same root directory it refuses.
      """,
    arguments: [
      .positional(
        "operation", "the operation that is permitted", values: .oneOf(Operation.allCases.map(\.rawValue))),
      SystemCommand.configuration,
    ], run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    umask(0o077)
    guard linux_hide_memory() == 0 else { throw CommandError("the process cannot refuse to be dumped") }
    guard let operation = Operation(rawValue: try arguments.required("operation")) else {
      throw CommandError("there is no such operation", exitCode: .usage)
    }
    let composition = try await Composition(try SystemCommand.read(arguments))
    try await composition.desk.recover()
    let input = LineInput(limit: PerformSession.maxLine)
    let isDone = try await PerformSession(composition.desk, only: operation, runners: composition.runners).run(
      read: { try await input.next() },
      write: { Terminal.standard.write($0.canonicalString() + "\n") })
    return isDone ? .ok : .failed
  }
}

/// Lines of standard input, read on a thread of their own.
final class LineInput: Sendable {
  private let queue = DispatchQueue(label: "safebox-system.input")
  private let limit: Int
  // Only touched on the queue.
  private nonisolated(unsafe) var buffer: [UInt8] = []

  init(limit: Int) { self.limit = limit }

  /// The next line without its line feed; nil at the end. Throws for one that is too long or has no end.
  func next() async throws -> [UInt8]? {
    try await withCheckedThrowingContinuation { continuation in
      queue.async { [self] in continuation.resume(with: Result { try line() }) }
    }
  }

  private func line() throws -> [UInt8]? {
    var piece = [UInt8](repeating: 0, count: 65_536)
    var searched = 0
    while true {
      if let end = buffer[searched...].firstIndex(of: 0x0A) {
        let line = Array(buffer[..<end])
        buffer.removeSubrange(...end)
        return line
      }
      searched = buffer.count
      guard buffer.count <= limit else { throw CommandError("a line has more than \(limit) bytes") }
      let count = read(0, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw CommandError("standard input cannot be read") }
      guard count > 0 else {
        guard buffer.isEmpty else { throw CommandError("standard input ends within a line") }
        return nil
      }
      buffer += piece[..<count]
    }
  }
}
