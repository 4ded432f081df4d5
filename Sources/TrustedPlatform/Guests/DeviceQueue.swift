import Dispatch

/// Asks devices one at a time, on a thread of its own: a processor's firmware, or the service behind a TDX quote, may take
/// seconds, and the pool that tasks run on has few threads.
enum DeviceQueue {
  private static let queue = DispatchQueue(label: "safebox.guest")

  /// Returns what the body returns.
  static func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws(GuestFailure) -> Value
  ) async throws(GuestFailure) -> Value {
    let result: Result<Value, GuestFailure> = await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: attempt(body)) }
    }
    return try result.get()
  }

  private static func attempt<Value>(_ body: () throws(GuestFailure) -> Value) -> Result<Value, GuestFailure> {
    do { return .success(try body()) } catch { return .failure(error) }
  }
}
