import Dispatch

/// Runs what blocks on a queue of its own, one piece after the other: a sink that hangs holds up nobody but itself.
final class SerialWork: Sendable {
  private let queue: DispatchQueue

  init(_ label: String) { queue = DispatchQueue(label: "safebox.export.\(label)") }

  func run<Value: Sendable>(
    _ work: @escaping @Sendable () -> Result<Value, ExportFault>
  ) async throws(ExportFault) -> Value {
    let result: Result<Value, ExportFault> = await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: work()) }
    }
    return try result.get()
  }
}
