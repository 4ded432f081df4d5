import Cryptography
import Testing

@testable import Audit

@Suite struct LeafAlignmentTests {
  private func align(_ leaves: [SHA256Digest], _ entries: [SHA256Digest]) throws -> LeafAlignment {
    func cursor(_ hashes: [SHA256Digest]) -> BundleCursor<SHA256Digest> {
      BundleCursor(count: (hashes.count + 99) / 100) {
        Array(hashes[$0 * 100..<min(hashes.count, $0 * 100 + 100)])
      }
    }
    return try LeafAlignment(first: 0, leaves: { cursor(leaves) }, entries: { cursor(entries) })
  }

  private func place(of leaf: UInt64, _ alignment: LeafAlignment) -> UInt64? {
    for run in alignment.runs where (run.leaf..<(run.leaf + run.count)).contains(leaf) {
      return run.place + leaf - run.leaf
    }
    return alignment.elsewhere[leaf]
  }

  /// Whatever is done to the entries: each that is still there is found, and nothing is said that is not so.
  @Test func randomEditsAreUndone() throws {
    var numbers = Numbers(3)
    for round in 0..<60 {
      let count = Int.random(in: 1...800, using: &numbers)
      let leaves = (0..<count).map { SHA256.hash(utf8: "leaf \($0)") }
      var entries = leaves
      let edits = Int.random(in: 0...6, using: &numbers)
      for edit in 0..<edits where !entries.isEmpty {
        let one = Int.random(in: entries.indices, using: &numbers)
        let two = Int.random(in: entries.indices, using: &numbers)
        switch Int.random(in: 0..<4, using: &numbers) {
        case 0: entries.remove(at: one)
        case 1: entries.insert(entries[two], at: one)
        case 2: entries.swapAt(one, two)
        default: entries[one] = SHA256.hash(utf8: "stranger \(round) \(edit)")
        }
      }
      let alignment = try align(leaves, entries)
      #expect(alignment.untold == 0)
      #expect(alignment.differences.count <= 3 * edits)
      #expect(alignment.differences.isEmpty == (entries == leaves))
      var removed: Set<UInt64> = []
      for difference in alignment.differences {
        switch difference {
        case .removed(let leaf):
          removed.insert(leaf)
          #expect(!entries.contains(leaves[Int(leaf)]))
        case .altered(let leaf, let place):
          removed.insert(leaf)
          #expect(!entries.contains(leaves[Int(leaf)]) && !leaves.contains(entries[Int(place)]))
        case .inserted(let place, _): #expect(!leaves.contains(entries[Int(place)]))
        case .doubled(let leaf, let place, _), .moved(let leaf, let place, _):
          #expect(entries[Int(place)] == leaves[Int(leaf)])
        }
      }
      for leaf in leaves.indices where !removed.contains(UInt64(leaf)) {
        let found = try #require(place(of: UInt64(leaf), alignment))
        #expect(entries[Int(found)] == leaves[leaf])
      }
    }
  }

  @Test func moreDifferencesThanAreToldApartAreCounted() throws {
    let count = LeafAlignment.maxGaps
    let leaves = (0..<count).map { SHA256.hash(utf8: "leaf \($0)") }
    let strangers = (0..<count).map { SHA256.hash(utf8: "stranger \($0)") }
    let alignment = try align(leaves, strangers)
    #expect(alignment.untold > 0)
    #expect(2 * alignment.differences.count + Int(alignment.untold) == 2 * count)
    #expect(try align(leaves, []).differences == leaves.indices.map { .removed(leaf: UInt64($0)) })
  }
}
