import Cryptography
import Glibc
import TransparencyLog

/// The copy of the log on disk: `entries`, frames of a length (4 bytes, big-endian) and that many bytes, and `checkpoint`,
/// the signed note over those that count.
///
/// What a crash leaves: entries are synced before the checkpoint is replaced, so the note never covers more than is there;
/// what lies behind the entries that it covers was never acted on and is cut off at the next start. A frame is believed
/// for one reason only: all of them together give the root of the note.
final class LogCopy {
  private let directory: AnchoredDirectory
  private let file: Int32
  /// The length of the file, and of the part that the checkpoint covers.
  private(set) var length: Int
  private(set) var covered: Int
  let maxBytes: Int

  static let maxEntryBytes = 65_535
  private static let entriesName = "entries"
  private static let checkpointName = "checkpoint"
  private static let contradictionName = "contradiction"

  init(_ directory: AnchoredDirectory, maxBytes: Int) throws(SystemFault) {
    let (file, length) = try Self.open(directory)
    self.directory = directory
    self.maxBytes = maxBytes
    self.file = file
    self.length = length
    covered = 0
  }

  private static func open(_ directory: AnchoredDirectory) throws(SystemFault) -> (file: Int32, length: Int) {
    let subject = "\(directory.path)/\(entriesName)"
    let file = openat(directory.descriptor, entriesName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw SystemFault("openat", subject) }
    do throws(SystemFault) {
      try directory.sync()
      var status = stat()
      guard fstat(file, &status) == 0 else { throw SystemFault("fstat", subject) }
      guard status.st_mode & S_IFMT == S_IFREG else { throw SystemFault("open", subject, errno: EISDIR) }
      return (file, Int(status.st_size))
    } catch {
      close(file)
      throw error
    }
  }

  deinit { close(file) }

  /// The note that was stored last; nil for a new copy.
  func checkpoint() throws(SystemFault) -> [UInt8]? {
    try directory.read(Self.checkpointName, limit: SignedNote.maximumLength)
  }

  /// Whether the log is known to have contradicted itself.
  func isContradicted() throws(SystemFault) -> Bool { try directory.status(Self.contradictionName) != nil }

  /// Keeps the note that contradicts what is known, beside the note that is known: whoever has both has the proof.
  func keepContradiction(_ note: [UInt8]) throws(SystemFault) {
    do {
      try directory.create(Self.contradictionName, note, mode: 0o600)
    } catch {
      guard error.errno == EEXIST else { throw error }
    }
  }

  /// Reads the first `count` entries, then forgets and cuts off whatever follows. Returns false when there are fewer.
  func replay(
    _ count: UInt64, _ body: (_ index: UInt64, _ bytes: [UInt8]) throws(FollowFault) -> Void
  ) throws(FollowFault) -> Bool {
    var place = 0
    var buffer: [UInt8] = []
    var start = 0
    for index in 0..<count {
      // Windows of a mebibyte: a log is read in one pass, and not a system call for each entry.
      while buffer.count - start < 4 || buffer.count - start < 4 + Self.size(buffer[start...]) {
        // A length that no entry has is damage; believed, it would fill the memory.
        guard buffer.count - start < 4 || Self.size(buffer[start...]) <= Self.maxEntryBytes else { return false }
        buffer.removeSubrange(..<start)
        start = 0
        do {
          guard try fill(&buffer, at: place) else { return false }
        } catch {
          throw .system(error)
        }
      }
      let size = Self.size(buffer[start...])
      try body(index, Array(buffer[(start + 4)..<(start + 4 + size)]))
      start += 4 + size
      place += 4 + size
    }
    covered = place
    do { try truncate() } catch { throw .system(error) }
    return true
  }

  /// Appends behind what is there; not durable and not counted before ``cover(with:)``.
  func append(_ entries: [[UInt8]]) throws(FollowFault) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entries.reduce(0) { $0 + 4 + $1.count })
    for entry in entries {
      let size = UInt32(entry.count)
      for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: size >> UInt32(shift))) }
      bytes += entry
    }
    guard bytes.count <= maxBytes - length else { throw .full(limit: maxBytes) }
    do throws(SystemFault) {
      guard lseek(file, off_t(length), SEEK_SET) == off_t(length) else { throw SystemFault("lseek", directory.path) }
      try FileBytes.write(bytes[...], to: file, directory.path)
    } catch {
      throw .system(error)
    }
    length += bytes.count
  }

  /// Makes everything appended durable, then lets `note` cover it.
  func cover(with note: [UInt8]) throws(SystemFault) {
    guard fsync(file) == 0 else { throw SystemFault("fsync", directory.path) }
    // A crash here leaves entries without a note: they are cut off and sent again.
    try directory.replace(Self.checkpointName, note, mode: 0o600)
    covered = length
  }

  /// Cuts off what no checkpoint covers.
  func truncate() throws(SystemFault) {
    guard length != covered else { return }
    guard ftruncate(file, off_t(covered)) == 0 else { throw SystemFault("ftruncate", directory.path) }
    length = covered
  }

  private static func size(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
  }

  /// Appends what follows in the file to `buffer`, which holds what begins at `place`; false at the end.
  private func fill(_ buffer: inout [UInt8], at place: Int) throws(SystemFault) -> Bool {
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    let offset = off_t(place + buffer.count)
    while true {
      let count = piece.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, offset) }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemFault("pread", directory.path)
      }
      buffer += piece[..<count]
      return count > 0
    }
  }
}
