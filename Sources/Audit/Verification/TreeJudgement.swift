import Cryptography
import TransparencyLog

/// Holds the computed roots against the signed ones, and finds which entries are not as they were signed.
struct TreeJudgement {
  /// Which entry stands at which index of the log, as far as it was found.
  enum Places {
    case asFound
    case aligned(LeafAlignment)
  }

  private(set) var places = Places.asFound
  /// Leaves to go through, from the beginning of the range.
  private(set) var leafCount: UInt64
  /// Checkpoints whose root is right.
  private(set) var confirmed = 0
  /// No entry is altered, missing or added.
  private(set) var isSound = true
  /// Checkpoints that were not looked at because the tree was wrong before.
  private(set) var unchecked = 0

  init(
    _ tree: TreeCheck, _ material: any AuditMaterial, range: Range<UInt64>, checkpoints: [Checkpoint],
    consistency: [ConsistencyProof]?, _ faults: inout FaultList
  ) throws {
    leafCount = tree.entryCount
    let anchors = Self.anchors(checkpoints, tree, range, consistency, &faults)
    let byLeaves = anchors.last.map { tree.roots[$0.size]?.leaves == $0.root } ?? false
    let byEntries = anchors.last.map { tree.roots[$0.size]?.entries == $0.root } ?? false
    judgeRoots(anchors, tree, leaves: byLeaves, entries: byEntries, range, &faults)
    if tree.entryCount != UInt64(range.count), !tree.differs {
      isSound = false
      faults.add(
        "range.count", "the archive has another number of entries than its range",
        expected: "\(range.count)", actual: "\(tree.entryCount)")
    }
    guard tree.differs else { return }
    if byEntries, !byLeaves {
      try reportLeaves(material, range, tree, &faults)
    } else {
      isSound = false
      leafCount = tree.leafCount
      try align(material, range, authenticated: byLeaves, &faults)
    }
  }

  /// What the roots at sizes within the range must be: by checkpoints, and at the end of the range by the proof that binds
  /// it to a later checkpoint.
  private static func anchors(
    _ checkpoints: [Checkpoint], _ tree: TreeCheck, _ range: Range<UInt64>, _ consistency: [ConsistencyProof]?,
    _ faults: inout FaultList
  ) -> [(size: UInt64, root: SHA256Digest)] {
    var anchors = checkpoints.filter { $0.size <= range.upperBound }.map { (size: $0.size, root: $0.root) }
    checkProof(checkpoints, consistency, &faults)
    guard let last = checkpoints.last, last.size > range.upperBound else {
      if let last = checkpoints.last, last.size < range.upperBound {
        faults.add(
          "checkpoint.coverage", file: ArchiveLayout.checkpoints, "no checkpoint covers the end of the range",
          expected: "a size of \(range.upperBound) or more", actual: "\(last.size)")
      }
      return anchors
    }
    guard anchors.last?.size != range.upperBound else { return anchors }
    let proof = consistency?.first { $0.oldSize == range.upperBound && $0.newSize == last.size }
    guard let proof else {
      faults.add(
        "consistency.missing", file: ArchiveLayout.consistency,
        "no proof from the end of the range (\(range.upperBound)) to the checkpoint of size \(last.size)")
      return anchors
    }
    // Either root may be the signed one; the one that the proof confirms is.
    let roots = tree.roots[range.upperBound]
    for root in [roots?.leaves, roots?.entries].compactMap({ $0 })
    where (try? proof.verify(oldRoot: root, newRoot: last.root)) != nil {
      anchors.append((range.upperBound, root))
      return anchors
    }
    faults.add(
      "consistency.range", file: ArchiveLayout.consistency,
      "the entries up to the end of the range do not lead to the checkpoint of size \(last.size)")
    // No root is known; nothing can equal the hash of nothing here.
    anchors.append((range.upperBound, MerkleTree.emptyRoot))
    return anchors
  }

  private static func checkProof(
    _ checkpoints: [Checkpoint], _ consistency: [ConsistencyProof]?, _ faults: inout FaultList
  ) {
    guard let consistency, let first = checkpoints.first, let last = checkpoints.last, first.size < last.size else {
      return
    }
    guard let proof = consistency.first(where: { $0.oldSize == first.size && $0.newSize == last.size }) else {
      faults.add(
        "consistency.missing", file: ArchiveLayout.consistency,
        "no proof from the checkpoint of size \(first.size) to that of size \(last.size)")
      return
    }
    do throws(ProofError) {
      try proof.verify(oldRoot: first.root, newRoot: last.root)
    } catch {
      faults.add(
        "consistency.proof", file: ArchiveLayout.consistency,
        "the log of size \(last.size) is not shown to continue that of size \(first.size): \(error)")
    }
  }

