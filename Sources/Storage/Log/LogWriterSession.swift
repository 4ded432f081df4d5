/// The writing connection with its statements and the lock that protects them. Released together, the lock last.
final class LogWriterSession {
  private let lock: ProcessLock
  let connection: SQLiteConnection
  let frames: SQLiteConnection.FrameCount
  let insertEntry: SQLiteStatement
  let insertCheckpoint: SQLiteStatement
  let upsertTile: SQLiteStatement
  let moveHead: SQLiteStatement
  let begin: SQLiteStatement
  let commit: SQLiteStatement
  let rollback: SQLiteStatement

  init(lock: ProcessLock, connection: SQLiteConnection) throws {
    self.lock = lock
    self.connection = connection
    frames = connection.countFrames()
    insertEntry = try connection.prepare("INSERT INTO entries(idx, bytes) VALUES (?, ?)")
    insertCheckpoint = try connection.prepare("INSERT INTO checkpoints(size, note) VALUES (?, ?)")
    upsertTile = try connection.prepare(
      "INSERT INTO tiles(key, hashes) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET hashes = excluded.hashes")
    moveHead = try connection.prepare("UPDATE head SET size = ?, frontier = ? WHERE id = 0 AND size = ?")
    begin = try connection.prepare("BEGIN IMMEDIATE")
    commit = try connection.prepare("COMMIT")
    rollback = try connection.prepare("ROLLBACK")
  }
}
