import Cryptography
import Synchronization
import TransparencyLog

/// Reads a log: entries, checkpoints, proofs, tiles. Sees only what is committed; never blocks the writer.
///
/// Calls block the calling thread for as long as SQLite reads (microseconds when cached). Connections are opened as
/// needed, at most as many as there were calls at one time, and up to four are kept.
public final class LogReader: Sendable {
  /// Something asked for that the log does not have, or a log that contradicts itself.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    /// No such entry yet.
    case noEntry(index: UInt64, size: UInt64)
    /// A tree of this size does not exist yet.
    case noTree(size: UInt64, available: UInt64)
    /// A row that must be there is missing or malformed.
    case damaged(String)

    public var description: String {
      switch self {
      case .noEntry(let index, let size): "no entry \(index) in a log of \(size)"
      case .noTree(let size, let available): "no tree of size \(size) in a log of \(available)"
      case .damaged(let what): "the log is damaged: \(what)"
      }
    }
  }

  let directory: Directory
  let vfs: String?
  private let idle = Mutex<[LogReaderSession]>([])
  private static let kept = 4

  /// Opens the log in the data directory at `path` for reading, also while another process writes it.
  public convenience init(path: String) throws {
    try self.init(directory: Directory(opening: path), vfs: nil)
  }

  init(directory: Directory, vfs: String?) throws {
    self.directory = directory
    self.vfs = vfs
    // Finds out now whether the log is readable.
    try use { _ in }
  }

  /// Lends a session to `body`. Everything read in one call to `snapshot` inside is from one state of the log.
  func use<Result>(_ body: (LogReaderSession) throws -> Result) throws -> Result {
    let session = try idle.withLock { $0.popLast() } ?? LogReaderSession(directory: directory, vfs: vfs)
    defer {
      idle.withLock { sessions in
        if sessions.count < Self.kept { sessions.append(session) }
      }
    }
    return try body(session)
  }

  /// Drops sessions with the hashes that they remember: the tiles were rewritten.
  func forgetHashes() { idle.withLock { $0.removeAll() } }

  /// Reads tables of projections, in one state of the log.
  public func read<Result>(_ body: (SQLiteConnection) throws -> Result) throws -> Result {
    try use { try body($0.connection) }
  }

  /// Number of entries.
  public func size() throws -> UInt64 { try use { try $0.size() } }

  /// The origin that the log was made with.
  public func origin() throws -> String { try use { try $0.origin() } }

  /// The bytes of an entry, or nil when the log is not that long.
  public func entry(_ index: UInt64) throws -> StoredEntry? {
    guard let row = Int64(exactly: index) else { return nil }
    return try use { session in
      try session.entry.first(.integer(row)) { try $0.blob(0) }.map { StoredEntry(index: index, bytes: $0) }
    }
  }

  /// The leaf hash of an entry, or nil when the log is not that long.
  public func leafHash(_ index: UInt64) throws -> SHA256Digest? { try entry(index)?.leafHash }

  /// Up to `limit` entries from `first` on, in order. Empty at the end of the log.
  public func entries(from first: UInt64, limit: Int) throws -> [StoredEntry] {
    try use { try $0.entries(from: first, limit: limit) }
  }

  /// Gives the entries of `range` to `body` in order, reading ahead a bounded number. Throws when the log ends before.
  ///
  /// No read transaction is open while `body` runs, so a slow consumer does not keep the write-ahead log from shrinking.
  public func forEachEntry(in range: Range<UInt64>, _ body: (StoredEntry) throws -> Void) throws {
    var next = range.lowerBound
    while next < range.upperBound {
      let page = try entries(from: next, limit: Int(min(512, range.upperBound - next)))
      guard !page.isEmpty else { throw Failure.noEntry(index: next, size: try size()) }
      for entry in page {
        guard entry.index == next else { throw Failure.damaged("entry \(next) is missing") }
        try body(entry)
        next += 1
      }
    }
  }

  /// The newest checkpoint, or nil for a log without entries.
  public func latestCheckpoint() throws -> SignedCheckpoint? { try use { try $0.latestCheckpoint() } }

  /// The checkpoint of exactly this size, or nil when none was signed.
  public func checkpoint(size: UInt64) throws -> SignedCheckpoint? {
    guard let row = Int64(exactly: size) else { return nil }
    return try use { session in
      try session.checkpoint.first(.integer(row)) { try $0.blob(0) }.map(SignedCheckpoint.init(parsing:))
    }
  }

  /// The first checkpoint that covers entry `index`: the one in that entry's receipt. Nil when the log is not that long.
  public func checkpoint(covering index: UInt64) throws -> SignedCheckpoint? {
    guard let row = Int64(exactly: index) else { return nil }
    return try use { session in
      try session.coveringCheckpoint.first(.integer(row)) { try $0.blob(0) }
        .map(SignedCheckpoint.init(parsing:))
    }
  }

  /// Up to `limit` checkpoints with sizes from `size` on, ascending: one for each batch ever committed.
  public func checkpoints(from size: UInt64, limit: Int) throws -> [SignedCheckpoint] {
    guard let row = Int64(exactly: size) else { return [] }
    return try use { session in
      var found: [SignedCheckpoint] = []
      try session.checkpointsFrom.forEachRow([.integer(row), .integer(Int64(limit))]) { row in
        found.append(try SignedCheckpoint(parsing: row.blob(0)))
        return true
      }
      return found
    }
  }

  /// Proves entry `index` in the tree of `size` leaves (RFC 9162 section 2.1.3).
  public func inclusionProof(index: UInt64, size: UInt64) throws -> InclusionProof {
    try use { try $0.hashes(size: size).inclusionProof(index: index, size: size) }
  }

  /// Proves that the tree of `newSize` leaves continues that of `oldSize` (RFC 9162 section 2.1.4).
  public func consistencyProof(from oldSize: UInt64, to newSize: UInt64) throws -> ConsistencyProof {
    try use { try $0.hashes(size: newSize).consistencyProof(from: oldSize, to: newSize) }
  }

  /// The root of the first `size` entries, from the stored tiles.
  public func root(size: UInt64) throws -> SHA256Digest {
    try use { try $0.hashes(size: size).root(size: size) }
  }

  /// The bytes of a resource of the log as C2SP tlog-tiles serves it, or nil when the log does not reach that far.
  ///
  /// A partial tile is served for every width up to the one that the log has now: bytes already served never change.
  public func tile(_ path: TilePath) throws -> [UInt8]? {
    try use { try $0.resource(path) }
  }
}
