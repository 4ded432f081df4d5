import Cryptography

/// The wrapped keys of the blobs, one row each: deleting a row makes its blob unreadable for good.
///
/// SQLite overwrites deleted rows with zeros (`secure_delete`) and truncates its rollback journal, so that no copy stays
/// in the file. What the medium keeps below the file system - flash translation, snapshots, backups - is beyond reach;
/// there the row is still wrapped by the community's key.
final class BlobKeyTable {
  static let fileName = "blob-keys.sqlite"
  private static let applicationID: Int64 = 0x5342_584B
  private static let version: Int64 = 1

  private let connection: SQLiteConnection

  init(in directory: Directory) throws {
    connection = try SQLiteConnection(path: "\(directory.path)/\(Self.fileName)", access: .create)
    // A rollback journal, not a write-ahead log: that one would keep old pages, and with them erased keys.
    try connection.setPragma("journal_mode", to: "truncate")
    try connection.setPragma("synchronous", to: "EXTRA", expecting: "3")
    try connection.setPragma("secure_delete", to: "1")
    try connection.setPragma("temp_store", to: "MEMORY", expecting: "2")
    let found = try integer("user_version")
    if found == 0, try integer("application_id") == 0 {
      try connection.transaction {
        try connection.execute(
          """
          CREATE TABLE keys(community TEXT NOT NULL, id BLOB NOT NULL, wrapped BLOB NOT NULL, size INTEGER NOT NULL,
            PRIMARY KEY (community, id)) WITHOUT ROWID
          """)
        try connection.execute("PRAGMA application_id = \(Self.applicationID)")
        try connection.execute("PRAGMA user_version = \(Self.version)")
      }
      return
    }
    let application = try integer("application_id")
    guard application == Self.applicationID else { throw LogSchema.Failure.foreign(applicationID: application) }
    guard found <= Self.version else { throw LogSchema.Failure.newer(found: found, supported: Self.version) }
  }

  /// Makes the key of a blob durable. `size` is the plaintext's.
  func insert(_ id: BlobID, community: String, wrapped: [UInt8], size: Int) throws {
    try connection.statement("INSERT INTO keys(community, id, wrapped, size) VALUES (?, ?, ?, ?)")
      .run(.text(community), .blob(id.digest.bytes), .blob(wrapped), .integer(Int64(size)))
  }

  /// The wrapped key, or nil when the blob was erased or never there.
  func wrapped(_ id: BlobID, community: String) throws -> [UInt8]? {
    try connection.statement("SELECT wrapped FROM keys WHERE community = ? AND id = ?")
      .first(.text(community), .blob(id.digest.bytes)) { try $0.blob(0) }
  }

  /// Erases a key; false when there was none.
  func erase(_ id: BlobID, community: String) throws -> Bool {
    try connection.statement("DELETE FROM keys WHERE community = ? AND id = ?")
      .run(.text(community), .blob(id.digest.bytes))
    return connection.changes > 0
  }

  /// Erases all keys of a community and says how many.
  func eraseAll(community: String) throws -> Int {
    try connection.statement("DELETE FROM keys WHERE community = ?").run(.text(community))
    return connection.changes
  }

  /// The communities whose names begin so, sorted. Compared as bytes, which no name of a community is special to.
  func communities(beginning prefix: String) throws -> [String] {
    var found: [String] = []
    try connection.statement(
      "SELECT DISTINCT community FROM keys WHERE substr(CAST(community AS BLOB), 1, ?) = ? ORDER BY community"
    ).forEachRow([.integer(Int64(prefix.utf8.count)), .blob(Array(prefix.utf8))]) { row in
      found.append(try row.text(0))
      return true
    }
    return found
  }

  /// The blobs of one community, sorted, with the sizes of their plaintexts.
  func list(community: String) throws -> [(id: BlobID, size: Int)] {
    var found: [(BlobID, Int)] = []
    try connection.statement("SELECT id, size FROM keys WHERE community = ? ORDER BY id")
      .forEachRow([.text(community)]) { row in
        if let digest = SHA256Digest(try row.blob(0)) { found.append((BlobID(digest), Int(try row.integer(1)))) }
        return true
      }
    return found
  }

  /// Whether any community has a key for the blob.
  func isKnown(_ id: BlobID) throws -> Bool {
    try connection.statement("SELECT 1 FROM keys WHERE id = ? LIMIT 1").first(.blob(id.digest.bytes)) { _ in true }
      ?? false
  }

  private func integer(_ pragma: String) throws -> Int64 {
    try connection.prepare("PRAGMA \(pragma)").first { try $0.integer(0) } ?? 0
  }
}
