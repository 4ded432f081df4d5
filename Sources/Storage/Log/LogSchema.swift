/// The tables of a log and their version.
///
/// | table | what | how it changes |
/// |---|---|---|
/// | `entries` | the leaves, as they were hashed | only grows: triggers refuse UPDATE and DELETE |
/// | `checkpoints` | one signed note for each batch, by tree size | only grows |
/// | `head` | one row: tree size, frontier, origin | with every batch |
/// | `tiles` | hash tiles: full ones on level 0, all above | derived from `entries`, can be rebuilt |
/// | `projections` | name and version of every projection, and how far it has got | derived |
///
/// Tables of projections are named `p_<projection>_<table>` and belong to their callers.
enum LogSchema {
  /// Marks the file as a Safebox log ("SBXL").
  static let applicationID: Int64 = 0x5342_584C
  /// What this code writes and reads.
  static let version: Int64 = 1

  /// A file that this code must not touch.
  enum Failure: Error, Hashable, CustomStringConvertible {
    case foreign(applicationID: Int64)
    case newer(found: Int64, supported: Int64)
    case older(found: Int64, supported: Int64)
    case missingHead

    var description: String {
      switch self {
      case .foreign(let id): "the database is not a Safebox log (application id \(id))"
      case .newer(let found, let supported):
        "the log has schema version \(found), this program reads up to \(supported): use a newer release"
      case .older(let found, let supported):
        "the log has schema version \(found), this program reads \(supported)"
      case .missingHead: "the log has no head row"
      }
    }
  }

  private static let statements = """
    CREATE TABLE entries(idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE checkpoints(size INTEGER PRIMARY KEY, note BLOB NOT NULL);
    CREATE TABLE head(
      id INTEGER PRIMARY KEY CHECK (id = 0), origin TEXT NOT NULL, size INTEGER NOT NULL, frontier BLOB NOT NULL);
    CREATE TABLE tiles(key INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
    CREATE TABLE projections(name TEXT PRIMARY KEY, version INTEGER NOT NULL, through INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TRIGGER entries_keep BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;
    CREATE TRIGGER entries_fixed BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries never change'); END;
    CREATE TRIGGER checkpoints_keep BEFORE DELETE ON checkpoints
      BEGIN SELECT RAISE(ABORT, 'checkpoints are never deleted'); END;
    CREATE TRIGGER checkpoints_fixed BEFORE UPDATE ON checkpoints
      BEGIN SELECT RAISE(ABORT, 'checkpoints never change'); END;
    """

  /// The key of a tile in `tiles`.
  static func tileKey(level: Int, number: UInt64) -> SQLiteValue { .integer(Int64(level) << 56 | Int64(number)) }

  /// Makes the tables in an empty database; refuses one of another program or version.
  static func prepare(_ connection: SQLiteConnection, origin: String, emptyFrontier: [UInt8]) throws {
    if try isBlank(connection) {
      try connection.transaction {
        try connection.execute(statements)
        try connection.prepare("INSERT INTO head(id, origin, size, frontier) VALUES (0, ?, 0, ?)")
          .run(.text(origin), .blob(emptyFrontier))
        try connection.execute("PRAGMA application_id = \(applicationID)")
        try connection.execute("PRAGMA user_version = \(version)")
      }
    }
    try check(connection)
  }

  /// Refuses a database of another program or version.
  static func check(_ connection: SQLiteConnection) throws {
    let application = try integer(connection, "application_id")
    guard application == applicationID else { throw Failure.foreign(applicationID: application) }
    let found = try integer(connection, "user_version")
    guard found <= version else { throw Failure.newer(found: found, supported: version) }
    guard found == version else { throw Failure.older(found: found, supported: version) }
  }

  private static func isBlank(_ connection: SQLiteConnection) throws -> Bool {
    let tables = try connection.prepare("SELECT count(*) FROM sqlite_schema").first { try $0.integer(0) }
    let application = try integer(connection, "application_id")
    let found = try integer(connection, "user_version")
    return tables == 0 && application == 0 && found == 0
  }

  private static func integer(_ connection: SQLiteConnection, _ pragma: String) throws -> Int64 {
    try connection.prepare("PRAGMA \(pragma)").first { try $0.integer(0) } ?? 0
  }
}
