import Glibc

/// A write, sync or commit that failed, or a second writer: the log cannot go on in this process.
///
/// After a failed fsync the kernel may show pages that never reached the disk, so nothing that this process could read
/// now would prove anything. The next process reads what the disk really holds.
public struct StorageFault: Error, CustomStringConvertible {
  /// What was being done.
  public let step: String
  /// What went wrong.
  public let cause: any Error

  public var description: String { "\(step): \(cause)" }

  /// The exit status of a process that stopped for such a fault: EX_SOFTWARE of sysexits.h.
  public static let exitStatus: Int32 = 70

  /// Writes the reason to standard error and ends the process at once: no destructors, no exit handlers, nothing that
  /// could write to the log again.
  public static let stopProcess: @Sendable (StorageFault) -> Void = { fault in
    let text = Array("safebox: error: the log stopped: \(fault)\n".utf8)
    _ = text.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    _exit(exitStatus)
  }
}

/// Why a request was not taken up. It has had no effect, except after `stopped`, where that is not known.
public enum SubmissionError: Error, Hashable, CustomStringConvertible {
  /// Too many requests are waiting. Try again later.
  case overloaded(limit: Int)
  /// Another process held the database lock for too long. Try again later.
  case busy
  /// The log was closed.
  case closed
  /// The log stopped for a fault.
  case stopped
  /// The writer serves another `GroupCommitLog` already.
  case writerInUse

  public var description: String {
    switch self {
    case .overloaded(let limit): "\(limit) requests are waiting already"
    case .busy: "the database is locked by another process"
    case .closed: "the log is closed"
    case .stopped: "the log stopped after a storage fault"
    case .writerInUse: "the writer is in use"
    }
  }
}
