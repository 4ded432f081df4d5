import Cryptography
import TransparencyLog

/// A log that is served as C2SP tlog-tiles: `checkpoint`, `tile/<level>/...`, `tile/entries/...`. All that an auditor needs
/// of a running box; whatever fetches the bytes is the caller's.
public final class TiledLogSource: AuditSource {
  /// The bytes of a resource below the log's prefix, such as `checkpoint` or `tile/0/000`; nil when there is none.
  public typealias Fetch = (_ path: String) throws -> [UInt8]?

  private let fetch: Fetch
  private let newest: SignedCheckpoint
  private var bundle: (number: UInt64, entries: [[UInt8]])?

  /// Fetches the newest checkpoint; the source then stays at it, so that all it gives is of one state of the log.
  public init(fetch: @escaping Fetch) throws {
    self.fetch = fetch
    guard let note = try fetch("checkpoint") else { throw AuditSourceFailure.missing("a checkpoint") }
    newest = try SignedCheckpoint(parsing: note)
  }

  public func latestCheckpoint() -> SignedCheckpoint? { newest.checkpoint.size == 0 ? nil : newest }

  /// Only the newest is served.
  public func checkpoints(sizes: ClosedRange<UInt64>, limit: Int) -> [SignedCheckpoint] {
    newest.checkpoint.size >= sizes.upperBound ? [newest] : []
  }

  public func entryBytes(from first: UInt64, limit: Int) throws -> [[UInt8]] {
    let size = newest.checkpoint.size
    var found: [[UInt8]] = []
    var next = first
    while next < size, found.count < limit {
      let entries = try bundle(number: next / UInt64(TilePath.fullWidth), size: size)
      let part = entries.dropFirst(Int(next % UInt64(TilePath.fullWidth))).prefix(limit - found.count)
      guard !part.isEmpty else { throw AuditSourceFailure.missing("entry \(next)") }
      found += part
      next += UInt64(part.count)
    }
    return found
  }

  public func hashTile(_ path: TilePath) throws -> [UInt8] { try resource(path) }

  private func bundle(number: UInt64, size: UInt64) throws -> [[UInt8]] {
    if let bundle, bundle.number == number { return bundle.entries }
    let width = TileLayout.width(level: 0, index: number, size: size)
    guard let path = TilePath(.entries, index: number, width: width) else {
      throw AuditSourceFailure.missing("bundle \(number)")
    }
    let entries = try EntryBundle(parsing: resource(path), width: width).entries
    bundle = (number, entries)
    return entries
  }

  /// A partial tile that has filled up meanwhile may no longer be served; the full one begins with the same hashes.
  private func resource(_ path: TilePath) throws -> [UInt8] {
    if let bytes = try fetch(path.path) { return bytes }
    guard path.isPartial, let full = TilePath(path.content, index: path.index), let bytes = try fetch(full.path) else {
      throw AuditSourceFailure.missing("\(path)")
    }
    switch path.content {
    case .hashes: return Array(bytes.prefix(32 * path.width))
    case .entries:
      let entries = try EntryBundle(parsing: bytes, width: TilePath.fullWidth).entries
      return try EntryBundle(entries: Array(entries.prefix(path.width))).bytes
    }
  }
}
