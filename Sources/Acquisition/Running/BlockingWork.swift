import Dispatch

/// Work that waits for the disk, on a thread that Swift's cooperative pool does not miss.
enum BlockingWork {
  static func run<Value: Sendable>(
    _ work: @escaping @Sendable () throws(StorageFault) -> Value
  ) async throws(StorageFault) -> Value {
    let result: Result<Value, StorageFault> = await withCheckedContinuation { continuation in
      DispatchQueue(label: "safebox.acquisition.disk").async {
        continuation.resume(returning: Result { () throws(StorageFault) in try work() })
      }
    }
    return try result.get()
  }
}
