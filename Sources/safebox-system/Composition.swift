import Dispatch
import Glibc
import SystemOperations
import Terminal

/// The parts put together: the desk, and what carries out its operations.
struct Composition: Sendable {
  let desk: OperationDesk
  let runners: (any RunnerControl)?
  private let executors: Executors

  init(_ configuration: SystemConfiguration) async throws {
    let root = try AnchoredDirectory(opening: configuration.root)
    let executors = try Executors(configuration, root: root)
    let parts = OperationDesk.Parts(
      pins: try configuration.pins(), root: root, key: try SystemKey.read(in: root), executors: executors.table,
      snapshots: executors.snapshots, clock: WallClock.milliseconds,
      report: { Terminal.standard.writeError("safebox-system: \($0)\n") })
    // Folding a long log takes its time.
    desk = try await withCheckedThrowingContinuation { continuation in
      DispatchQueue(label: "safebox-system.start").async {
        continuation.resume(with: Result { try OperationDesk(parts) })
      }
    }
    self.executors = executors
    runners = executors.runners
  }

  /// Starts what ought to run by the log.
  func start() async throws { try await executors.start(try await desk.standing()) }

  func stop() async { await executors.stop() }
}

/// The host's clock.
enum WallClock {
  /// Unix milliseconds.
  static func milliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
