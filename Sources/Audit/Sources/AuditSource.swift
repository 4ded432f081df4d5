import Cryptography
import Storage
import TransparencyLog

/// A log that can be audited: a data directory, or a running box over HTTP. Nothing that it says is trusted.
///
/// Calls block the calling thread.
public protocol AuditSource {
  /// The newest checkpoint; nil for an empty log.
  func latestCheckpoint() throws -> SignedCheckpoint?

  /// Checkpoints with sizes in `sizes`, ascending, at most `limit`, spread evenly; the first and the last that there are
  /// and the one that covers the end are always among them.
  func checkpoints(sizes: ClosedRange<UInt64>, limit: Int) throws -> [SignedCheckpoint]

  /// Up to `limit` entries from `first` on, as stored; fewer only at the end of the log.
  func entryBytes(from first: UInt64, limit: Int) throws -> [[UInt8]]

  /// A tile of hashes (C2SP tlog-tiles).
  func hashTile(_ path: TilePath) throws -> [UInt8]
}

/// What a source cannot give.
public enum AuditSourceFailure: Error, Hashable, CustomStringConvertible {
  case empty
  case range(Range<UInt64>, size: UInt64)
  case missing(String)

  public var description: String {
    switch self {
    case .empty: "the log has no entries"
    case .range(let range, let size):
      "entries \(range.lowerBound)..<\(range.upperBound) are not all in a log of \(size), or there are none"
    case .missing(let what): "the log does not give \(what)"
    }
  }
}

extension AuditSource {
  /// The hashes of the tree of `size` leaves, out of tiles.
  func hashes(size: UInt64) -> TileHashReader { TileHashReader(size: size) { try hashTile($0) } }
}

extension LogReader: AuditSource {
  public func checkpoints(sizes: ClosedRange<UInt64>, limit: Int) throws -> [SignedCheckpoint] {
    var found: [SignedCheckpoint] = []
    // The first checkpoint that covers each of `limit` evenly spaced entries; with few entries that is every one.
    let count = sizes.upperBound - sizes.lowerBound + 1
    let steps = min(UInt64(max(2, limit)), count)
    for step in 0..<steps {
      // Multiplied in full width: sizes and steps are both below 2^64.
      let wide = (count - 1).multipliedFullWidth(by: step)
      let offset = steps == 1 ? 0 : (steps - 1).dividingFullWidth(wide).quotient
      let size = sizes.lowerBound + offset
      if let last = found.last, last.checkpoint.size >= size { continue }
      guard let next = try checkpoint(covering: size - 1) else { break }
      if next.checkpoint.size != found.last?.checkpoint.size { found.append(next) }
    }
    return found
  }

  public func entryBytes(from first: UInt64, limit: Int) throws -> [[UInt8]] {
    let stored = try entries(from: first, limit: limit)
    for (offset, entry) in stored.enumerated() where entry.index != first + UInt64(offset) {
      throw AuditSourceFailure.missing("entry \(first + UInt64(offset))")
    }
    return stored.map(\.bytes)
  }

  public func hashTile(_ path: TilePath) throws -> [UInt8] {
    guard let found = try tile(path) else { throw AuditSourceFailure.missing("\(path)") }
    return found
  }
}
