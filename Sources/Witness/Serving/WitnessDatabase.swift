import Storage

/// The records of a witness in SQLite: write-ahead log, a sync on every commit, one process.
public final class WitnessDatabase: WitnessRecords {
  /// Why the records cannot be used.
  public enum Failure: Error, CustomStringConvertible {
    /// There are no records where there should be some, or some where there should be none.
    case missing(path: String)
    case format(expected: Int, actual: String)
    /// Another record than the one that the decision was made from.
    case changed(origin: String)

    public var description: String {
      switch self {
      case .missing(let path):
        """
        \(path) does not exist; a witness that forgot what it cosigned must not go on under the same key
        """
      case .format(let expected, let actual): "expected database format \(expected), found \(actual)"
      case .changed(let origin): "the record of \(origin) was changed by somebody else"
      }
    }
  }

  /// The file in the witness's directory.
  public static let fileName = "witness.sqlite"
  private static let format = 1

  private let connection: SQLiteConnection
  private let lock: ProcessLock

  /// Opens the records in `directory`, which only one process may do at a time.
  ///
  /// - Parameter creating: Whether missing records are begun. A witness that was running before passes false.
  public init(directory path: String, creating: Bool) throws {
    let directory = try creating ? Directory.make(path) : Directory(opening: path)
    lock = try ProcessLock(directory)
    let file = "\(path)/\(Self.fileName)"
    guard creating || WholeFile.exists(file) else { throw Failure.missing(path: file) }
    connection = try SQLiteConnection(path: file, access: creating ? .create : .readWrite)
    try connection.setPragma("journal_mode", to: "wal")
    try connection.setPragma("synchronous", to: "FULL", expecting: "2")
    try connection.setPragma("cell_size_check", to: "1")
    try connection.transaction {
      switch try connection.pragma("user_version") {
      case "0" where creating:
        try connection.execute(
          "CREATE TABLE witnessed (origin BLOB PRIMARY KEY, note BLOB NOT NULL) STRICT, WITHOUT ROWID")
        try connection.execute("PRAGMA user_version = \(Self.format)")
      case String(Self.format): break
      case let other: throw Failure.format(expected: Self.format, actual: other ?? "none")
      }
    }
  }

  public func load() throws -> [[UInt8]: [UInt8]] {
    var notes: [[UInt8]: [UInt8]] = [:]
    try connection.statement("SELECT origin, note FROM witnessed").forEachRow { row in
      notes[try row.blob(0)] = try row.blob(1)
      return true
    }
    return notes
  }

  public func replace(_ known: [UInt8]?, with note: [UInt8], origin: [UInt8]) throws {
    try connection.transaction {
      if let known {
        try connection.statement("UPDATE witnessed SET note = ?1 WHERE origin = ?2 AND note = ?3")
          .run(.blob(note), .blob(origin), .blob(known))
      } else {
        try connection.statement("INSERT INTO witnessed (origin, note) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
          .run(.blob(origin), .blob(note))
      }
      guard connection.changes == 1 else {
        throw Failure.changed(origin: String(decoding: origin, as: UTF8.self))
      }
    }
  }
}
