import Cryptography
import Testing

@testable import TransparencyLog

@Suite struct FrontierTests {
  @Test func growsAsTheDefinitionSays() {
    var frontier = Frontier()
    #expect(frontier.root == MerkleTree.emptyRoot)
    let tree = TestTree(count: 130)
    for size in 1...130 {
      frontier.append(leafHash: tree.leaves[size - 1])
      #expect(frontier.size == UInt64(size))
      #expect(frontier.hashes.count == size.nonzeroBitCount)
      #expect(frontier.root == tree.definedHash(0, size))
    }
    #expect(MerkleTree.root(ofLeafHashes: tree.leaves) == frontier.root)
  }

  @Test func reportsEveryNodeOnce() {
    var frontier = Frontier()
    var seen: Set<String> = []
    for leaf in 0..<256 {
      frontier.append(leafHash: MerkleTree.leafHash([UInt8(leaf)])) { level, index, _ in
        #expect(seen.insert("\(level)/\(index)").inserted)
      }
    }
    // 256 leaves make 128 + 64 + ... + 1 inner nodes.
    #expect(seen.count == 511)
    #expect(seen.contains("8/0") && seen.contains("1/127") && seen.contains("0/255"))
  }

  @Test func encodingRoundTrips() throws {
    for size: UInt64 in [0, 1, 2, 3, 255, 256, 257] {
      let frontier = TestTree(count: size).frontier
      #expect(Frontier(encoded: frontier.encoded) == frontier)
      #expect(Frontier(size: frontier.size, hashes: frontier.hashes) == frontier)
      #expect(Frontier(encoded: frontier.encoded + [0]) == nil)
      #expect(Frontier(encoded: frontier.encoded.dropLast()) == nil)
      #expect(Frontier(size: size, hashes: frontier.hashes + [MerkleTree.emptyRoot]) == nil)
    }
    #expect(Frontier(encoded: []) == nil)
  }

  @Test func isUnchangedWhenTheObserverThrows() {
    struct Stop: Error {}
    var frontier = TestTree(count: 3).frontier
    #expect(throws: Stop.self) {
      try frontier.append(leafHash: MerkleTree.emptyRoot) { level, _, _ in if level == 1 { throw Stop() } }
    }
    #expect(frontier == TestTree(count: 3).frontier)
  }
}
