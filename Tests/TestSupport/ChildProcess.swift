internal import CLinux
import Foundation
import Glibc
import Synchronization

/// Another program that a test starts, with pipes to it where the test wants them.
///
/// It is not Foundation's `Process`: looking for the open files of the tests, that one reads beyond the end of a directory's
/// entries, and kills a process that has many files open, now and then.
public final class ChildProcess: Sendable {
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// What one of its standard streams is.
  public enum Stream: Sendable {
    case nothing
    /// That of the tests.
    case inherited
    /// This object has the other end.
    case pipe
    /// A file, which is emptied when it is written to.
    case file(String)
    case descriptor(Int32)
    /// Standard error alone: what standard output is.
    case output
  }

  public let processIdentifier: Int32
  private let pidfd: Int32
  /// As a shell has it (128 + signal), once it was asked for.
  private let status = Mutex<Int32?>(nil)
  private let input: Mutex<OwnedDescriptor?>
  private let output: Mutex<(end: OwnedDescriptor, pending: [UInt8])?>

  /// Starts a program with the default signals and none of them blocked.
  /// - Parameters:
  ///   - path: a path; nothing is searched for.
  ///   - environment: that of the tests by default.
  public init(
    _ path: String, _ arguments: [String], environment: [String: String] = ProcessInfo.processInfo.environment,
    input: Stream = .nothing, output: Stream = .inherited, errors: Stream = .inherited
  ) throws {
    let read = try Ends(input, standard: 0, isWritten: false)
    let written = try Ends(output, standard: 1, isWritten: true)
    let complaints: Ends? = if case .output = errors { nil } else { try Ends(errors, standard: 2, isWritten: true) }
    let words = ([path] + arguments).map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in words + variables { free(text) } }
    var pidfd: Int32 = -1
    let pid = linux_spawn(
      path, words, variables, read.theirs.number, written.theirs.number, (complaints ?? written).theirs.number, &pidfd)
    guard pid > 0 else { throw Failure(description: "\(path) cannot be started: \(String(cString: strerror(-pid)))") }
    processIdentifier = pid
    self.pidfd = pidfd
    self.input = Mutex(read.ours)
    self.output = Mutex(written.ours.map { ($0, []) })
  }

  // It learns that its pipes have ended. It is not killed, but waited for, by a thread that nobody waits for.
  deinit {
    let (pidfd, isReaped) = (pidfd, status.withLock { $0 != nil })
    if isReaped {
      close(pidfd)
    } else {
      Thread.detachNewThread {
        _ = Self.reap(pidfd)
        close(pidfd)
      }
    }
  }

  // MARK: Its streams

  /// Writes to its standard input. What it does not take because it ended is lost.
  public func write(_ bytes: some Collection<UInt8>) {
    input.withLock { end in
      guard let end else { return }
      var rest = Array(bytes)[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { send(end.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
      }
    }
  }

  public func closeInput() { input.withLock { $0 = nil } }

  /// The next line of its standard output, without its end; waits for it. nil after the last; what follows the last line end is
  /// a line too.
  public func line() -> String? {
    output.withLock { output in
      while true {
        guard let pending = output?.pending else { return nil }
        if let end = pending.firstIndex(of: 10) {
          output?.pending.removeFirst(end + 1)
          return String(decoding: pending[..<end], as: UTF8.self)
        }
        guard Self.more(&output) else {
          output?.pending = []
          return pending.isEmpty ? nil : String(decoding: pending, as: UTF8.self)
        }
      }
    }
  }

  /// Everything that it still writes to its standard output until it closes it.
  public func rest() -> [UInt8] {
    output.withLock { output in
      while Self.more(&output) {}
      defer { output?.pending = [] }
      return output?.pending ?? []
    }
  }

  private static func more(_ output: inout (end: OwnedDescriptor, pending: [UInt8])?) -> Bool {
    guard let end = output?.end else { return false }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(end.number, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      output?.pending += buffer[..<count]
      return true
    }
  }

  // MARK: Its end

  public var isRunning: Bool {
    status.withLock { status in
      if status == nil {
        let found = linux_pidfd_reap(pidfd)
        if found >= 0 { status = found }
      }
      return status == nil
    }
  }

  /// Sends a signal, unless it has ended.
  public func signal(_ number: Int32) { _ = linux_pidfd_signal(pidfd, number) }

  /// Waits for its end. Its exit status, or 128 and the signal that ended it.
  @discardableResult
  public func wait() -> Int32 {
    status.withLock { status in
      if let status { return status }
      let found = Self.reap(pidfd)
      status = found
      return found
    }
  }

  /// As `wait`, on a thread of its own: Swift's pool has none to spare for waiting.
  public func end() async -> Int32 {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: self.wait()) }
    }
  }

  private static func reap(_ pidfd: Int32) -> Int32 {
    var polled = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
    while true {
      let status = linux_pidfd_reap(pidfd)
      if status != -1 { return status }
      _ = poll(&polled, 1, -1)
    }
  }
}

/// A descriptor that is closed when nobody has it any more.
private final class OwnedDescriptor: Sendable {
  let number: Int32
  private let isOwned: Bool

  init(_ number: Int32, isOwned: Bool = true) {
    (self.number, self.isOwned) = (number, isOwned)
  }

  deinit { if isOwned { close(number) } }
}

/// The two ends of a stream: the program's, and where it is a pipe ours.
private struct Ends {
  let theirs: OwnedDescriptor
  var ours: OwnedDescriptor?

  init(_ stream: ChildProcess.Stream, standard: Int32, isWritten: Bool) throws {
    func opened(_ path: String, _ flags: Int32) throws -> OwnedDescriptor {
      let descriptor = open(path, flags | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw ChildProcess.Failure(description: "\(path): errno \(errno)") }
      return OwnedDescriptor(descriptor)
    }
    let flags = isWritten ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY
    switch stream {
    case .nothing: theirs = try opened("/dev/null", isWritten ? O_WRONLY : O_RDONLY)
    case .inherited: theirs = OwnedDescriptor(standard, isOwned: false)
    case .file(let path): theirs = try opened(path, flags)
    case .descriptor(let number): theirs = OwnedDescriptor(number, isOwned: false)
    case .output: throw ChildProcess.Failure(description: "only standard error can be the same as standard output")
    case .pipe:
      // Sockets, so that writing to a program that has ended is an error and no signal.
      var pair: [Int32] = [-1, -1]
      let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
      guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
        throw ChildProcess.Failure(description: "socketpair: errno \(errno)")
      }
      (theirs, ours) = (OwnedDescriptor(pair[0]), OwnedDescriptor(pair[1]))
    }
  }
}
