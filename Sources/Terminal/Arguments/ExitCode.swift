/// What a command tells the shell. Scripts rely on these numbers; they do not change.
public enum ExitCode: Int32, Sendable, CaseIterable {
  case ok = 0
  case failed = 1
  case usage = 2
  case pending = 3
  case denied = 4
  case verificationFailed = 5
  case divergence = 6
  case timedOut = 124

  /// For help and manual pages.
  public var meaning: String {
    switch self {
    case .ok: "done"
    case .failed: "failed; the message says why"
    case .usage: "the command line was wrong"
    case .pending: "not decided yet: approvals or time are missing"
    case .denied: "denied by policy, objection or expiry"
    case .verificationFailed: "verification failed"
    case .divergence: "two records that must agree do not"
    case .timedOut: "timed out"
    }
  }
}

/// A failure as the user reads it: `safebox: error: <message>` and `safebox: hint: <hint>` lines.
public struct CommandError: Error, Sendable, Hashable, CustomStringConvertible {
  public var exitCode: ExitCode
  /// Lower case, no final period. Untrusted parts are made harmless when it is printed.
  public var message: String
  /// What to do about it; one line each.
  public var hints: [String]

  public init(_ message: String, hints: [String] = [], exitCode: ExitCode = .failed) {
    self.message = message
    self.hints = hints
    self.exitCode = exitCode
  }

  public var description: String { message }

  static func usage(_ message: String, hints: [String] = []) -> CommandError {
    CommandError(message, hints: hints, exitCode: .usage)
  }
}
