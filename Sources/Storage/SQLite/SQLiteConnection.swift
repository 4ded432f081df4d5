import CSQLite

/// One connection to a SQLite database. Not Sendable: it belongs to one thread at a time, which is why it is opened
/// without SQLite's own mutex.
public final class SQLiteConnection {
  /// How a database is opened.
  public enum Access: Sendable {
    /// Reads and writes an existing file.
    case readWrite
    /// Reads and writes; the file is made when absent.
    case create
    /// Reads only.
    case readOnly
  }

  private let handle: OpaquePointer
  private var cache: [String: SQLiteStatement] = [:]
  private var frameCounter: FrameCount?

  /// Opens `path`. `vfs` names a registered VFS; nil is the platform's own. The busy timeout is in milliseconds.
  public init(
    path: String, access: Access, vfs: String? = nil, busyTimeout: Int32 = 5_000
  ) throws(SQLiteError) {
    guard sqlite3_threadsafe() != 0 else {
      throw SQLiteError.unexpected("open", "this SQLite was built without thread safety")
    }
    var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE
    switch access {
    case .readWrite: flags |= SQLITE_OPEN_READWRITE
    case .create: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
    case .readOnly: flags |= SQLITE_OPEN_READONLY
    }
    var handle: OpaquePointer?
    let status =
      if let vfs { sqlite3_open_v2(path, &handle, flags, vfs) } else { sqlite3_open_v2(path, &handle, flags, nil) }
    guard status == SQLITE_OK, let handle else {
      let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(handle)
      throw SQLiteError(operation: "open \(path)", extendedCode: status, message: message)
    }
    self.handle = handle
    sqlite3_busy_timeout(handle, busyTimeout)
    // A stray statement of ours must not be able to rewrite the schema; a forged schema must not run functions.
    _ = safebox_sqlite_db_config_switch(handle, SQLITE_DBCONFIG_DEFENSIVE, 1)
    _ = safebox_sqlite_db_config_switch(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    _ = safebox_sqlite_db_config_switch(handle, SQLITE_DBCONFIG_DQS_DML, 0)
    _ = safebox_sqlite_db_config_switch(handle, SQLITE_DBCONFIG_DQS_DDL, 0)
  }

  // Statements that outlive the connection object keep the handle alive until they are finalized.
  deinit { sqlite3_close_v2(handle) }

  /// Prepares `sql`, which must be one statement.
  public func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
    try SQLiteStatement(database: handle, sql: sql)
  }

  /// The prepared form of `sql`, made once and kept. For a fixed set of texts: nothing is ever dropped.
  public func statement(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
    if let known = cache[sql] { return known }
    let made = try prepare(sql)
    cache[sql] = made
    return made
  }

  /// Runs statements that return nothing of interest; several may be separated by semicolons.
  public func execute(_ sql: String) throws(SQLiteError) {
    guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else {
      throw SQLiteError.last(on: handle, operation: sql)
    }
  }

  /// The first column of the first row as text, whatever its type: for pragmas.
  public func pragma(_ sql: String) throws -> String? {
    let statement = try prepare("PRAGMA \(sql)")
    return try statement.first { row in
      if let text = try? row.text(0) { return text }
      return String(try row.integer(0))
    }
  }

  /// Sets a pragma and checks that reading it back gives `expected`: SQLite ignores what it cannot do without an error.
  public func setPragma(_ name: String, to value: String, expecting expected: String? = nil) throws {
    _ = try pragma("\(name)=\(value)")
    let actual = try pragma(name)
    guard actual == (expected ?? value) else {
      throw SQLiteError.unexpected(
        "PRAGMA \(name)=\(value)", "expected \(expected ?? value) to take effect, found \(actual ?? "nothing")")
    }
  }

  /// The number of rows that the last INSERT, UPDATE or DELETE changed.
  public var changes: Int { Int(sqlite3_changes64(handle)) }

  /// True between BEGIN and the COMMIT or ROLLBACK that ends it.
  public var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// Runs `body` in one IMMEDIATE transaction; anything thrown rolls back.
  public func transaction<Result>(_ body: () throws -> Result) throws -> Result {
    try execute("BEGIN IMMEDIATE")
    do {
      let result = try body()
      try execute("COMMIT")
      return result
    } catch {
      // After some errors SQLite has rolled back already; a second failure adds nothing to the first.
      if isInTransaction { try? execute("ROLLBACK") }
      throw error
    }
  }

  /// Write-ahead log frames: how many there are, and how many of them are in the database file.
  public struct WALStatus: Sendable, Hashable {
    public var frames: Int
    public var backfilled: Int
  }

  /// The number of frames in the write-ahead log after the last commit of this connection.
  public final class FrameCount {
    /// Frames; a frame holds one page.
    public fileprivate(set) var count = 0
  }

  /// Keeps count of the write-ahead log's frames from now on. Replaces SQLite's automatic checkpoints.
  public func countFrames() -> FrameCount {
    let counter = frameCounter ?? FrameCount()
    frameCounter = counter
    sqlite3_wal_hook(handle, Self.walHook, Unmanaged.passUnretained(counter).toOpaque())
    return counter
  }

  private static let walHook:
    @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafePointer<CChar>?, Int32) -> Int32 = {
      context, _, _, frames in
      guard let context else { return SQLITE_OK }
      Unmanaged<FrameCount>.fromOpaque(context).takeUnretainedValue().count = Int(frames)
      return SQLITE_OK
    }

  /// How much a checkpoint insists. https://www.sqlite.org/c3ref/wal_checkpoint_v2.html
  public enum CheckpointMode: Sendable {
    /// Copies what it can without waiting for anyone.
    case passive
    /// Waits for readers and empties the write-ahead log file.
    case truncate
  }

  /// Copies write-ahead log frames into the database file and syncs it.
  @discardableResult
  public func checkpointWAL(_ mode: CheckpointMode) throws(SQLiteError) -> WALStatus {
    var frames: Int32 = 0
    var backfilled: Int32 = 0
    let flag = mode == .passive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE
    let status = sqlite3_wal_checkpoint_v2(handle, nil, flag, &frames, &backfilled)
    guard status == SQLITE_OK else { throw SQLiteError.last(on: handle, operation: "wal checkpoint") }
    return WALStatus(frames: Int(frames), backfilled: Int(backfilled))
  }
}
