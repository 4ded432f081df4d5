import CanonicalJSON
import Foundation
import Testing

/// A program of Tests/Peers that plays the other side: it gets one line of JSON, says one line when it is ready, and then
/// one line for everything that happens to it. It ends when it is forgotten.
public final class PythonPeer: Sendable {
  public struct Silent: Error, CustomStringConvertible {
    public let peer: String
    public var description: String { "\(peer) said nothing within two minutes" }
  }

  /// The interpreter that scripts/setup prepares.
  public static let interpreter = Vectors.packageRoot + "/.build/python/bin/python"
  /// True when it is there.
  public static let isReady = FileManager.default.isExecutableFile(atPath: interpreter)
  /// Why a test is skipped without it.
  public static let absence: Comment = "needs Python tools: scripts/setup test"

  /// What it said when it was ready.
  public let ready: JSON
  private let process: ChildProcess
  private let lines = Lines()
  private let name: String

  /// - Parameter name: a file of Tests/Peers without its ending.
  public init(_ name: String, _ configuration: JSON = [:]) throws {
    process = try ChildProcess(
      Self.interpreter, ["-B", Vectors.packageRoot + "/Tests/Peers/\(name).py"], input: .pipe, output: .pipe)
    self.name = name
    lines.read(process)
    process.write(configuration.canonicalBytes() + [10])
    guard let line = lines.next() else {
      process.signal(SIGTERM)
      throw Silent(peer: name)
    }
    ready = try JSON(parsing: line, limits: .document(maxBytes: 1 << 20))
  }

  // It ends when its standard input does.
  deinit { process.closeInput() }

  /// The next thing that happened to it; waits at most two minutes.
  public func next() async throws -> JSON {
    let line: [UInt8]? = await withCheckedContinuation { continuation in
      // On a thread of its own, as Swift's pool has no thread to spare for blocking.
      Thread.detachNewThread { [lines] in continuation.resume(returning: lines.next()) }
    }
    guard let line else { throw Silent(peer: name) }
    return try JSON(parsing: line, limits: .document(maxBytes: 64 << 20))
  }

  /// What has happened to it so far and was not asked for.
  public var pending: Int { lines.count }
}

/// Lines that a thread reads and others wait for.
private final class Lines: @unchecked Sendable {
  private let condition = NSCondition()
  private var lines: [[UInt8]] = []
  private var isEnded = false

  func read(_ process: ChildProcess) {
    Thread.detachNewThread {
      while true {
        let line = process.line()
        self.condition.lock()
        if let line { self.lines.append(Array(line.utf8)) } else { self.isEnded = true }
        self.condition.broadcast()
        self.condition.unlock()
        if line == nil { return }
      }
    }
  }

  var count: Int {
    condition.lock()
    defer { condition.unlock() }
    return lines.count
  }

  func next() -> [UInt8]? {
    let deadline = Date(timeIntervalSinceNow: 120)
    condition.lock()
    defer { condition.unlock() }
    while lines.isEmpty {
      guard !isEnded, condition.wait(until: deadline) else { return nil }
    }
    return lines.removeFirst()
  }
}