  private mutating func judgeRoots(
    _ anchors: [(size: UInt64, root: SHA256Digest)], _ tree: TreeCheck, leaves: Bool, entries: Bool,
    _ range: Range<UInt64>, _ faults: inout FaultList
  ) {
    var good = range.lowerBound
    for (position, anchor) in anchors.enumerated() {
      let roots = tree.roots[anchor.size]
      let computed = entries && !leaves ? roots?.entries : roots?.leaves ?? roots?.entries
      if computed == anchor.root {
        confirmed += 1
        good = anchor.size
        continue
      }
      if leaves || entries {
        // The last root is right, so the log is; this checkpoint signs another one.
        faults.add(
          "checkpoint.root", file: ArchiveLayout.checkpoints,
          "the checkpoint of size \(anchor.size) is not of the log that the last one signs",
          expected: computed?.hex ?? "a tree of this size", actual: anchor.root.hex)
        continue
      }
      isSound = false
      unchecked = anchors.count - position - 1
      faults.add(
        "tree.root", entry: good,
        "entries \(good)..<\(anchor.size) are not those that the box signed at size \(anchor.size)",
        expected: anchor.root == MerkleTree.emptyRoot ? "a root that a checkpoint confirms" : anchor.root.hex,
        actual: computed?.hex ?? "fewer entries")
      return
    }
  }

  /// The entries lead to the signed root, so what differs is the leaf hashes beside them.
  private func reportLeaves(
    _ material: any AuditMaterial, _ range: Range<UInt64>, _ tree: TreeCheck, _ faults: inout FaultList
  ) throws {
    var leaves = Self.leafCursor(material)
    var entries = Self.entryCursor(material)
    for index in range {
      guard let hash = try entries.next() else { return }
      let leaf = try leaves.next()
      guard leaf != hash else { continue }
      faults.add(
        "leaf.altered", entry: index, "the leaf hash beside the entry is not the entry's",
        expected: hash.hex, actual: leaf?.hex ?? "none")
    }
    if tree.leafCount > tree.entryCount {
      faults.add(
        "leaf.count", "there are more leaf hashes than entries", expected: "\(tree.entryCount)",
        actual: "\(tree.leafCount)")
    }
  }

  private mutating func align(
    _ material: any AuditMaterial, _ range: Range<UInt64>, authenticated: Bool, _ faults: inout FaultList
  ) throws {
    let alignment = try LeafAlignment(
      first: range.lowerBound, leaves: { Self.leafCursor(material) }, entries: { Self.entryCursor(material) })
    places = .aligned(alignment)
    let than = authenticated ? "signed" : "recorded in the leaf hashes, which the checkpoints do not confirm"
    for difference in alignment.differences {
      switch difference {
      case .altered(let leaf, _):
        faults.add("entry.altered", entry: leaf, "its bytes are not those that were \(than)")
      case .removed(let leaf): faults.add("entry.removed", entry: leaf, "it was \(than) and is not there")
      case .inserted(_, let before):
        faults.add("entry.inserted", entry: before, "before it stands an entry that was not \(than)")
      case .moved(let leaf, _, let before):
        faults.add("entry.moved", entry: leaf, "it stands before entry \(before)", expected: "\(leaf)")
      case .doubled(let leaf, _, let before):
        faults.add("entry.doubled", entry: before, "before it stands entry \(leaf) once more")
      }
    }
    if alignment.untold > 0 {
      faults.add("entry.differs", "\(alignment.untold) more entries and leaves do not fit each other")
    }
  }

  private static func leafCursor(_ material: any AuditMaterial) -> BundleCursor<SHA256Digest> {
    BundleCursor(count: material.leafBundleCount ?? 0) { try material.leafBundle($0).hashes }
  }

  private static func entryCursor(_ material: any AuditMaterial) -> BundleCursor<SHA256Digest> {
    BundleCursor(count: material.bundleCount) { try material.bundle($0).entries.map { MerkleTree.leafHash($0) } }
  }

  /// The place of the entry of a leaf; nil when it was not found. To be asked for ascending indices.
  struct Lookup {
    private let judgement: TreeJudgement
    private let first: UInt64
    private var run = 0

    init(_ judgement: TreeJudgement, first: UInt64) {
      self.judgement = judgement
      self.first = first
    }

    mutating func place(of leaf: UInt64) -> UInt64? {
      switch judgement.places {
      case .asFound: return leaf - first
      case .aligned(let alignment):
        while run < alignment.runs.count, alignment.runs[run].leaf + alignment.runs[run].count <= leaf { run += 1 }
        if run < alignment.runs.count, alignment.runs[run].leaf <= leaf {
          return alignment.runs[run].place + (leaf - alignment.runs[run].leaf)
        }
        return alignment.elsewhere[leaf]
      }
    }
  }
}
