import Cryptography
import Storage

/// The list of items in SQLite. Used under its owner's lock only.
struct FileIndex: @unchecked Sendable {
  static let fileName = "streams.sqlite"
  private static let applicationID: Int64 = 0x5342_5846
  private static let version: Int64 = 1
  private static let columns = "number, name, digest, bytes, at, blob"

  let connection: SQLiteConnection

  static func open(in directory: Directory) throws -> SQLiteConnection {
    let connection = try SQLiteConnection(path: "\(directory.path)/\(fileName)", access: .create)
    try connection.setPragma("journal_mode", to: "truncate")
    try connection.setPragma("synchronous", to: "EXTRA", expecting: "3")
    // What was erased leaves no copy of its name and digest in the file.
    try connection.setPragma("secure_delete", to: "1")
    if try connection.pragma("user_version") == "0", try connection.pragma("application_id") == "0" {
      try connection.transaction {
        try connection.execute(
          """
          CREATE TABLE items(community TEXT NOT NULL, stream TEXT NOT NULL, number INTEGER NOT NULL, name TEXT,
            digest BLOB NOT NULL, bytes INTEGER NOT NULL, at INTEGER NOT NULL, blob BLOB NOT NULL, key BLOB,
            PRIMARY KEY (community, stream, number)) WITHOUT ROWID;
          CREATE UNIQUE INDEX keys ON items(community, key) WHERE key IS NOT NULL;
          CREATE INDEX blobs ON items(blob);
          CREATE TABLE streams(community TEXT NOT NULL, stream TEXT NOT NULL, next INTEGER NOT NULL,
            PRIMARY KEY (community, stream)) WITHOUT ROWID;
          """)
        try connection.execute("PRAGMA application_id = \(applicationID)")
        try connection.execute("PRAGMA user_version = \(version)")
      }
      return connection
    }
    guard try connection.pragma("application_id") == String(applicationID),
      try connection.pragma("user_version") == String(version)
    else { throw FileStreams.Failure.storage("\(directory.path)/\(fileName) is not an index of this version") }
    return connection
  }

  /// Nil when the stream is full. Under a key that is known already, the item that it names.
  func append(
    community: String, stream: String, name: String?, digest: SHA256Digest, bytes: Int64, at: Int64, blob: BlobID,
    key: SHA256Digest?
  ) throws -> FileStreams.Item? {
    try connection.transaction {
      if let key, let known = try item(key: key, community: community) { return known }
      let number =
        try connection.statement("SELECT next FROM streams WHERE community = ? AND stream = ?")
        .first(.text(community), .text(stream)) { try $0.integer(0) } ?? 0
      guard number < FileStreams.maxItems else { return nil }
      try connection.statement("INSERT OR REPLACE INTO streams(community, stream, next) VALUES (?, ?, ?)")
        .run(.text(community), .text(stream), .integer(number + 1))
      try connection.statement(
        "INSERT INTO items(community, stream, \(Self.columns), key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
      )
      .run(
        .text(community), .text(stream), .integer(number), name.map(SQLiteValue.text) ?? .null, .blob(digest.bytes),
        .integer(bytes), .integer(at), .blob(blob.digest.bytes), key.map { .blob($0.bytes) } ?? .null)
      return FileStreams.Item(number: number, name: name, digest: digest, bytes: bytes, at: at, blob: blob)
    }
  }

  func item(key: SHA256Digest, community: String) throws -> FileStreams.Item? {
    try connection.statement("SELECT \(Self.columns) FROM items WHERE community = ? AND key = ?")
      .first(.text(community), .blob(key.bytes), body: Self.item)
  }

  /// The latest for nil.
  func item(community: String, stream: String, number: Int64?) throws -> FileStreams.Item? {
    if let number {
      return try connection.statement(
        "SELECT \(Self.columns) FROM items WHERE community = ? AND stream = ? AND number = ?"
      )
      .first(.text(community), .text(stream), .integer(number), body: Self.item)
    }
    return try connection.statement(
      "SELECT \(Self.columns) FROM items WHERE community = ? AND stream = ? ORDER BY number DESC LIMIT 1"
    )
    .first(.text(community), .text(stream), body: Self.item)
  }

  func list(community: String, stream: String, from first: Int64, limit: Int) throws -> [FileStreams.Item] {
    var items: [FileStreams.Item] = []
    try connection.statement(
      "SELECT \(Self.columns) FROM items WHERE community = ? AND stream = ? AND number >= ? ORDER BY number LIMIT ?"
    )
    .forEachRow([.text(community), .text(stream), .integer(first), .integer(Int64(limit))]) { row in
      items.append(try Self.item(row))
      return true
    }
    return items
  }

  func erase(community: String, stream: String, number: Int64) throws {
    try connection.statement("DELETE FROM items WHERE community = ? AND stream = ? AND number = ?")
      .run(.text(community), .text(stream), .integer(number))
  }

  func cites(_ blob: BlobID, community: String) throws -> Bool {
    try connection.statement("SELECT 1 FROM items WHERE blob = ? AND community = ?")
      .first(.blob(blob.digest.bytes), .text(community)) { _ in true } ?? false
  }

  private static func item(_ row: borrowing SQLiteStatement.Row) throws -> FileStreams.Item {
    guard let digest = SHA256Digest(try row.blob(2)), let blob = SHA256Digest(try row.blob(5)) else {
      throw FileStreams.Failure.storage("a row of the index holds no digest")
    }
    return FileStreams.Item(
      number: try row.integer(0), name: row.isNull(1) ? nil : try row.text(1), digest: digest,
      bytes: try row.integer(3), at: try row.integer(4), blob: BlobID(blob))
  }
}
