/// Tables beside the log that are written in the same transaction as its entries and can be rebuilt from them.
///
/// A projection is a cache. When its version changes, or it has not seen every entry, it is dropped and rebuilt from the
/// log at start-up, before anything is served. `apply` must depend on nothing but the entries in order.
public struct Projection: Sendable {
  /// What is wrong with a definition.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    /// Names are 1-32 of a-z, 0-9 and underscore, starting with a letter.
    case invalidName(String)
    case duplicate(String)

    public var description: String {
      switch self {
      case .invalidName(let name): "\"\(name)\" is not a name for a projection: 1-32 of a-z, 0-9, _"
      case .duplicate(let name): "two projections are called \(name)"
      }
    }
  }

  /// The name; its tables and indexes are called `p_<name>_...`.
  public let name: String
  /// To be raised whenever `schema` or `apply` changes its meaning.
  public let version: Int64
  /// CREATE TABLE and CREATE INDEX statements for objects named `p_<name>_...`.
  public let schema: [String]
  /// Writes what follows from one entry. Runs on the writer thread inside the entry's own transaction; throwing stops the
  /// log, so an entry that this projection cannot use is one that it ignores.
  public let apply: @Sendable (StoredEntry, SQLiteConnection) throws -> Void

  /// A definition; the name is checked.
  public init(
    name: String, version: Int64, schema: [String],
    apply: @escaping @Sendable (StoredEntry, SQLiteConnection) throws -> Void
  ) throws(Failure) {
    let utf8 = Array(name.utf8)
    let isLetter: (UInt8) -> Bool = { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
    let isDigit: (UInt8) -> Bool = { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard (1...32).contains(utf8.count), isLetter(utf8[0]),
      utf8.allSatisfy({ isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") })
    else { throw .invalidName(name) }
    self.name = name
    self.version = version
    self.schema = schema
    self.apply = apply
  }
}

/// The projections of an open log: brings them up to date at start-up and feeds them every entry afterwards.
struct ProjectionSet {
  private let connection: SQLiteConnection
  private let projections: [Projection]

  /// Rebuilds in steps of this many entries for each transaction, so that the write-ahead log stays small.
  private static let rebuildStep: UInt64 = 4096

  /// Checks every projection against the log of `size` entries and rebuilds those that are not current.
  init(_ projections: [Projection], connection: SQLiteConnection, reader: LogReader, size: UInt64) throws {
    self.projections = projections
    self.connection = connection
    var names: Set<String> = []
    for projection in projections {
      guard names.insert(projection.name).inserted else { throw Projection.Failure.duplicate(projection.name) }
      if try !isCurrent(projection, size: size) { try rebuild(projection, reader: reader, size: size) }
    }
  }

  /// Whether there are none.
  var isEmpty: Bool { projections.isEmpty }

  /// Feeds one batch, inside its transaction, and notes that all projections have seen it.
  func apply(_ entries: [StoredEntry], size: UInt64) throws {
    for projection in projections {
      for entry in entries { try projection.apply(entry, connection) }
      try record(projection, through: size)
    }
  }

  private func isCurrent(_ projection: Projection, size: UInt64) throws -> Bool {
    let current = try connection.prepare("SELECT 1 FROM projections WHERE name = ? AND version = ? AND through = ?")
      .first(.text(projection.name), .integer(projection.version), .integer(Int64(size))) { _ in true }
    guard current ?? false else { return false }
    // Somebody who drops the tables, and not the row that says they are current, gets them back too.
    let objects = try connection.prepare("SELECT count(*) FROM sqlite_schema WHERE name GLOB ?")
      .first(.text("p_\(projection.name)_*")) { try $0.integer(0) }
    return objects ?? 0 >= Int64(projection.schema.count)
  }

  private func rebuild(_ projection: Projection, reader: LogReader, size: UInt64) throws {
    try connection.transaction {
      try drop(projection.name)
      for statement in projection.schema { try connection.execute(statement) }
      // A crash in the middle leaves a version that never matches, so the rebuild starts over.
      try connection.prepare("INSERT OR REPLACE INTO projections(name, version, through) VALUES (?, -1, 0)")
        .run(.text(projection.name))
    }
    var next: UInt64 = 0
    while next < size {
      let end = min(next + Self.rebuildStep, size)
      try connection.transaction {
        try reader.forEachEntry(in: next..<end) { try projection.apply($0, connection) }
      }
      next = end
      try connection.checkpointWAL(.passive)
    }
    try connection.transaction { try record(projection, through: size) }
  }

  private func drop(_ name: String) throws {
    var objects: [(kind: String, name: String)] = []
    try connection.prepare("SELECT type, name FROM sqlite_schema WHERE name GLOB ? AND type IN ('table', 'view')")
      .forEachRow([.text("p_\(name)_*")]) { row in
        objects.append((try row.text(0), try row.text(1)))
        return true
      }
    for object in objects {
      let quoted = object.name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
      try connection.execute("DROP \(object.kind) \"\(quoted)\"")
    }
  }

  private func record(_ projection: Projection, through size: UInt64) throws {
    try connection.statement("INSERT OR REPLACE INTO projections(name, version, through) VALUES (?, ?, ?)")
      .run(.text(projection.name), .integer(projection.version), .integer(Int64(size)))
  }
}
