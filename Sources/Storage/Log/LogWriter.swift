import Cryptography
import Synchronization
import TransparencyLog

/// The one writer of a log. Only the start-up gate makes one; a `GroupCommitLog` takes it over.
///
/// Unchecked: after `claim` its members are used by one thread only, the writer thread of the log that claimed it.
public final class LogWriter: @unchecked Sendable {
  /// A write that the log did not take. All of them stop the process, see `GroupCommitLog`.
  enum Failure: Error, CustomStringConvertible {
    /// Somebody else wrote to the database in spite of the lock.
    case headMoved(expected: UInt64)
    /// A signer that signs something else than it was given.
    case signerChangedText

    var description: String {
      switch self {
      case .headMoved(let expected): "the head of the log is no longer at \(expected): there is a second writer"
      case .signerChangedText: "the signer returned a note with another text"
      }
    }
  }

  /// Reads the same log.
  public let reader: LogReader
  /// The log's name in its checkpoints.
  public let origin: String

  private var session: LogWriterSession?
  private let projections: ProjectionSet
  private var edge: TreeEdge
  private var checkpoint: SignedCheckpoint?
  private let claimed = Atomic(false)

  init(
    lock: ProcessLock, connection: SQLiteConnection, reader: LogReader, projections: ProjectionSet, origin: String,
    edge: TreeEdge, checkpoint: SignedCheckpoint?
  ) throws {
    self.reader = reader
    self.projections = projections
    self.origin = origin
    self.edge = edge
    self.checkpoint = checkpoint
    session = try LogWriterSession(lock: lock, connection: connection)
  }

  /// Takes the writer; false when somebody has it already.
  func claim() -> Bool { claimed.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged }

  /// Number of durable entries.
  var size: UInt64 { edge.size }

  /// The newest durable checkpoint.
  var latestCheckpoint: SignedCheckpoint? { checkpoint }

  /// Starts a transaction. When this throws nothing has happened and the batch may be refused.
  func begin() throws { try open().begin.run() }

  /// Ends a transaction in which nothing was written.
  func abandon() throws { try open().rollback.run() }

  /// Writes entries, side tables, tiles, frontier and one signed checkpoint, and commits.
  ///
  /// When this throws the caller must stop the process: whether the transaction is on the disk is not known, and the
  /// memory here no longer says what is.
  func commit(
    _ drafts: [EntryDraft], sideWrites: [@Sendable (SQLiteConnection) throws -> Void],
    sign: @Sendable (Checkpoint) throws -> SignedCheckpoint
  ) throws -> CommittedBatch {
    let session = try open()
    let connection = session.connection
    let first = edge.size
    edge.beginBatch()
    // A crash from here to COMMIT: SQLite recovers to the state before the batch. Nobody was told anything.
    for (offset, draft) in drafts.enumerated() {
      try session.insertEntry.run(.integer(Int64(first) + Int64(offset)), .blob(draft.bytes))
      edge.append(leafHash: draft.leafHash)
    }
    for write in sideWrites { try write(connection) }
    var next = checkpoint
    if !drafts.isEmpty {
      if !projections.isEmpty {
        let entries = drafts.enumerated().map { StoredEntry(index: first + UInt64($0.offset), bytes: $0.element.bytes) }
        try projections.apply(entries, size: edge.size)
      }
      for tile in edge.changedTiles() {
        guard let bytes = Tile(hashes: tile.hashes)?.bytes else { continue }
        try session.upsertTile.run(LogSchema.tileKey(level: tile.level, number: tile.number), .blob(bytes))
      }
      let frontier = try edge.frontier()
      // Signed before it is durable, revealed only after: a signature that dies with this process was never made for
      // anyone, and the next process signs whatever the disk then holds.
      let body = try Checkpoint(origin: origin, size: edge.size, root: frontier.root)
      let signed = try sign(body)
      guard signed.note.textBytes == body.textBytes else { throw Failure.signerChangedText }
      try session.insertCheckpoint.run(.integer(Int64(edge.size)), .blob(signed.note.bytes))
      try session.moveHead.run(.integer(Int64(edge.size)), .blob(frontier.encoded), .integer(Int64(first)))
      guard connection.changes == 1 else { throw Failure.headMoved(expected: first) }
      next = signed
    }
    // The commit point. On return the write-ahead log is synced: a crash after this keeps the batch, whether or not
    // anyone was told. An error from here may mean either; see the caller.
    try session.commit.run()
    checkpoint = next
    let proofs = try edge.proofs(from: first)
    let entries = zip(drafts, proofs).map { draft, proof in
      CommittedEntry(bytes: draft.bytes, leafHash: draft.leafHash, proof: proof)
    }
    return CommittedBatch(entries: entries, checkpoint: next)
  }

  /// Frames in the write-ahead log, 4 KiB each.
  var frames: Int { session?.frames.count ?? 0 }

  /// Moves the write-ahead log's frames into the database file, without waiting for readers.
  ///
  /// Frames are overwritten in place once all have been moved and no reader needs them, so the file keeps its size and a
  /// commit needs no new blocks: on ext4 that is the difference between a data sync and a journal commit.
  func moveFrames() throws { try open().connection.checkpointWAL(.passive) }

  /// Closes the database and gives the data directory free.
  func close() { session = nil }

  private func open() throws -> LogWriterSession {
    guard let session else { throw SubmissionError.closed }
    return session
  }
}
