/// A bundle of up to 256 entries, each behind its length as two octets, big-endian (C2SP tlog-tiles, "Log entries").
public struct EntryBundle: Sendable, Hashable {
  /// The longest entry that the length prefix can carry.
  public static let maximumEntryLength = 65_535

  public enum Failure: Error, Hashable, CustomStringConvertible {
    case count(expected: ClosedRange<Int>, actual: Int)
    case entryTooLong(position: Int, bytes: Int)
    /// The bundle ends inside the entry at this position.
    case truncated(position: Int)
    /// Octets follow the last entry.
    case trailing(bytes: Int)

    public var description: String {
      switch self {
      case .count(let expected, let actual):
        "expected \(expected.lowerBound) to \(expected.upperBound) entries, found \(actual)"
      case .entryTooLong(let position, let bytes):
        "entry \(position) has \(bytes) bytes, the limit is \(EntryBundle.maximumEntryLength)"
      case .truncated(let position): "the bundle ends inside entry \(position)"
      case .trailing(let bytes): "\(bytes) bytes follow the last entry"
      }
    }
  }

  /// 1...256 entries.
  public let entries: [[UInt8]]

  public init(entries: [[UInt8]]) throws(Failure) {
    guard (1...TilePath.fullWidth).contains(entries.count) else {
      throw .count(expected: 1...TilePath.fullWidth, actual: entries.count)
    }
    for (position, entry) in entries.enumerated() where entry.count > Self.maximumEntryLength {
      throw .entryTooLong(position: position, bytes: entry.count)
    }
    self.entries = entries
  }

  /// Reads a bundle that must hold exactly `width` entries and nothing after them.
  public init(parsing bytes: [UInt8], width: Int) throws(Failure) {
    guard (1...TilePath.fullWidth).contains(width) else {
      throw .count(expected: 1...TilePath.fullWidth, actual: width)
    }
    var entries: [[UInt8]] = []
    entries.reserveCapacity(width)
    var offset = 0
    for position in 0..<width {
      guard bytes.count - offset >= 2 else { throw .truncated(position: position) }
      let length = Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
      offset += 2
      guard bytes.count - offset >= length else { throw .truncated(position: position) }
      entries.append(Array(bytes[offset..<offset + length]))
      offset += length
    }
    guard offset == bytes.count else { throw .trailing(bytes: bytes.count - offset) }
    self.entries = entries
  }

  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entries.reduce(0) { $0 + 2 + $1.count })
    for entry in entries {
      bytes.append(UInt8(truncatingIfNeeded: entry.count >> 8))
      bytes.append(UInt8(truncatingIfNeeded: entry.count))
      bytes.append(contentsOf: entry)
    }
    return bytes
  }
}
