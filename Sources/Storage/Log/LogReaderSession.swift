import Cryptography
import TransparencyLog

/// A read-only connection with its statements, used by one thread at a time.
///
/// Unchecked: `LogReader` lends a session to one call and takes it back, and SQLite allows a connection to move between
/// threads as long as no two use it at once.
final class LogReaderSession: @unchecked Sendable {
  let connection: SQLiteConnection
  let entry: SQLiteStatement
  let checkpoint: SQLiteStatement
  let coveringCheckpoint: SQLiteStatement
  let checkpointsFrom: SQLiteStatement
  private let head: SQLiteStatement
  private let latest: SQLiteStatement
  private let entryRange: SQLiteStatement
  private let tile: SQLiteStatement
  /// Hashes for the tree size asked for last: proofs come in runs of one size.
  private var hashReader: TileHashReader?

  init(directory: Directory, vfs: String?) throws {
    connection = try LogDatabase.openReader(in: directory, vfs: vfs)
    entry = try connection.prepare("SELECT bytes FROM entries WHERE idx = ?")
    checkpoint = try connection.prepare("SELECT note FROM checkpoints WHERE size = ?")
    coveringCheckpoint = try connection.prepare(
      "SELECT note FROM checkpoints WHERE size > ? ORDER BY size LIMIT 1")
    checkpointsFrom = try connection.prepare("SELECT note FROM checkpoints WHERE size >= ? ORDER BY size LIMIT ?")
    head = try connection.prepare("SELECT size, origin, frontier FROM head")
    latest = try connection.prepare("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")
    entryRange = try connection.prepare("SELECT idx, bytes FROM entries WHERE idx >= ? ORDER BY idx LIMIT ?")
    tile = try connection.prepare("SELECT hashes FROM tiles WHERE key = ?")
  }

  func size() throws -> UInt64 {
    guard let size = try head.first(body: { try $0.integer(0) }), size >= 0 else { throw LogSchema.Failure.missingHead }
    return UInt64(size)
  }

  func origin() throws -> String {
    guard let origin = try head.first(body: { try $0.text(1) }) else { throw LogSchema.Failure.missingHead }
    return origin
  }

  /// The stored frontier; nil when it does not parse.
  func frontier() throws -> Frontier? {
    guard let bytes = try head.first(body: { try $0.blob(2) }) else { throw LogSchema.Failure.missingHead }
    return Frontier(encoded: bytes)
  }

  func latestCheckpoint() throws -> SignedCheckpoint? {
    try latest.first { try $0.blob(0) }.map(SignedCheckpoint.init(parsing:))
  }

  /// How many entries there are and the highest index, straight from the table.
  func lastEntryIndex() throws -> Int64? {
    try connection.prepare("SELECT max(idx) FROM entries WHERE idx IS NOT NULL")
      .first { $0.isNull(0) ? nil : try $0.integer(0) } ?? nil
  }

  func entries(from first: UInt64, limit: Int) throws -> [StoredEntry] {
    guard let row = Int64(exactly: first) else { return [] }
    var found: [StoredEntry] = []
    try entryRange.forEachRow([.integer(row), .integer(Int64(limit))]) { row in
      found.append(StoredEntry(index: UInt64(try row.integer(0)), bytes: try row.blob(1)))
      return true
    }
    return found
  }

  /// Runs `body` in one read transaction.
  func snapshot<Result>(_ body: () throws -> Result) throws -> Result {
    try connection.execute("BEGIN")
    defer { try? connection.execute("COMMIT") }
    return try body()
  }

  /// The hashes of the tree of `size` leaves.
  func hashes(size: UInt64) throws -> TileHashReader {
    if let hashReader, hashReader.size == size { return hashReader }
    let available = try self.size()
    guard size <= available else { throw LogReader.Failure.noTree(size: size, available: available) }
    let made = TileHashReader(size: size) { [unowned self] path in
      guard let bytes = try self.resource(path) else { throw LogReader.Failure.damaged("\(path) is missing") }
      return bytes
    }
    hashReader = made
    return made
  }

  /// The bytes of a tile or bundle; nil when the log does not reach that far.
  func resource(_ path: TilePath) throws -> [UInt8]? {
    let size = try size()
    switch path.content {
    case .entries:
      guard TileLayout.width(level: 0, index: path.index, size: size) >= path.width else { return nil }
      return try EntryBundle(entries: bundle(path).map(\.bytes)).bytes
    case .hashes(let level):
      guard TileLayout.width(level: level, index: path.index, size: size) >= path.width else { return nil }
      let isStored = level > 0 || TileLayout.fullTiles(level: 0, size: size) > path.index
      guard isStored else {
        // The growing tile of level 0 is not stored: its hashes are those of the last entries.
        return try bundle(path).flatMap { $0.leafHash.bytes }
      }
      guard let hashes = try storedTile(level: level, number: path.index), hashes.count >= 32 * path.width else {
        throw LogReader.Failure.damaged("\(path) is missing")
      }
      return Array(hashes.prefix(32 * path.width))
    }
  }

  /// A row of `tiles`, or nil.
  func storedTile(level: Int, number: UInt64) throws -> [UInt8]? {
    try tile.first(LogSchema.tileKey(level: level, number: number)) { try $0.blob(0) }
  }

  private func bundle(_ path: TilePath) throws -> [StoredEntry] {
    let first = path.index * UInt64(TilePath.fullWidth)
    let found = try entries(from: first, limit: path.width)
    guard found.count == path.width, found.last?.index == first + UInt64(path.width) - 1 else {
      throw LogReader.Failure.damaged("entries \(first)..<\(first + UInt64(path.width)) are not all there")
    }
    return found
  }
}
