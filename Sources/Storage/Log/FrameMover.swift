import Synchronization

/// Moves the write-ahead log into the database file on a thread and a connection of its own, so that the writer does not
/// stand still for it.
///
/// The writer goes on appending meanwhile, so some frames are always left when the mover is done. Those few the writer
/// moves itself; then the write-ahead log is wholly in the database, and SQLite overwrites it from the start.
final class FrameMover: Sendable {
  /// What the mover is doing.
  private enum Phase: UInt8, AtomicRepresentable {
    case idle
    case moving
    /// Done; the rest is the writer's.
    case moved
  }

  /// Belongs to the mover's thread from its start to its end.
  private final class Connection: @unchecked Sendable {
    var open: SQLiteConnection?
    init(_ connection: SQLiteConnection) { open = connection }
  }

  private let requests = SubmissionQueue<Bool>(limit: 1)
  private let ended = SubmissionQueue<Bool>(limit: 1)
  private let phase = Atomic(Phase.idle)

  /// Starts the thread. `onFault` is told when a move fails; the mover does nothing more afterwards.
  init(directory: Directory, vfs: String?, onFault: @escaping @Sendable (any Error) -> Void) throws {
    let connection = Connection(try LogDatabase.openWriter(in: directory, vfs: vfs))
    try WriterThread.start(name: "log-mover") { [self] in
      while let open = connection.open, !requests.take(upTo: 1).isEmpty {
        do {
          try open.checkpointWAL(.passive)
          phase.store(.moved, ordering: .releasing)
        } catch {
          // The pages may or may not be in the database file. They are all still in the write-ahead log, which SQLite
          // does not overwrite before a move has been synced.
          onFault(error)
          break
        }
      }
      connection.open = nil
      _ = ended.push(true)
    }
  }

  /// Called by the writer when there are frames to move: true when it should move the rest now.
  func shouldFinish() -> Bool {
    switch phase.load(ordering: .acquiring) {
    case .idle:
      phase.store(.moving, ordering: .relaxed)
      _ = requests.push(true)
      return false
    case .moving: return false
    case .moved:
      phase.store(.idle, ordering: .relaxed)
      return true
    }
  }

  /// Ends the thread and closes its connection; blocks until that is done.
  func close() {
    requests.close()
    _ = ended.take(upTo: 1)
  }
}
