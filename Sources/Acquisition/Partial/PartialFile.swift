import CLinux
import Cryptography
import Dispatch
import Glibc
import Models
import Synchronization

/// One unfinished file on the disk, and its hash.
///
/// Ranges are written wherever they belong, in any order. The hash follows behind, in order, and reads what the file system
/// gives back: fresh bytes come out of the page cache at the speed of memory, those of an earlier run from the disk, and both
/// go the same way. So nothing is hashed twice, nothing is kept in memory for want of what precedes it, and the digest is that of
/// the file and not of what the network said. Bytes are never written twice between two calls of `startOver`: what was
/// hashed is what stays.
final class PartialFile: Sendable {
  /// Path below the directory of the partial; for messages.
  let path: String
  let size: Int
  /// Index in the manifest.
  let index: Int
  private let descriptor: Int32
  private let isClosed = Atomic(false)
  private let state: Mutex<State>
  private let hashing = DispatchQueue(label: "safebox.acquisition.hash")
  /// Called, on any thread, each time about so many bytes more have arrived.
  private let checkpoint: @Sendable (PartialFile) -> Void

  private typealias Waiter = CheckedContinuation<Result<SHA256Digest, SystemCallFault>, Never>

  private struct State {
    var received: ByteRanges
    var sinceCheckpoint = 0
    var epoch = 0
    var hash = SHA256()
    var hashed = 0
    var isHashing = false
    var isStopped = false
    var failure: SystemCallFault?
    var waiter: Waiter?
    var identity: FileIdentity?
  }

  private static let checkpointBytes = 64 << 20
  /// Hashing begins when so many bytes are waiting: fewer would wake a thread for each packet.
  private static let leastHashed = 1 << 20
  private static let blockBytes = 256 << 10
  /// How far the kernel may fall behind before it is told to write.
  private static let writeOutBytes = 8 << 20

  /// Takes the descriptor over.
  ///
  /// - Parameter received: What an earlier run left; it is read back and hashed like everything else.
  init(
    path: String, index: Int, size: Int, descriptor: Int32, received: ByteRanges,
    checkpoint: @escaping @Sendable (PartialFile) -> Void
  ) {
    self.path = path
    self.index = index
    self.size = size
    self.descriptor = descriptor
    self.checkpoint = checkpoint
    state = Mutex(State(received: received))
    follow()
  }

  deinit { close() }

  /// Closes the file: the store takes none that somebody could still write to. Nothing may be under way.
  func close() {
    if !isClosed.exchange(true, ordering: .sequentiallyConsistent) { Glibc.close(descriptor) }
  }

  /// What is on the disk, or on its way there.
  var received: ByteRanges { state.withLock { $0.received } }

  /// Reserves the room of the whole file.
  func allocate() throws(SystemCallFault) {
    guard size > 0 else { return }
    switch linux_allocate(descriptor, Int64(size)) {
    case 0: return
    // A file system that cannot reserve: the write that finds no room says so.
    case -EOPNOTSUPP, -ENOSYS:
      guard ftruncate(descriptor, size) == 0 else { throw .last("ftruncate", path) }
    case let code: throw SystemCallFault(call: "fallocate", path: path, errno: -code)
    }
  }

