public import Storage

/// Where entries come from. Calls block for as long as a local database reads.
public protocol EntrySource: Sendable {
  /// How many entries there are.
  func size() throws -> UInt64
  /// Those of the range that exist, in order from its lower bound, without gaps.
  func entries(in range: Range<UInt64>) throws -> [StoredEntry]
  /// The signed note of the first checkpoint that covers the entry, or nil when the log is not that long.
  func checkpoint(covering index: UInt64) throws -> [UInt8]?
}

/// The box's own log. Readers see only what is committed and never hold up the writer.
public struct LogEntrySource: EntrySource {
  private let reader: LogReader

  public init(_ reader: LogReader) { self.reader = reader }

  public func size() throws -> UInt64 { try reader.size() }

  public func entries(in range: Range<UInt64>) throws -> [StoredEntry] {
    try reader.entries(from: range.lowerBound, limit: range.count)
  }

  public func checkpoint(covering index: UInt64) throws -> [UInt8]? {
    try reader.checkpoint(covering: index)?.note.bytes
  }
}
