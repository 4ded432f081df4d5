import Cryptography

/// Holds the entries that were found against the leaves that were signed: which entry was altered, removed, inserted,
/// moved or doubled. Works on a window of both, so that memory does not grow with the log.
struct LeafAlignment {
  /// Neighbours that stand where they belong: leaves from `leaf` on are the entries from `place` on.
  struct Run: Equatable {
    var leaf: UInt64
    var place: UInt64
    var count: UInt64
  }

  enum Difference: Equatable {
    case altered(leaf: UInt64, place: UInt64)
    case removed(leaf: UInt64)
    /// Stands before the leaf `before`, where nothing of the log belongs.
    case inserted(place: UInt64, before: UInt64)
    /// The entry of `leaf` stands before the leaf `before`.
    case moved(leaf: UInt64, place: UInt64, before: UInt64)
    /// The entry of `leaf` stands in its place, and once more before the leaf `before`.
    case doubled(leaf: UInt64, place: UInt64, before: UInt64)

    /// The place in the log at which it shows.
    var index: UInt64 {
      switch self {
      case .altered(let leaf, _), .removed(let leaf), .moved(let leaf, _, _): leaf
      case .inserted(_, let before), .doubled(_, _, let before): before
      }
    }
  }

  private(set) var runs: [Run] = []
  /// By index.
  private(set) var differences: [Difference] = []
  /// Leaves and entries beyond the bound, which are not told apart.
  private(set) var untold: UInt64 = 0

  /// Where the entry of a leaf was found, if not in a run: altered and moved ones.
  private(set) var elsewhere: [UInt64: UInt64] = [:]

  /// How far ahead an entry is looked for.
  static let window = 2048
  /// Leaves without entry and entries without leaf that are told apart.
  static let maxGaps = 10_000

  private struct Gap {
    var leaves: [(index: UInt64, hash: SHA256Digest)] = []
    var entries: [(place: UInt64, hash: SHA256Digest)] = []
    /// The leaf before which the entries stand.
    var before: UInt64
  }

  private var gaps: [Gap] = []
  private var gapSize = 0
  private var leafIndex: UInt64
  private var place: UInt64 = 0
  private var leaves: ArraySlice<SHA256Digest> = []
  private var entries: ArraySlice<SHA256Digest> = []

  typealias Hashes = () throws -> BundleCursor<SHA256Digest>

  /// - Parameter first: The index of the first leaf. Leaves and entries are each gone through twice at most.
  init(first: UInt64, leaves makeLeaves: Hashes, entries makeEntries: Hashes) throws {
    leafIndex = first
    var leafCursor = try makeLeaves()
    var entryCursor = try makeEntries()
    while true {
      try Self.fill(&leaves, from: &leafCursor, count: 1)
      try Self.fill(&entries, from: &entryCursor, count: 1)
      guard let leaf = leaves.first, let entry = entries.first else { break }
      if leaf == entry {
        match()
        continue
      }
      try Self.fill(&leaves, from: &leafCursor, count: Self.window)
      try Self.fill(&entries, from: &entryCursor, count: Self.window)
      let (leafCount, entryCount) = Self.nextCommon(leaves, entries)
      skip(leaves: leafCount, entries: entryCount)
    }
    // One of the two is at its end.
    while !leaves.isEmpty || !entries.isEmpty {
      skip(leaves: leaves.count, entries: entries.count)
      try Self.fill(&leaves, from: &leafCursor, count: Self.window)
      try Self.fill(&entries, from: &entryCursor, count: Self.window)
    }
    try classify(first: first, makeLeaves)
  }

  private static func fill(
    _ buffer: inout ArraySlice<SHA256Digest>, from cursor: inout BundleCursor<SHA256Digest>, count: Int
  ) throws {
    while buffer.count < count, let hash = try cursor.next() { buffer.append(hash) }
  }

