import Cryptography
import TransparencyLog

/// Computes everything that is derived from the entries once more, from the entries alone.
public enum TreeRebuild {
  /// Something stored that the entries do not give.
  public enum Fault: Sendable, Hashable, CustomStringConvertible {
    case tile(level: Int, number: UInt64)
    case tileMissing(level: Int, number: UInt64)
    /// A tile that no tree of this size has.
    case tileSurplus(key: Int64)
    case frontier
    case checkpoint(size: UInt64, stored: SHA256Digest, recomputed: SHA256Digest)
    /// A checkpoint over more entries than there are.
    case checkpointBeyondLog(size: UInt64)

    public var description: String {
      switch self {
      case .tile(let level, let number): "tile \(number) of level \(level) differs from the entries"
      case .tileMissing(let level, let number): "tile \(number) of level \(level) is missing"
      case .tileSurplus(let key): "tile with key \(key) belongs to no tree of this size"
      case .frontier: "the stored frontier differs from the entries"
      case .checkpoint(let size, let stored, let recomputed):
        "the checkpoint of size \(size) is over root \(stored), the entries give \(recomputed)"
      case .checkpointBeyondLog(let size): "a checkpoint covers \(size) entries, which the log does not have"
      }
    }
  }

  /// What a check found.
  public struct Report: Sendable {
    /// Number of entries read.
    public let size: UInt64
    /// Their root.
    public let root: SHA256Digest
    /// Number of checkpoints whose roots were compared.
    public let checkpoints: Int
    /// In the order in which they were found; empty when all is well.
    public let faults: [Fault]
  }

  /// Reads every entry, tile and checkpoint and compares. Signatures are not verified here.
  public static func check(_ reader: LogReader) throws -> Report {
    try reader.use { session in
      try session.snapshot {
        let size = try session.size()
        var faults: [Fault] = []
        var checkpoints = CheckpointCursor(session)
        var compared = 0
        var edge = TreeEdge()
        var tiles = 0
        let examine = { (tile: TreeEdge.ChangedTile) in
          tiles += 1
          guard let stored = try session.storedTile(level: tile.level, number: tile.number) else {
            faults.append(.tileMissing(level: tile.level, number: tile.number))
            return
          }
          if stored != Tile(hashes: tile.hashes)?.bytes {
            faults.append(.tile(level: tile.level, number: tile.number))
          }
        }
        try forEachLeaf(session, size: size) { leaf in
          edge.append(leafHash: leaf)
          if let signed = try checkpoints.next(size: edge.size) {
            compared += 1
            let root = try edge.frontier().root
            if signed.root != root {
              faults.append(.checkpoint(size: edge.size, stored: signed.root, recomputed: root))
            }
          }
          if edge.size % UInt64(TilePath.fullWidth) == 0 {
            for tile in edge.changedTiles() where tile.hashes.count == TilePath.fullWidth { try examine(tile) }
            edge.beginBatch()
          }
        }
        for tile in edge.growingTiles() { try examine(tile) }
        if let beyond = try checkpoints.rest() { faults.append(.checkpointBeyondLog(size: beyond)) }
        faults.append(contentsOf: try surplus(session, size: size, expected: tiles))
        if try session.frontier() != edge.frontier() { faults.append(.frontier) }
        return Report(size: size, root: try edge.frontier().root, checkpoints: compared, faults: faults)
      }
    }
  }

  /// Replaces all tiles and the frontier by what the entries give. Returns the root; the caller compares it with the
  /// signed one, which the start-up gate does.
  static func run(_ connection: SQLiteConnection, reader: LogReader) throws -> SHA256Digest {
    try connection.transaction {
      try connection.execute("DELETE FROM tiles")
      let insert = try connection.prepare("INSERT INTO tiles(key, hashes) VALUES (?, ?)")
      let write = { (tile: TreeEdge.ChangedTile) in
        guard let bytes = Tile(hashes: tile.hashes)?.bytes else { return }
        try insert.run(LogSchema.tileKey(level: tile.level, number: tile.number), .blob(bytes))
      }
      var edge = TreeEdge()
      try reader.use { session in
        try forEachLeaf(session, size: session.size()) { leaf in
          edge.append(leafHash: leaf)
          guard edge.size % UInt64(TilePath.fullWidth) == 0 else { return }
          for tile in edge.changedTiles() where tile.hashes.count == TilePath.fullWidth { try write(tile) }
          edge.beginBatch()
        }
      }
      for tile in edge.growingTiles() { try write(tile) }
      let frontier = try edge.frontier()
      try connection.prepare("UPDATE head SET frontier = ? WHERE size = ?")
        .run(.blob(frontier.encoded), .integer(Int64(edge.size)))
      guard connection.changes == 1 else { throw LogReader.Failure.damaged("the entries do not end at the head") }
      return frontier.root
    }
  }

  private static func forEachLeaf(
    _ session: LogReaderSession, size: UInt64, _ body: (SHA256Digest) throws -> Void
  ) throws {
    var next: UInt64 = 0
    while next < size {
      let page = try session.entries(from: next, limit: Int(min(512, size - next)))
      guard !page.isEmpty else { throw LogReader.Failure.damaged("entry \(next) is missing") }
      for entry in page {
        guard entry.index == next else { throw LogReader.Failure.damaged("entry \(next) is missing") }
        try body(entry.leafHash)
        next += 1
      }
    }
  }

  /// Tiles beyond those that were expected, by count first: almost always there are none.
  private static func surplus(_ session: LogReaderSession, size: UInt64, expected: Int) throws -> [Fault] {
    var keys: Set<Int64> = []
    try session.connection.prepare("SELECT key FROM tiles").forEachRow { row in
      keys.insert(try row.integer(0))
      return true
    }
    guard keys.count > expected else { return [] }
    return keys.sorted().filter { key in
      let level = Int(key >> 56)
      let number = UInt64(key & ((1 << 56) - 1))
      let width = TileLayout.width(level: level, index: number, size: size)
      return key < 0 || width == 0 || (level == 0 && width < TilePath.fullWidth)
    }.map { .tileSurplus(key: $0) }
  }
}

/// Walks the checkpoints in step with the entries, a bounded number in memory.
private struct CheckpointCursor {
  private let session: LogReaderSession
  private var page: [(size: UInt64, root: SHA256Digest)] = []
  private var position = 0
  private var from: UInt64 = 0
  private var isAtEnd = false

  init(_ session: LogReaderSession) { self.session = session }

  /// The checkpoint of exactly `size`, if there is one. Sizes are asked for in ascending order.
  mutating func next(size: UInt64) throws -> (size: UInt64, root: SHA256Digest)? {
    try fill()
    guard position < page.count, page[position].size == size else { return nil }
    defer { position += 1 }
    return page[position]
  }

  /// The size of a checkpoint that was not asked for, if there is one.
  mutating func rest() throws -> UInt64? {
    try fill()
    return position < page.count ? page[position].size : nil
  }

  private mutating func fill() throws {
    guard position == page.count, !isAtEnd else { return }
    page.removeAll(keepingCapacity: true)
    position = 0
    try session.checkpointsFrom.forEachRow([.integer(Int64(from)), .integer(512)]) { row in
      let signed = try SignedCheckpoint(parsing: row.blob(0)).checkpoint
      page.append((signed.size, signed.root))
      return true
    }
    isAtEnd = page.isEmpty
    if let last = page.last { from = last.size + 1 }
  }
}
