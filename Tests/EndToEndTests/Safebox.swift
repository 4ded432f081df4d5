import CanonicalJSON
import Dispatch
import Foundation
import TestSupport
import Testing

/// The command under test, as users run it.
enum Safebox {
  /// It is built beside the test bundle.
  static let path: String = {
    let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let candidates = [bundle, CommandLine.arguments[0]].map {
      URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("safebox").path
    }
    return candidates.first(where: FileManager.default.isExecutableFile(atPath:)) ?? candidates[1]
  }()

  /// Runs a command to its end and holds its exit code against `status`.
  @discardableResult
  static func run(
    _ arguments: [String], expecting status: Int32 = 0, environment: [String: String] = [:],
    _ location: SourceLocation = #_sourceLocation
  ) throws -> SpawnedProcess.Ending {
    let ending = try SpawnedProcess(path, arguments, environment: environment).wait()
    try #require(
      ending.status == status, "safebox \(arguments.joined(separator: " ")): \(ending.output)\(ending.errors)",
      sourceLocation: location)
    return ending
  }
}

extension SpawnedProcess.Ending {
  /// The output as one JSON document.
  var json: JSON {
    get throws { try JSON(parsing: Array(output.utf8.dropLast()), limits: .document(maxBytes: 64 << 20)) }
  }
}

extension JSON {
  /// The member at a path; null where there is none.
  func at(_ path: String...) -> JSON { path.reduce(self) { $0[$1] ?? .null } }
}

/// Lets a few tests at a time start their boxes, and runs them on threads of their own: they block.
func story(_ body: @escaping @Sendable () throws -> Void) async throws {
  await Turnstile.shared.enter()
  let result = await withTaskExecutorPreference(BlockingThreads.shared) { await outcome(of: body) }
  await Turnstile.shared.leave()
  try result.get()
}

private func outcome(of body: @Sendable () throws -> Void) async -> Result<Void, any Error> { Result(catching: body) }

/// Threads beside the concurrency runtime's few, for tasks that wait for other processes.
private final class BlockingThreads: TaskExecutor {
  static let shared = BlockingThreads()

  private let queue = DispatchQueue(label: "safebox.tests.end-to-end", attributes: .concurrent)

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

private actor Turnstile {
  static let shared = Turnstile(places: 3)

  private var places: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(places: Int) { self.places = places }

  func enter() async {
    if places > 0 {
      places -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  func leave() {
    if waiting.isEmpty { places += 1 } else { waiting.removeFirst().resume() }
  }
}
