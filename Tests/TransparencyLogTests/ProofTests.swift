import Cryptography
import TestSupport
import Testing

@testable import TransparencyLog

@Suite struct ProofTests {
  /// Every index of every size up to 70, and every pair of sizes: what we build is what RFC 6962 defines, and verifies.
  @Test func proofsAreThoseOfTheDefinition() throws {
    let tree = TestTree(count: 70)
    for size in 1...70 {
      let root = tree.definedHash(0, size)
      #expect(try tree.root(size: UInt64(size)) == root)
      #expect(try tree.frontier(size: UInt64(size)).root == root)
      for index in 0..<size {
        let proof = try tree.inclusionProof(index: UInt64(index), size: UInt64(size))
        #expect(proof.hashes == tree.definedPath(index, 0, size))
        try proof.verify(leafHash: tree.leaves[index], root: root)
      }
      for old in 1...size {
        let proof = try tree.consistencyProof(from: UInt64(old), to: UInt64(size))
        #expect(proof.hashes == tree.definedConsistency(old, 0, size))
        try proof.verify(oldRoot: tree.definedHash(0, old), newRoot: root)
      }
    }
  }

  /// Flip, drop, repeat, swap and extend at every position: none may pass.
  @Test func damagedInclusionProofsAreRefused() throws {
    let tree = TestTree(count: 37)
    for size: UInt64 in [1, 2, 3, 7, 8, 21, 32, 37] {
      let root = try tree.root(size: size)
      for index in 0..<size {
        let proof = try tree.inclusionProof(index: index, size: size)
        let leaf = tree.leaves[Int(index)]
        for hashes in damaged(proof.hashes, foreign: leaf) {
          let bad = InclusionProof(index: index, size: size, hashes: hashes)
          #expect(throws: ProofError.self) { try bad.verify(leafHash: leaf, root: root) }
        }
        for other in 0..<size + 2 where other != index {
          let bad = InclusionProof(index: other, size: size, hashes: proof.hashes)
          #expect(throws: ProofError.self) { try bad.verify(leafHash: leaf, root: root) }
        }
        #expect(throws: ProofError.self) {
          try proof.verify(leafHash: root, root: leaf == root ? tree.leaves[1] : leaf)
        }
      }
    }
  }

  @Test func damagedConsistencyProofsAreRefused() throws {
    let tree = TestTree(count: 37)
    for new: UInt64 in [2, 3, 8, 21, 32, 37] {
      for old in 1..<new {
        let (oldRoot, newRoot) = (try tree.root(size: old), try tree.root(size: new))
        let proof = try tree.consistencyProof(from: old, to: new)
        for hashes in damaged(proof.hashes, foreign: oldRoot) {
          let bad = ConsistencyProof(oldSize: old, newSize: new, hashes: hashes)
          #expect(throws: ProofError.self) { try bad.verify(oldRoot: oldRoot, newRoot: newRoot) }
        }
        #expect(throws: ProofError.self) { try proof.verify(oldRoot: newRoot, newRoot: newRoot) }
        #expect(throws: ProofError.self) { try proof.verify(oldRoot: oldRoot, newRoot: oldRoot) }
      }
    }
  }

  @Test func sizesThatProveNothingAreRefused() throws {
    let tree = TestTree(count: 8)
    let root = try tree.root(size: 8)
    #expect(throws: ProofError.emptyTree) {
      try ConsistencyProof(oldSize: 0, newSize: 8, hashes: []).verify(oldRoot: MerkleTree.emptyRoot, newRoot: root)
    }
    #expect(throws: ProofError.sizesOutOfOrder(old: 9, new: 8)) {
      try ConsistencyProof(oldSize: 9, newSize: 8, hashes: []).verify(oldRoot: root, newRoot: root)
    }
    #expect(throws: ProofError.indexBeyondTree(index: 0, size: 0)) {
      try InclusionProof(index: 0, size: 0, hashes: []).verify(leafHash: root, root: root)
    }
    #expect(throws: ProofError.emptyTree) { try tree.consistencyProof(from: 0, to: 8) }
    #expect(throws: ProofError.sizesOutOfOrder(old: 8, new: 7)) { try tree.consistencyProof(from: 8, to: 7) }
    #expect(throws: ProofError.indexBeyondTree(index: 8, size: 8)) { try tree.inclusionProof(index: 8, size: 8) }
  }

  /// Numbers at the end of the range must not overflow or run for long.
  @Test func extremeSizesAreAnswered() throws {
    let hash = MerkleTree.leafHash([])
    for size: UInt64 in [.max, .max - 1, 1 << 63, (1 << 63) + 1] {
      for index in [0, 1, size / 2, size - 1] {
        for count in [0, 1, 63, 64, 65, 200] {
          let hashes = [SHA256Digest](repeating: hash, count: count)
          #expect(throws: ProofError.self) {
            try InclusionProof(index: index, size: size, hashes: hashes).verify(leafHash: hash, root: hash)
          }
          if index > 0 {
            #expect(throws: ProofError.self) {
              try ConsistencyProof(oldSize: index, newSize: size, hashes: hashes).verify(oldRoot: hash, newRoot: hash)
            }
          }
        }
      }
    }
  }

  struct Generated: Decodable {
    struct Inclusion: Decodable {
      let index: UInt64
      let size: UInt64
      let leafHash: String
      let root: String
      let proof: [String]
    }
    struct Consistency: Decodable {
      let size1: UInt64
      let size2: UInt64
      let root1: String
      let root2: String
      let proof: [String]
    }
    let inclusion: [Inclusion]
    let consistency: [Consistency]
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func generatedProofsAreOursToo() throws {
    let generated = try vector("generated/proofs.json", as: Generated.self)
    let largest = max(generated.inclusion.map(\.size).max() ?? 0, generated.consistency.map(\.size2).max() ?? 0)
    let tree = TestTree(count: largest)
    for case let wanted in generated.inclusion {
      let proof = try tree.inclusionProof(index: wanted.index, size: wanted.size)
      #expect(proof.hashes.map { Base64.encode($0.bytes) } == wanted.proof)
      #expect(digest(wanted.leafHash) == tree.leaves[Int(wanted.index)])
      try proof.verify(leafHash: tree.leaves[Int(wanted.index)], root: #require(digest(wanted.root)))
    }
    for wanted in generated.consistency {
      let proof = try tree.consistencyProof(from: wanted.size1, to: wanted.size2)
      #expect(proof.hashes.map { Base64.encode($0.bytes) } == wanted.proof)
      try proof.verify(oldRoot: #require(digest(wanted.root1)), newRoot: #require(digest(wanted.root2)))
    }
    #expect(generated.inclusion.count == 269 && generated.consistency.count == 263)
  }

  struct Entries: Decodable {
    struct Entry: Decodable { let leafInput: String }
    let entries: [Entry]
  }
  struct Path: Decodable {
    let leafIndex: UInt64
    let auditPath: [String]
  }
  struct History: Decodable {
    let first: UInt64
    let firstRoot: String
    let consistency: [String]
  }
  struct Head: Decodable {
    let treeSize: UInt64
    let sha256RootHash: String
  }

  /// A public Certificate Transparency log of 961,984,013 leaves.
  @Test(.enabled(if: Vectors.available, Vectors.absence)) func certificateTransparencyLog() throws {
    let head = try vector("argon2020/sth.json", as: Head.self)
    let root = try #require(digest(head.sha256RootHash))
    let path = try vector("argon2020/proof.json", as: Path.self)
    let entry = try #require(vector("argon2020/entries.json", as: Entries.self).entries.first)
    try InclusionProof(index: path.leafIndex, size: head.treeSize, hashes: #require(digests(path.auditPath)))
      .verify(leafHash: MerkleTree.leafHash(#require(Base64.decode(entry.leafInput))), root: root)
    let history = try vector("argon2020/consistency.json", as: History.self)
    try ConsistencyProof(
      oldSize: history.first, newSize: head.treeSize, hashes: #require(digests(history.consistency))
    ).verify(oldRoot: #require(digest(history.firstRoot)), newRoot: root)
  }

  private func damaged(_ hashes: [SHA256Digest], foreign: SHA256Digest) -> [[SHA256Digest]] {
    var all = [hashes + [foreign], [foreign] + hashes]
    for position in hashes.indices {
      var flipped = hashes
      var bytes = hashes[position].bytes
      bytes[position % 32] ^= 0x10
      if let hash = SHA256Digest(bytes) { flipped[position] = hash }
      var shorter = hashes
      shorter.remove(at: position)
      var longer = hashes
      longer.insert(hashes[position], at: position)
      all += [flipped, shorter, longer]
      if position > 0 {
        var swapped = hashes
        swapped.swapAt(position, position - 1)
        all.append(swapped)
      }
    }
    return all.filter { $0 != hashes }
  }
}
