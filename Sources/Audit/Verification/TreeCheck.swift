import Cryptography
import TransparencyLog

/// Hashes the tree twice: over the entries, and over the leaf hashes that stand beside them. Which of the two leads to the
/// signed root says what was tampered with.
struct TreeCheck {
  /// The root after so many leaves.
  struct Roots {
    var entries: SHA256Digest?
    var leaves: SHA256Digest?
  }

  /// By tree size.
  private(set) var roots: [UInt64: Roots] = [:]
  /// The place of each bundle's first entry, and the number of entries.
  private(set) var starts: [UInt64] = [0]
  private(set) var entryCount: UInt64 = 0
  private(set) var leafCount: UInt64 = 0
  /// Some leaf hash is not that of the entry in its place, or there are more of one than of the other.
  private(set) var differs = false

  private let material: any AuditMaterial
  private let sizes: Set<UInt64>
  private var entryTree: Frontier
  /// Differs from `entryTree` only once `differs`: until then there is one tree to compute.
  private var leafTree: Frontier
  private var leaves: [SHA256Digest] = []
  private var leafPosition = 0
  private var leafNumber = 0

  /// - Parameters:
  ///   - before: The tree before the first entry.
  ///   - sizes: The tree sizes whose roots are wanted.
  init(_ material: any AuditMaterial, before: Frontier, sizes: Set<UInt64>, faults: inout FaultList) throws {
    self.material = material
    self.sizes = sizes
    entryTree = before
    leafTree = before
    for number in 0..<material.bundleCount {
      let bundle = try material.bundle(number)
      if let damage = bundle.damage { faults.add("entries.bundle", file: material.bundleName(number), damage) }
      starts.append(entryCount + UInt64(bundle.entries.count))
      for bytes in bundle.entries {
        let leaf = try nextLeaf(&faults)
        add(MerkleTree.leafHash(bytes), leaf)
      }
    }
    while let leaf = try nextLeaf(&faults) {
      diverge()
      leafCount += 1
      leafTree.append(leafHash: leaf)
      noteLeaves()
    }
  }

  private mutating func add(_ hash: SHA256Digest, _ leaf: SHA256Digest?) {
    let hasLeaves = material.leafBundleCount != nil
    if hasLeaves, leaf != hash { diverge() }
    entryTree.append(leafHash: hash)
    entryCount += 1
    let root = sizes.contains(entryTree.size) ? entryTree.root : nil
    if let root { roots[entryTree.size, default: Roots()].entries = root }
    guard let leaf else { return }
    leafCount += 1
    if differs {
      leafTree.append(leafHash: leaf)
      noteLeaves()
    } else if let root {
      roots[entryTree.size]?.leaves = root
    }
  }

  private mutating func diverge() {
    if !differs { leafTree = entryTree }
    differs = true
  }

  private mutating func noteLeaves() {
    if sizes.contains(leafTree.size) { roots[leafTree.size, default: Roots()].leaves = leafTree.root }
  }

  private mutating func nextLeaf(_ faults: inout FaultList) throws -> SHA256Digest? {
    guard let count = material.leafBundleCount else { return nil }
    while leafPosition == leaves.count {
      guard leafNumber < count else { return nil }
      let bundle = try material.leafBundle(leafNumber)
      if let damage = bundle.damage { faults.add("leaves.form", file: material.leafBundleName(leafNumber), damage) }
      leaves = bundle.hashes
      leafPosition = 0
      leafNumber += 1
    }
    defer { leafPosition += 1 }
    return leaves[leafPosition]
  }
}
