import CJail
import Foundation
import Glibc
import TestSupport

@testable import Sandbox

/// One attempt of the hostile worker, and how it went.
enum HostileProbe {
  enum Outcome: Hashable, CustomStringConvertible {
    case succeeded
    case refused(Int32)
    case killed(Int32)
    case exited(Int32)

    var description: String {
      switch self {
      case .succeeded: "succeeded"
      case .refused(let error): "refused: \(SystemError.text(error))"
      case .killed(let signal): "killed by signal \(signal)"
      case .exited(let status): "exit status \(status)"
      }
    }

    var isRefusal: Bool {
      if case .refused = self { return true }
      return false
    }
  }

  /// What the worker does to itself before the attempt.
  enum Mode: String {
    case bare, landlock, locked
  }

  static func names() throws -> [String] {
    String(decoding: try outside(["list"]), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// Outside any jail.
  static func control(_ name: String) throws -> Outcome {
    parse(try outside(["probe", "control", name])) ?? .exited(-1)
  }

  private static func outside(_ arguments: [String]) throws -> Data {
    let process = try ChildProcess(Built.hostile, arguments, output: .pipe)
    defer { process.wait() }
    return Data(process.rest())
  }

  /// In the jail. Not asynchronous: the worker dies with the thread that started it.
  static func jailed(_ name: String, _ mode: Mode) throws -> Outcome {
    let launcher = try JailLauncher(path: Built.hostile, arguments: ["probe", mode.rawValue, name])
    let worker = try launcher.launch()
    defer {
      close(worker.channel)
      close(worker.pidfd)
      worker.cleanUp()
    }
    let text = readAll(worker.channel)
    var exit = jail_exit()
    if !isThere(worker.pidfd, seconds: 60) {
      jail_kill(worker.pidfd)
      while jail_await(worker.pidfd, 999_000_000) == 0 {}
    }
    guard jail_reap(worker.pidfd, &exit) == 1 else { return .exited(-1) }
    if exit.signal != 0 { return .killed(exit.signal) }
    return parse(text) ?? .exited(exit.status)
  }

  private static func parse(_ text: Data) -> Outcome? {
    let numbers = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap { Int64($0) }
    guard numbers.count >= 2 else { return nil }
    return numbers[0] >= 0 ? .succeeded : .refused(Int32(numbers[1]))
  }

  /// Waits until there is something on a descriptor; false when nothing comes.
  static func isThere(_ descriptor: Int32, seconds: Int) -> Bool {
    (0..<seconds).contains { _ in jail_await(descriptor, 999_000_000) != 0 }
  }

  private static func readAll(_ channel: Int32) -> Data {
    var data = Data()
    var bytes = [UInt8](repeating: 0, count: 4096)
    while isThere(channel, seconds: 60) {
      let count = read(channel, &bytes, bytes.count)
      guard count > 0 else { break }
      data.append(contentsOf: bytes[..<count])
    }
    return data
  }
}
