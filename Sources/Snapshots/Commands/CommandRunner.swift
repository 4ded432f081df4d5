/// Runs a program to its end: the real one, or a test's that answers as the program did when it was recorded.
public protocol CommandRunner: Sendable {
  /// - Parameters:
  ///   - path: absolute.
  ///   - arguments: without the program's name; never read by a shell.
  /// - Throws: ``SnapshotFault/system(call:subject:errno:)`` when it cannot be started. A status other than 0 is a result.
  func run(_ path: String, _ arguments: [String]) throws(SnapshotFault) -> CommandResult
}

/// What a program left behind.
public struct CommandResult: Sendable, Hashable {
  /// Exit status, or 128 + the signal that ended it.
  public let status: Int32
  /// Standard output and standard error as they came; the first ``ProgramRunner/outputLimit`` bytes.
  public let output: String
  /// It was killed because its time was over.
  public let isTimedOut: Bool

  public init(status: Int32, output: String, isTimedOut: Bool = false) {
    self.status = status
    self.output = output
    self.isTimedOut = isTimedOut
  }
}
