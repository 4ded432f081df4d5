import CanonicalJSON
import Cryptography
import Storage

/// The secrets' rows. Every change is one transaction: a crash leaves the old secret or the new one.
///
/// | table | what |
/// |---|---|
/// | `secrets` | the newest version of every secret, its value sealed |
/// | `versions` | the last version that a name had, kept when the secret is removed |
/// | `performed` | what each proposal did, so that carrying it out again does nothing |
final class SecretTable {
  static let fileName = "keychain.sqlite"
  /// "SBXS".
  private static let applicationID: Int64 = 0x5342_5853
  private static let version: Int64 = 2

  /// A file that this code must not touch.
  enum Failure: Error, Hashable, CustomStringConvertible {
    case foreign(applicationID: Int64)
    case newer(found: Int64, supported: Int64)
    case damaged(name: String)

    var description: String {
      switch self {
      case .foreign(let id): "the database is not a keychain (application id \(id))"
      case .newer(let found, let supported):
        "the keychain has schema version \(found), this program reads up to \(supported): use a newer release"
      case .damaged(let name): "the keychain's row of \(name) is damaged"
      }
    }
  }

  private let connection: SQLiteConnection

  init(in directory: Directory) throws {
    connection = try SQLiteConnection(path: "\(directory.path)/\(Self.fileName)", access: .create)
    // A rollback journal, not a write-ahead log: that one would keep old pages, and with them removed values.
    try connection.setPragma("journal_mode", to: "truncate")
    try connection.setPragma("synchronous", to: "EXTRA", expecting: "3")
    try connection.setPragma("secure_delete", to: "1")
    try connection.setPragma("temp_store", to: "MEMORY", expecting: "2")
    let found = try integer("user_version")
    if found == 0, try integer("application_id") == 0 {
      try connection.transaction {
        try connection.execute(
          """
          CREATE TABLE secrets(community TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL,
            hosts TEXT NOT NULL, created INTEGER NOT NULL, rotated INTEGER NOT NULL, sealed BLOB NOT NULL,
            generation INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (community, name));
          CREATE TABLE versions(community TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
            PRIMARY KEY (community, name)) WITHOUT ROWID;
          CREATE TABLE performed(proposal BLOB PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID
          """)
        try connection.execute("PRAGMA application_id = \(Self.applicationID)")
        try connection.execute("PRAGMA user_version = \(Self.version)")
      }
      return
    }
    let application = try integer("application_id")
    guard application == Self.applicationID else { throw Failure.foreign(applicationID: application) }
    guard found <= Self.version else { throw Failure.newer(found: found, supported: Self.version) }
    guard found == 1 else { return }
    try connection.transaction {
      // Before communities had keys of their own, everything was of generation 0.
      try connection.execute("ALTER TABLE secrets ADD COLUMN generation INTEGER NOT NULL DEFAULT 0")
      try connection.execute("PRAGMA user_version = \(Self.version)")
    }
  }

  func transaction<Result>(_ body: () throws -> Result) throws -> Result { try connection.transaction(body) }

  /// A row: what is known of the secret, its sealed value, and the generation of the community's keys that sealed it.
  typealias Sealed = (info: SecretInfo, sealed: [UInt8], generation: Int64)

  /// The newest version, or nil when there is no such secret.
  func row(community: String, name: String) throws -> Sealed? {
    try connection.statement(
      "SELECT name, version, kind, hosts, created, rotated, sealed, generation FROM secrets WHERE community = ? AND name = ?"
    ).first(.text(community), .text(name)) { row in (try Self.info(row), try row.blob(6), try row.integer(7)) }
  }

  /// All secrets of a community, by name.
  func list(community: String) throws -> [SecretInfo] {
    var found: [SecretInfo] = []
    try connection.statement(
      "SELECT name, version, kind, hosts, created, rotated FROM secrets WHERE community = ? ORDER BY name"
    ).forEachRow([.text(community)]) { row in
      found.append(try Self.info(row))
      return true
    }
    return found
  }

  func count(community: String) throws -> Int {
    let count = try connection.statement("SELECT count(*) FROM secrets WHERE community = ?")
      .first(.text(community)) { try $0.integer(0) }
    return Int(count ?? 0)
  }

  /// The last version that the name has had, 0 for none.
  func lastVersion(community: String, name: String) throws -> Int64 {
    try connection.statement("SELECT version FROM versions WHERE community = ? AND name = ?")
      .first(.text(community), .text(name)) { try $0.integer(0) } ?? 0
  }

  /// Puts the row in the place of the one before, whose value is overwritten in the file.
  func replace(_ info: SecretInfo, community: String, generation: Int64, sealed: [UInt8]) throws {
    try delete(community: community, name: info.name)
    let hosts = JSON.array(info.hosts.map { .string($0.text) }).canonicalString()
    try connection.statement(
      """
      INSERT INTO secrets(community, name, version, kind, hosts, created, rotated, sealed, generation)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      """
    ).run(
      .text(community), .text(info.name), .integer(info.version), .text(info.kind.rawValue), .text(hosts),
      .integer(info.createdAt), .integer(info.rotatedAt), .blob(sealed), .integer(generation))
    try connection.statement("INSERT OR REPLACE INTO versions(community, name, version) VALUES (?, ?, ?)")
      .run(.text(community), .text(info.name), .integer(info.version))
  }

  func delete(community: String, name: String) throws {
    try connection.statement("DELETE FROM secrets WHERE community = ? AND name = ?").run(.text(community), .text(name))
  }

  /// The version that the proposal put, or removed; nil when it was not carried out.
  func performed(_ proposal: SHA256Digest) throws -> Int64? {
    try connection.statement("SELECT version FROM performed WHERE proposal = ?")
      .first(.blob(proposal.bytes)) { try $0.integer(0) }
  }

  func record(_ proposal: SHA256Digest, version: Int64) throws {
    try connection.statement("INSERT INTO performed(proposal, version) VALUES (?, ?)")
      .run(.blob(proposal.bytes), .integer(version))
  }

  private static func info(_ row: borrowing SQLiteStatement.Row) throws -> SecretInfo {
    let name = try row.text(0)
    guard let kind = SecretKind(rawValue: try row.text(2)),
      let hosts = try JSON(parsing: Array(try row.text(3).utf8), limits: .document(maxBytes: 65536)).array
    else { throw Failure.damaged(name: name) }
    return SecretInfo(
      name: name, version: try row.integer(1), kind: kind,
      hosts: try hosts.map { try SecretHost(parsing: $0.string ?? "") }, createdAt: try row.integer(4),
      rotatedAt: try row.integer(5))
  }

  private func integer(_ pragma: String) throws -> Int64 {
    try connection.prepare("PRAGMA \(pragma)").first { try $0.integer(0) } ?? 0
  }
}
