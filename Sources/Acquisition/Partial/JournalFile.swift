import Cryptography
import Dispatch
import Glibc
import Models
import Synchronization

/// The journal of a partial on the disk. A record is written only after the bytes that it names are on the disk, so after a
/// power cut it promises too little and not too much; see ``PartialJournal`` for why even that would do no harm.
final class JournalFile: Sendable {
  let path: String
  private let descriptor: Int32
  private let state: Mutex<State>
  private let writing = DispatchQueue(label: "safebox.acquisition.journal")
  private let reached: @Sendable (AcquisitionStep) -> Void

  private struct State {
    var journal: PartialJournal
    var isWaiting: Set<Int> = []
    var failure: SystemCallFault?
  }

  /// Reads what an earlier run left and begins a new file with the ranges of it that `isUsable` accepts.
  init(
    _ path: String, manifest: SHA256Digest, reached: @escaping @Sendable (AcquisitionStep) -> Void = { _ in },
    isUsable: (_ file: Int, _ range: Range<Int>) -> Bool
  ) throws(SystemCallFault) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .last("open", path) }
    self.path = path
    self.descriptor = descriptor
    self.reached = reached
    var journal = PartialJournal(manifest: manifest)
    var text = journal.header
    for (file, ranges) in PartialJournal(manifest: manifest, text: try Self.read(descriptor, path)).held {
      for range in ranges.ranges where isUsable(file, range) {
        journal.apply(.held(file: file, range))
        text += PartialJournal.Record.held(file: file, range).line(manifest: manifest)
      }
    }
    state = Mutex(State(journal: journal))
    // A crash between the two leaves an empty journal: everything is asked for again.
    guard ftruncate(descriptor, 0) == 0 else { throw .last("ftruncate", path) }
    try append(text)
  }

  deinit { close(descriptor) }

  /// By index of the file.
  func held(_ file: Int) -> ByteRanges { state.withLock { $0.journal.held[file] ?? ByteRanges() } }

  /// The first write that failed.
  var failure: SystemCallFault? { state.withLock { $0.failure } }

  /// Makes the file's bytes durable and then says so, on a thread of its own. At most one waits for each file.
  func checkpoint(_ file: PartialFile) {
    let isNew = state.withLock { $0.isWaiting.insert(file.index).inserted }
    guard isNew else { return }
    writing.async { [self] in
      state.withLock { _ = $0.isWaiting.remove(file.index) }
      let received = file.received
      perform { () throws(SystemCallFault) in
        try file.sync()
        let known = held(file.index)
        var text = ""
        for range in received.ranges where !known.ranges.contains(range) {
          text += record(.held(file: file.index, range))
        }
        try append(text)
        reached(.checkpointed)
      }
    }
  }

  /// Says that nothing of the file is here any more. In order with the checkpoints.
  func dropped(_ file: Int) {
    writing.async { [self] in
      perform { () throws(SystemCallFault) in try append(record(.dropped(file: file))) }
    }
  }

  /// Returns when everything that was asked for has been written. Blocks.
  func drain() { writing.sync {} }

  private func record(_ record: PartialJournal.Record) -> String {
    state.withLock { state in
      state.journal.apply(record)
      return record.line(manifest: state.journal.manifest)
    }
  }

  private func perform(_ work: () throws(SystemCallFault) -> Void) {
    do throws(SystemCallFault) {
      try work()
    } catch {
      state.withLock { $0.failure = $0.failure ?? error }
    }
  }

  private func append(_ text: String) throws(SystemCallFault) {
    guard !text.isEmpty else { return }
    let bytes = Array(text.utf8)
    var done = 0
    guard lseek(descriptor, 0, SEEK_END) >= 0 else { throw .last("lseek", path) }
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw .last("write", path)
      }
      done += count
    }
    guard fdatasync(descriptor) == 0 else { throw .last("fdatasync", path) }
  }

  private static func read(_ descriptor: Int32, _ path: String) throws(SystemCallFault) -> [UInt8] {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last("fstat", path) }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= PartialJournal.maxBytes else { return [] }
    var bytes = [UInt8](repeating: 0, count: status.st_size)
    let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard count >= 0 else { throw .last("pread", path) }
    return Array(bytes[..<count])
  }
}
