/// A set of byte offsets: sorted ranges that neither overlap nor touch.
public struct ByteRanges: Sendable, Hashable {
  public private(set) var ranges: [Range<Int>] = []

  /// No bytes.
  public init() {}

  /// The bytes of any ranges, in any order.
  public init(_ ranges: some Sequence<Range<Int>>) {
    for range in ranges { insert(range) }
  }

  /// How many bytes.
  public var count: Int { ranges.reduce(0) { $0 + $1.count } }

  public var isEmpty: Bool { ranges.isEmpty }

  /// Where the run of bytes ends that begins at offset 0; 0 when byte 0 is missing.
  public var prefixEnd: Int { ranges.first.map { $0.lowerBound == 0 ? $0.upperBound : 0 } ?? 0 }

  /// Adds the bytes of a range.
  public mutating func insert(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    // The usual case: bytes that follow what came last.
    if let last = ranges.indices.last, ranges[last].upperBound == range.lowerBound {
      ranges[last] = ranges[last].lowerBound..<range.upperBound
      return
    }
    let first = ranges.firstIndex { $0.upperBound >= range.lowerBound } ?? ranges.endIndex
    let end = ranges[first...].firstIndex { $0.lowerBound > range.upperBound } ?? ranges.endIndex
    var merged = range
    if first < end {
      merged =
        min(range.lowerBound, ranges[first].lowerBound)..<max(range.upperBound, ranges[end - 1].upperBound)
    }
    ranges.replaceSubrange(first..<end, with: [merged])
  }

  /// Whether any byte of the range is in the set.
  public func overlaps(_ range: Range<Int>) -> Bool { ranges.contains { $0.overlaps(range) } }

  /// The parts of `0..<size` that are not in the set.
  public func gaps(upTo size: Int) -> [Range<Int>] {
    var gaps: [Range<Int>] = []
    var offset = 0
    for range in ranges where offset < size {
      if range.lowerBound > offset { gaps.append(offset..<min(size, range.lowerBound)) }
      offset = max(offset, range.upperBound)
    }
    if offset < size { gaps.append(offset..<size) }
    return gaps
  }
}