  /// Writes bytes that have arrived. Bytes that are already here, or lie behind the end, are a fault of ours and refused:
  /// they may have been hashed.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemCallFault) {
    let range = offset..<offset + bytes.count
    let isFree = state.withLock { range.upperBound <= size && !$0.received.overlaps(range) }
    guard isFree else { throw SystemCallFault(call: "write to hashed bytes", path: path, errno: EINVAL) }
    var done = 0
    while done < bytes.count {
      let count = pwrite(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, offset + done)
      if count < 0 {
        if errno == EINTR { continue }
        throw .last("pwrite", path)
      }
      done += count
    }
    landed(range)
  }

  /// Makes this file a copy of an open one, by sharing its blocks where the file system can. False when it cannot.
  func clone(_ source: Int32) throws(SystemCallFault) -> Bool {
    guard size > 0 else { return true }
    switch linux_clone_file(descriptor, source) {
    case 0: break
    case -ENOSPC, -EDQUOT: throw SystemCallFault(call: "FICLONE", path: path, errno: ENOSPC)
    default: return false
    }
    // The source may have grown or shrunk since it was looked at.
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last("fstat", path) }
    guard status.st_size == size else {
      try startOver()
      return false
    }
    landed(0..<size)
    return true
  }

  /// Copies some bytes of an open file to the same place here. Returns how many, 0 at the end of the source.
  func copy(_ source: Int32, at offset: Int, atMost count: Int) throws(SystemCallFault) -> Int {
    let copied = Int(linux_copy_range(descriptor, source, Int64(offset), min(count, size - offset)))
    if copied >= 0 {
      if copied > 0 { landed(offset..<offset + copied) }
      return copied
    }
    guard [EXDEV, ENOSYS, EINVAL, EOPNOTSUPP].contains(Int32(-copied)) else {
      throw SystemCallFault(call: "copy_file_range", path: path, errno: Int32(-copied))
    }
    var buffer = [UInt8](repeating: 0, count: min(count, size - offset, Self.blockBytes))
    let got = buffer.withUnsafeMutableBytes { pread(source, $0.baseAddress, $0.count, offset) }
    guard got >= 0 else { throw .last("pread", path) }
    let written: Result<Void, SystemCallFault> = buffer.withUnsafeBytes { bytes in
      Result { () throws(SystemCallFault) in try write(UnsafeRawBufferPointer(rebasing: bytes[..<got]), at: offset) }
    }
    try written.get()
    return got
  }

  /// Drops every byte. Nobody may be writing.
  func startOver() throws(SystemCallFault) {
    // First, so that the hash does not take the end of the file for a fault of the disk.
    state.withLock { state in
      state.epoch += 1
      state.received = ByteRanges()
      state.sinceCheckpoint = 0
      state.hash = SHA256()
      state.hashed = 0
    }
    guard ftruncate(descriptor, 0) == 0 else { throw .last("ftruncate", path) }
    try allocate()
  }

  /// Waits until everything that was written is on the disk. Blocks.
  func sync() throws(SystemCallFault) {
    guard fdatasync(descriptor) == 0 else { throw .last("fdatasync", path) }
  }

  /// Waits until everything, the length included, is on the disk. Blocks.
  func syncWhole() throws(SystemCallFault) {
    guard fsync(descriptor) == 0 else { throw .last("fsync", path) }
  }

  /// The file as it was after the last write, for the store: whoever finds it so need not read it again.
  var identity: FileIdentity? { state.withLock { $0.identity } }

  /// The digest of the file. All its bytes must be here. ECANCELED when the task is cancelled.
  func digest() async throws(SystemCallFault) -> SHA256Digest {
    // Before the hash has reached the end: what is written after this moment shows in the identity.
    let identity = try? FileIdentity(of: descriptor)
    state.withLock { $0.identity = identity }
    let result: Result<SHA256Digest, SystemCallFault> = await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        let ready = state.withLock { state -> Result<SHA256Digest, SystemCallFault>? in
          if let result = Self.result(of: state, size, path) { return result }
          state.waiter = waiter
          return nil
        }
        if let ready { waiter.resume(returning: ready) } else { follow() }
      }
    } onCancel: {
      stop()
    }
    return try result.get()
  }

  /// Hashes no further.
  func stop() {
    let waiter = state.withLock { state in
      state.isStopped = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: .failure(SystemCallFault(call: "hash", path: path, errno: ECANCELED)))
  }

  private static func result(
    of state: State, _ size: Int, _ path: String
  ) -> Result<SHA256Digest, SystemCallFault>? {
    if let failure = state.failure { return .failure(failure) }
    if state.isStopped { return .failure(SystemCallFault(call: "hash", path: path, errno: ECANCELED)) }
    return state.hashed == size ? .success(state.hash.finalize()) : nil
  }

  private func landed(_ range: Range<Int>) {
    let isDue = state.withLock { state in
      state.received.insert(range)
      state.sinceCheckpoint += range.count
      guard state.sinceCheckpoint >= Self.checkpointBytes else { return false }
      state.sinceCheckpoint = 0
      return true
    }
    follow()
    if isDue { checkpoint(self) }
  }

  // MARK: The hash

  /// Lets the hash run up to the first missing byte, on its own thread.
  private func follow() {
    let mustStart = state.withLock { state in
      guard !state.isHashing, Self.hasWork(state, size) else { return false }
      state.isHashing = true
      return true
    }
    if mustStart { hashing.async { self.hashOn() } }
  }

  private static func hasWork(_ state: State, _ size: Int) -> Bool {
    let end = state.received.prefixEnd
    return !state.isStopped && state.failure == nil && end > state.hashed
      && (end == size || end - state.hashed >= leastHashed)
  }

  private func hashOn() {
    var buffer = [UInt8](repeating: 0, count: Self.blockBytes)
    while true {
      let job = state.withLock { state -> (hash: SHA256, range: Range<Int>, epoch: Int)? in
        guard Self.hasWork(state, size) else {
          state.isHashing = false
          return nil
        }
        let end = min(state.received.prefixEnd, state.hashed + Self.blockBytes)
        return (state.hash, state.hashed..<end, state.epoch)
      }
      guard let (before, range, epoch) = job else { break }
      var hash = before
      let got = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, range.count, range.lowerBound) }
      let failure: SystemCallFault? =
        got < 0 ? .last("pread", path) : got == 0 ? SystemCallFault(call: "pread", path: path, errno: EIO) : nil
      if got > 0 { buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<got])) } }
      // A drop meanwhile made these bytes meaningless, and a short file with them.
      state.withLock { state in
        guard state.epoch == epoch else { return }
        state.failure = failure
        state.hash = hash
        state.hashed += max(0, got)
      }
      let end = range.lowerBound + max(0, got)
      if end / Self.writeOutBytes > range.lowerBound / Self.writeOutBytes {
        let start = range.lowerBound / Self.writeOutBytes * Self.writeOutBytes
        _ = linux_begin_writing(descriptor, Int64(start), Int64(Self.writeOutBytes))
      }
    }
    let (waiter, result) = state.withLock { state -> (Waiter?, Result<SHA256Digest, SystemCallFault>?) in
      guard let result = Self.result(of: state, size, path) else { return (nil, nil) }
      defer { state.waiter = nil }
      return (state.waiter, result)
    }
    if let result { waiter?.resume(returning: result) }
  }
}
