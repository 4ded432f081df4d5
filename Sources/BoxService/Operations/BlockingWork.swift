import Dispatch

/// Runs what blocks (SQLite reads, files) off the reactors, a bounded number at a time.
public struct BlockingWork: Sendable {
  private let queue: OperationGate

  /// - Parameter width: how many run at once.
  public init(width: Int = 4) { queue = OperationGate(width: width) }

  /// Runs `work` on another thread and returns what it returns.
  public func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      queue.submit { continuation.resume(with: Swift.Result { try work() }) }
    }
  }
}

/// `width` serial queues, taken in turn.
private final class OperationGate: Sendable {
  private let queues: [DispatchQueue]

  init(width: Int) {
    queues = (0..<max(1, width)).map { DispatchQueue(label: "safebox.blocking.\($0)") }
  }

  func submit(_ work: @escaping @Sendable () -> Void) {
    queues[Int.random(in: 0..<queues.count)].async(execute: work)
  }
}
