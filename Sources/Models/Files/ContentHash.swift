import Cryptography
import Dispatch
import Glibc
import Synchronization

/// Hashing of whole files through their descriptors, in memory that does not depend on their size.
enum ContentHash {
  private static let bufferBytes = 1 << 20

  /// Digest and size of all bytes from the beginning, whatever the descriptor's offset.
  static func of(_ file: Int32, path: String) throws(SystemCallFault) -> (digest: SHA256Digest, size: Int64) {
    var hasher = SHA256()
    var size: Int64 = 0
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferBytes, alignment: 4096)
    defer { buffer.deallocate() }
    // Only a hint about reading ahead.
    _ = posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL)
    while true {
      let count = pread(file, buffer.baseAddress, buffer.count, off_t(size))
      if count < 0 {
        if errno == EINTR { continue }
        throw .last("pread", path)
      }
      if count == 0 { return (hasher.finalize(), size) }
      hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      size += Int64(count)
    }
  }
}

/// Independent pieces of work on several processors, and what came of each in their order.
enum ParallelWork {
  /// Most pieces at once.
  static let maxWidth = 8

  /// Does the work for each of `0..<count`. After the first failure no more is begun; the failure of the lowest number is
  /// thrown. Blocks the caller, who works along.
  static func map<Result: Sendable, Failure: Error>(
    _ count: Int, width: Int = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))),
    _ work: @Sendable (Int) throws(Failure) -> Result
  ) throws(Failure) -> [Result] {
    let outcomes = Mutex([Swift.Result<Result, Failure>?](repeating: nil, count: count))
    let next = Atomic(0)
    let isFailed = Atomic(false)
    DispatchQueue.concurrentPerform(iterations: max(1, min(width, maxWidth, count))) { _ in
      while !isFailed.load(ordering: .relaxed) {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        let outcome: Swift.Result<Result, Failure>
        do throws(Failure) {
          outcome = .success(try work(index))
        } catch {
          outcome = .failure(error)
          isFailed.store(true, ordering: .relaxed)
        }
        outcomes.withLock { $0[index] = outcome }
      }
    }
    var results: [Result] = []
    for case let outcome? in outcomes.withLock({ $0 }) { results.append(try outcome.get()) }
    return results
  }
}
