import Cryptography
import Governance
import Storage

/// The salts of the generations, and what each proposal did.
///
/// | table | what |
/// |---|---|
/// | `salts` | one row for each generation that still opens |
/// | `generations` | the last generation that a holder had, kept when its salts are destroyed |
/// | `performed` | what each proposal did, and whether it came to its end |
final class SaltTable {
  static let fileName = "community-keys.sqlite"
  /// "SBXC".
  private static let applicationID: Int64 = 0x5342_5843
  private static let version: Int64 = 1

  /// A file that this code must not touch.
  enum Failure: Error, Hashable, CustomStringConvertible {
    case foreign(applicationID: Int64)
    case newer(found: Int64, supported: Int64)

    var description: String {
      switch self {
      case .foreign(let id): "the database holds no keys of communities (application id \(id))"
      case .newer(let found, let supported):
        "the keys of the communities have schema version \(found), this program reads up to \(supported)"
      }
    }
  }

  private let connection: SQLiteConnection

  init(in directory: Directory) throws {
    connection = try SQLiteConnection(path: "\(directory.path)/\(Self.fileName)", access: .create)
    // A rollback journal, not a write-ahead log: that one would keep old pages, and with them destroyed salts.
    try connection.setPragma("journal_mode", to: "truncate")
    try connection.setPragma("synchronous", to: "EXTRA", expecting: "3")
    try connection.setPragma("secure_delete", to: "1")
    try connection.setPragma("temp_store", to: "MEMORY", expecting: "2")
    let found = try integer("user_version")
    if found == 0, try integer("application_id") == 0 {
      try connection.transaction {
        try connection.execute(
          """
          CREATE TABLE salts(holder TEXT NOT NULL, generation INTEGER NOT NULL, salt BLOB NOT NULL,
            PRIMARY KEY (holder, generation));
          CREATE TABLE generations(holder TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
          CREATE TABLE performed(proposal BLOB PRIMARY KEY, generation INTEGER NOT NULL, done INTEGER NOT NULL)
            WITHOUT ROWID
          """)
        try connection.execute("PRAGMA application_id = \(Self.applicationID)")
        try connection.execute("PRAGMA user_version = \(Self.version)")
      }
      return
    }
    let application = try integer("application_id")
    guard application == Self.applicationID else { throw Failure.foreign(applicationID: application) }
    guard found <= Self.version else { throw Failure.newer(found: found, supported: Self.version) }
  }

  func transaction<Result>(_ body: () throws -> Result) throws -> Result { try connection.transaction(body) }

  func newest(of holder: KeyHolder) throws -> Int64? {
    try connection.statement("SELECT generation FROM salts WHERE holder = ? ORDER BY generation DESC LIMIT 1")
      .first(.text(holder.description)) { try $0.integer(0) }
  }

  func salt(of holder: KeyHolder, generation: Int64) throws -> [UInt8]? {
    try connection.statement("SELECT salt FROM salts WHERE holder = ? AND generation = ?")
      .first(.text(holder.description), .integer(generation)) { try $0.blob(0) }
  }

  /// 0 for a holder that never had one.
  func lastGeneration(of holder: KeyHolder) throws -> Int64 {
    try connection.statement("SELECT last FROM generations WHERE holder = ?")
      .first(.text(holder.description)) { try $0.integer(0) } ?? 0
  }

  func holders() throws -> Int {
    Int(try connection.statement("SELECT count(*) FROM generations").first { try $0.integer(0) } ?? 0)
  }

  func insert(_ salt: [UInt8], holder: KeyHolder, generation: Int64) throws {
    try connection.statement("INSERT INTO salts(holder, generation, salt) VALUES (?, ?, ?)")
      .run(.text(holder.description), .integer(generation), .blob(salt))
    try connection.statement("INSERT OR REPLACE INTO generations(holder, last) VALUES (?, ?)")
      .run(.text(holder.description), .integer(generation))
  }

  @discardableResult
  func destroy(before generation: Int64, of holder: KeyHolder) throws -> Int64 {
    try connection.statement("DELETE FROM salts WHERE holder = ? AND generation < ?")
      .run(.text(holder.description), .integer(generation))
    return Int64(connection.changes)
  }

  func performed(_ proposal: SHA256Digest) throws -> (generation: Int64, isDone: Bool)? {
    try connection.statement("SELECT generation, done FROM performed WHERE proposal = ?")
      .first(.blob(proposal.bytes)) { (try $0.integer(0), try $0.integer(1) != 0) }
  }

  func record(_ proposal: SHA256Digest, generation: Int64, isDone: Bool) throws {
    try connection.statement("INSERT OR REPLACE INTO performed(proposal, generation, done) VALUES (?, ?, ?)")
      .run(.blob(proposal.bytes), .integer(generation), .integer(isDone ? 1 : 0))
  }

  private func integer(_ pragma: String) throws -> Int64 {
    try connection.prepare("PRAGMA \(pragma)").first { try $0.integer(0) } ?? 0
  }
}
