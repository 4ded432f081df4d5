import Dispatch
import Synchronization
import Terminal

/// Long work that blocks, on a thread of its own.
enum OwnThread {
  static func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue(label: "safebox.work").async { continuation.resume(with: Swift.Result { try work() }) }
    }
  }

  /// Waits, on such a thread, for what is asynchronous. Never called on a thread of the concurrency pool.
  static func wait<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) throws -> Result {
    let done = DispatchSemaphore(value: 0)
    let outcome = Outcome<Result>()
    Task {
      do { outcome.set(.success(try await body())) } catch { outcome.set(.failure(error)) }
      done.signal()
    }
    done.wait()
    return try outcome.get()
  }

  private final class Outcome<Value: Sendable>: Sendable {
    private let value = Mutex<Result<Value, any Error>?>(nil)
    func set(_ result: Result<Value, any Error>) { value.withLock { $0 = result } }
    func get() throws -> Value {
      guard let result = value.withLock({ $0 }) else { throw CommandError("nothing came back") }
      return try result.get()
    }
  }
}
