import Foundation
import Glibc
import TestSupport

/// Another program, with its output in sockets that only it holds the other end of: the end of the output is the end of the
/// program, so every wait is a wait for an event, with a deadline.
final class SpawnedProcess: @unchecked Sendable {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// What a program left behind.
  struct Ending {
    /// The exit status, or 128 and the signal that ended it.
    let status: Int32
    let output: String
    let errors: String
  }

  private let process: ChildProcess
  private let name: String
  // Used by one thread at a time: the test's.
  private var pipes: [Int32]
  private var texts: [[UInt8]] = [[], []]
  private var ending: Ending?

  var pid: Int32 { process.processIdentifier }

  /// Starts a program. `environment` replaces that of the tests; nothing can be read from its standard input, and without
  /// `hasTerminal` not from a terminal that the tests may have either.
  init(
    _ path: String, _ arguments: [String], environment: [String: String] = [:], hasTerminal: Bool = true
  ) throws {
    name = ([path] + arguments).map { ($0 as NSString).lastPathComponent }.joined(separator: " ")
    var ends: [[Int32]] = []
    defer { for pair in ends { close(pair[1]) } }
    for _ in 0..<2 {
      var pair: [Int32] = [-1, -1]
      // Close-on-exec from the first moment: a program that is started elsewhere just now must not hold this one's output
      // open. (`pipe2` is not in the Glibc module.)
      let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
      guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else { throw Failure(description: "socketpair: \(errno)") }
      ends.append(pair)
    }
    var environment = environment
    if environment["PATH"] == nil { environment["PATH"] = ProcessInfo.processInfo.environment["PATH"] }
    // A new session has no terminal.
    let (program, words) = hasTerminal ? (path, arguments) : ("/usr/bin/setsid", [path] + arguments)
    do {
      process = try ChildProcess(
        program, words, environment: environment, output: .descriptor(ends[0][1]), errors: .descriptor(ends[1][1]))
    } catch {
      for pair in ends { close(pair[0]) }
      throw error
    }
    pipes = ends.map { $0[0] }
  }

  deinit {
    if ending == nil {
      process.signal(SIGKILL)
      process.wait()
    }
    for pipe in pipes where pipe >= 0 { close(pipe) }
  }

  /// The first line of its standard output, without the line end.
  func firstLine(within seconds: Double = 150) throws -> String {
    let deadline = Deadline(seconds)
    while true {
      if let end = texts[0].firstIndex(of: 10) { return String(decoding: texts[0][..<end], as: UTF8.self) }
      guard pipes[0] >= 0 else {
        throw Failure(description: "\(name) ended: \(try wait().errors)")
      }
      try read(until: deadline)
    }
  }

  /// What it has written to its standard error, once that contains `text`.
  func errors(containing text: String, within seconds: Double = 150) throws -> String {
    let deadline = Deadline(seconds)
    while true {
      let errors = String(decoding: texts[1], as: UTF8.self)
      if errors.contains(text) { return errors }
      guard pipes[1] >= 0 else { throw Failure(description: "\(name) ended without \"\(text)\": \(errors)") }
      try read(until: deadline)
    }
  }

  func signal(_ number: Int32) { process.signal(number) }

  /// Waits for its end; one that does not end in time is killed, and the test fails.
  @discardableResult
  func wait(within seconds: Double = 150) throws -> Ending {
    if let ending { return ending }
    let deadline = Deadline(seconds)
    do {
      while pipes.contains(where: { $0 >= 0 }) { try read(until: deadline) }
    } catch {
      process.signal(SIGKILL)
      ending = Ending(status: process.wait(), output: "", errors: "killed by the test")
      throw error
    }
    let result = Ending(
      status: process.wait(), output: String(decoding: texts[0], as: UTF8.self),
      errors: String(decoding: texts[1], as: UTF8.self))
    ending = result
    return result
  }

  private func read(until deadline: Deadline) throws {
    var polled = pipes.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    let count = poll(&polled, nfds_t(polled.count), deadline.milliseconds)
    if count < 0, errno == EINTR { return }
    guard count > 0 else {
      throw Failure(
        description: "\(name) took too long; it wrote: "
          + texts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n"))
    }
    var buffer = [UInt8](repeating: 0, count: 65536)
    for (index, one) in polled.enumerated() where one.revents != 0 {
      let count = Glibc.read(pipes[index], &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count > 0 {
        texts[index] += buffer[..<count]
      } else {
        close(pipes[index])
        pipes[index] = -1
      }
    }
  }
}

/// A moment on the monotonic clock.
struct Deadline {
  private let end: ContinuousClock.Instant

  init(_ seconds: Double) { end = .now + .seconds(seconds) }

  var hasPassed: Bool { .now >= end }

  /// What is left, for `poll`.
  var milliseconds: Int32 { Int32(max(0, min(1_000_000, (end - .now) / .milliseconds(1)))) }
}
