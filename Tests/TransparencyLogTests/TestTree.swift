import Cryptography
import TransparencyLog

/// Every complete node of a tree, in memory, and the definitions of RFC 6962 written down word for word: what the
/// production code is held against.
struct TestTree: HashReader {
  struct Missing: Error {}
  private(set) var leaves: [SHA256Digest] = []
  private(set) var frontier = Frontier()
  private var levels: [[SHA256Digest]] = []

  init(count: UInt64, entry: (UInt64) -> [UInt8] = generatedEntry) {
    for index in 0..<count { append(entry(index)) }
  }

  mutating func append(_ entry: [UInt8]) {
    let leaf = MerkleTree.leafHash(entry)
    leaves.append(leaf)
    frontier.append(leafHash: leaf) { level, index, hash in
      if level == levels.count { levels.append([]) }
      precondition(levels[level].count == Int(index), "nodes complete in order")
      levels[level].append(hash)
    }
  }

  var size: UInt64 { UInt64(leaves.count) }

  func hash(level: Int, index: UInt64) throws -> SHA256Digest {
    guard level < levels.count, index < UInt64(levels[level].count) else { throw Missing() }
    return levels[level][Int(index)]
  }

  /// MTH(D[low:high]) of RFC 6962 section 2.1, by its recursive definition.
  func definedHash(_ low: Int, _ high: Int) -> SHA256Digest {
    if low == high { return SHA256.hash([UInt8]()) }
    if high - low == 1 { return leaves[low] }
    let split = low + largestPowerOfTwo(below: high - low)
    return SHA256.hash([0x01] + definedHash(low, split).bytes + definedHash(split, high).bytes)
  }

  /// PATH(m, D[low:high]) of RFC 6962 section 2.1.1.
  func definedPath(_ index: Int, _ low: Int, _ high: Int) -> [SHA256Digest] {
    if high - low == 1 { return [] }
    let split = low + largestPowerOfTwo(below: high - low)
    return index < split
      ? definedPath(index, low, split) + [definedHash(split, high)]
      : definedPath(index, split, high) + [definedHash(low, split)]
  }

  /// SUBPROOF(m, D[low:high], whole) of RFC 6962 section 2.1.2.
  func definedConsistency(_ old: Int, _ low: Int, _ high: Int, whole: Bool = true) -> [SHA256Digest] {
    if old == high { return whole ? [] : [definedHash(low, high)] }
    let split = low + largestPowerOfTwo(below: high - low)
    return old <= split
      ? definedConsistency(old, low, split, whole: whole) + [definedHash(split, high)]
      : definedConsistency(old, split, high, whole: false) + [definedHash(low, split)]
  }

  /// The tile resources of this tree, by path.
  func resources(entry: (UInt64) -> [UInt8] = generatedEntry) throws -> [String: [UInt8]] {
    var resources: [String: [UInt8]] = [:]
    for path in TileLayout.resources(growingFrom: 0, to: size) {
      resources[path.path] = try bytes(of: path, entry: entry)
    }
    return resources
  }

  func bytes(of path: TilePath, entry: (UInt64) -> [UInt8] = generatedEntry) throws -> [UInt8] {
    let first = path.index * 256
    let range = first..<(first + UInt64(path.width))
    switch path.content {
    case .entries: return try EntryBundle(entries: range.map(entry)).bytes
    case .hashes(let level): return try range.flatMap { try hash(level: 8 * level, index: $0).bytes }
    }
  }

  private func largestPowerOfTwo(below count: Int) -> Int {
    var power = 1
    while power * 2 < count { power *= 2 }
    return power
  }
}
