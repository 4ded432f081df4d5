import Cryptography
import TransparencyLog

/// An open data directory with its lock held: readable at once, writable only through the start-up gate.
///
/// Layout: `lock` (the process lock) and `log.sqlite` with its `-wal` and `-shm` files. Nothing else may open the
/// database for writing; a second process is refused with the number of the first.
public final class LogStore {
  /// The answer of the start-up gate.
  public enum Verdict: Sendable {
    /// The log may be continued, by this writer alone.
    case ready(LogWriter)
    /// The log may be read and nothing else.
    case readOnly(ReadOnlyReason)
  }

  /// Reads the log; stays usable when the log is read-only.
  public let reader: LogReader

  /// Until the gate hands them to the writer.
  private var opened: (lock: ProcessLock, connection: SQLiteConnection)?

  /// Opens the data directory at `path`, making it and an empty log for `origin` when they are absent.
  ///
  /// - Throws: `ProcessLock.Failure.held` when another process has it, `SQLiteError`, `SystemCallError`, or the reason
  ///   why the database is not a log that this program can use.
  public convenience init(path: String, origin: String) throws {
    try self.init(path: path, origin: origin, vfs: nil)
  }

  package init(path: String, origin: String, vfs: String?) throws {
    let directory = try Directory.make(path)
    // First of all: opening a database may already recover its write-ahead log.
    let lock = try ProcessLock(directory)
    let connection = try LogDatabase.openWriter(in: directory, vfs: vfs)
    try LogSchema.prepare(connection, origin: origin, emptyFrontier: Frontier().encoded)
    // SQLite syncs the files and the journals' directory entries; the database's own name is ours to make durable.
    try directory.sync()
    reader = try LogReader(directory: directory, vfs: vfs)
    opened = (lock, connection)
  }

  /// Writes all tiles and the frontier anew from the entries: for a log whose start-up verdict was that they do not fit.
  /// The verdict of `start` afterwards says whether the entries themselves are the signed ones.
  public func rebuildTiles() throws {
    guard let (_, connection) = opened else { throw SubmissionError.writerInUse }
    _ = try TreeRebuild.run(connection, reader: reader)
    reader.forgetHashes()
  }

  /// Replays the tail, verifies the newest checkpoint, compares with the witnesses, and brings projections up to date.
  ///
  /// Throws only when a projection cannot be rebuilt, or the log was started already; whatever is wrong with the log
  /// itself is a verdict.
  public func start(trust: StartupGate.Trust, projections: [Projection] = []) throws -> Verdict {
    guard let (lock, connection) = opened else { throw SubmissionError.writerInUse }
    let facts: StartupGate.Facts
    let edge: TreeEdge
    do {
      (facts, edge) = try StartupFacts.gather(reader, witnesses: trust.witnesses)
    } catch {
      return .readOnly(.damaged("\(error)"))
    }
    if let reason = StartupGate.reasonToRefuse(facts, trust: trust) { return .readOnly(reason) }
    let projections = try ProjectionSet(projections, connection: connection, reader: reader, size: facts.size)
    opened = nil
    return .ready(
      try LogWriter(
        lock: lock, connection: connection, reader: reader, projections: projections, origin: trust.log.origin,
        edge: edge, checkpoint: facts.checkpoint))
  }
}

/// Reads what the start-up gate decides on.
enum StartupFacts {
  /// The facts, and the edge of the tree that was rebuilt on the way.
  static func gather(_ reader: LogReader, witnesses: [WitnessView]) throws -> (StartupGate.Facts, TreeEdge) {
    try reader.use { session in
      let size = try session.size()
      guard let frontier = try session.frontier() else { throw LogReader.Failure.damaged("the frontier is malformed") }
      let last = try session.lastEntryIndex()
      let edge = try rebuildEdge(session, size: size)
      var roots: [UInt64: SHA256Digest] = [:]
      for witness in witnesses {
        if case .checkpoint(let remembered, _) = witness.memory, remembered <= size {
          roots[remembered] = try session.hashes(size: remembered).root(size: remembered)
        }
      }
      let facts = StartupGate.Facts(
        origin: try session.origin(), size: size, entryCount: last.map { UInt64($0) + 1 } ?? 0,
        frontierRoot: frontier.root, recomputedRoot: try edge.frontier().root,
        checkpoint: try session.latestCheckpoint(), rootsBySize: roots)
      return (facts, edge)
    }
  }

  /// The growing tiles: level 0 from the entries themselves, above from what the store kept.
  private static func rebuildEdge(_ session: LogReaderSession, size: UInt64) throws -> TreeEdge {
    var partial: [[SHA256Digest]] = []
    for level in 0..<8 {
      let width = TileLayout.partialWidth(level: level, size: size)
      let number = TileLayout.fullTiles(level: level, size: size)
      guard width > 0, let path = TilePath(.hashes(level: level), index: number, width: width) else {
        partial.append([])
        continue
      }
      guard let bytes = try session.resource(path), let tile = Tile(bytes, width: width) else {
        throw LogReader.Failure.damaged("\(path) is missing")
      }
      partial.append(tile.hashes)
    }
    guard let edge = TreeEdge(size: size, partialTiles: partial) else {
      throw LogReader.Failure.damaged("the tiles do not fit the size \(size)")
    }
    return edge
  }
}
