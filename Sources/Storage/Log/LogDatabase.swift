/// How the log's database is opened: durable on every commit, and checked to be so.
enum LogDatabase {
  /// The file in the data directory.
  static let fileName = "log.sqlite"

  /// A connection that writes. Write-ahead log with a sync on every commit (`synchronous=FULL`): a COMMIT that returned
  /// is on the disk. Checkpoints of the write-ahead log are ours to time, not SQLite's.
  static func openWriter(in directory: Directory, vfs: String?) throws -> SQLiteConnection {
    let connection = try SQLiteConnection(path: path(in: directory), access: .create, vfs: vfs)
    try connection.setPragma("journal_mode", to: "wal")
    try connection.setPragma("synchronous", to: "FULL", expecting: "2")
    try connection.setPragma("wal_autocheckpoint", to: "0")
    try connection.setPragma("cell_size_check", to: "1")
    try connection.setPragma("temp_store", to: "MEMORY", expecting: "2")
    return connection
  }

  /// A connection that reads. Sees only what was committed, hence synced.
  static func openReader(in directory: Directory, vfs: String?) throws -> SQLiteConnection {
    let connection = try SQLiteConnection(path: path(in: directory), access: .readOnly, vfs: vfs)
    try connection.setPragma("query_only", to: "1")
    try connection.setPragma("cell_size_check", to: "1")
    try LogSchema.check(connection)
    return connection
  }

  private static func path(in directory: Directory) -> String { "\(directory.path)/\(fileName)" }
}
