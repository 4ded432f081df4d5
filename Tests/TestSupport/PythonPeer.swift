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
  private let process: Process
  private let input: FileHandle
  private let lines: Lines
  private let name: String

  /// - Parameter name: a file of Tests/Peers without its ending.
  public init(_ name: String, _ configuration: JSON = [:]) throws {
    let (input, output) = (Pipe(), Pipe())
    process = Process()
    process.executableURL = URL(fileURLWithPath: Self.interpreter)
    process.arguments = ["-B", Vectors.packageRoot + "/Tests/Peers/\(name).py"]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    self.name = name
    self.input = input.fileHandleForWriting
    lines = Lines()
    lines.read(output.fileHandleForReading)
    self.input.write(Data(configuration.canonicalBytes() + [10]))
    guard let line = lines.next() else {
      process.terminate()
      throw Silent(peer: name)
    }
    ready = try JSON(parsing: line, limits: .document(maxBytes: 1 << 20))
  }

  // It ends when its standard input does.
  deinit { try? input.close() }

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
  private var rest: [UInt8] = []
  private var isEnded = false

  func read(_ handle: FileHandle) {
    Thread.detachNewThread {
      while true {
        let data = handle.availableData
        self.condition.lock()
        self.rest += data
        while let end = self.rest.firstIndex(of: 10) {
          self.lines.append(Array(self.rest[..<end]))
          self.rest.removeFirst(end + 1)
        }
        self.isEnded = data.isEmpty
        self.condition.broadcast()
        self.condition.unlock()
        if data.isEmpty { return }
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