  /// How many leaves and entries to skip, as few as possible, until both go on with the same hash.
  private static func nextCommon(
    _ leaves: ArraySlice<SHA256Digest>, _ entries: ArraySlice<SHA256Digest>
  ) -> (leaves: Int, entries: Int) {
    var positions: [SHA256Digest: Int] = [:]
    for (offset, hash) in leaves.enumerated() where positions[hash] == nil { positions[hash] = offset }
    var best: (leaves: Int, entries: Int)?
    for (offset, hash) in entries.enumerated() {
      if let best, offset >= best.leaves + best.entries { break }
      guard let position = positions[hash] else { continue }
      if let found = best, position + offset >= found.leaves + found.entries { continue }
      best = (position, offset)
    }
    return best ?? (leaves.count, entries.count)
  }

  private mutating func match() {
    if let last = runs.last, last.leaf + last.count == leafIndex, last.place + last.count == place {
      runs[runs.count - 1].count += 1
    } else {
      runs.append(Run(leaf: leafIndex, place: place, count: 1))
    }
    leaves.removeFirst()
    entries.removeFirst()
    leafIndex += 1
    place += 1
  }

  private mutating func skip(leaves leafCount: Int, entries entryCount: Int) {
    var gap = Gap(before: leafIndex + UInt64(leafCount))
    for _ in 0..<leafCount {
      gap.leaves.append((leafIndex, leaves.removeFirst()))
      leafIndex += 1
    }
    for _ in 0..<entryCount {
      gap.entries.append((place, entries.removeFirst()))
      place += 1
    }
    if gapSize + leafCount + entryCount <= Self.maxGaps {
      gapSize += leafCount + entryCount
      gaps.append(gap)
    } else {
      untold += UInt64(leafCount + entryCount)
    }
  }

  private mutating func classify(first: UInt64, _ makeLeaves: Hashes) throws {
    // An entry without leaf whose hash a leaf without entry has was moved.
    var missing: [SHA256Digest: [UInt64]] = [:]
    for gap in gaps { for leaf in gap.leaves { missing[leaf.hash, default: []].append(leaf.index) } }
    var foundLeaves: Set<UInt64> = []
    var left: [Gap] = []
    var strangers: Set<SHA256Digest> = []
    for var gap in gaps {
      gap.entries.removeAll { entry in
        guard var indices = missing[entry.hash], !indices.isEmpty else { return false }
        let leaf = indices.removeFirst()
        missing[entry.hash] = indices
        foundLeaves.insert(leaf)
        elsewhere[leaf] = entry.place
        differences.append(.moved(leaf: leaf, place: entry.place, before: gap.before))
        return true
      }
      strangers.formUnion(gap.entries.map(\.hash))
      left.append(gap)
    }
    let originals = try strangers.isEmpty ? [:] : Self.indices(of: strangers, first: first, makeLeaves)
    for var gap in left {
      gap.leaves.removeAll { foundLeaves.contains($0.index) }
      gap.entries.removeAll { entry in
        guard let leaf = originals[entry.hash] else { return false }
        differences.append(.doubled(leaf: leaf, place: entry.place, before: gap.before))
        return true
      }
      // What is left of both stands in each other's place.
      for (leaf, entry) in zip(gap.leaves, gap.entries) {
        elsewhere[leaf.index] = entry.place
        differences.append(.altered(leaf: leaf.index, place: entry.place))
      }
      differences += gap.leaves.dropFirst(gap.entries.count).map { .removed(leaf: $0.index) }
      differences += gap.entries.dropFirst(gap.leaves.count).map { .inserted(place: $0.place, before: gap.before) }
    }
    differences.sort { $0.index < $1.index }
  }

  /// The first leaf with each of these hashes.
  private static func indices(
    of hashes: Set<SHA256Digest>, first: UInt64, _ makeLeaves: Hashes
  ) throws -> [SHA256Digest: UInt64] {
    var found: [SHA256Digest: UInt64] = [:]
    var cursor = try makeLeaves()
    var index = first
    while let hash = try cursor.next() {
      if hashes.contains(hash), found[hash] == nil { found[hash] = index }
      index += 1
    }
    return found
  }
}
