import Cryptography
import TestSupport
import Testing

@testable import TransparencyLog

/// The probes of transparency-dev/merkle: 518 cases, nearly all of which must be refused.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct MerkleVectorTests {
  struct Hashes: Decodable {
    struct Leaf: Decodable {
      let data: String
      let hashHex: String
    }
    struct Node: Decodable {
      let leftAscii: String
      let rightAscii: String
      let hashHex: String
    }
    let emptyRootHex: String
    let leaf: [Leaf]
    let node: [Node]
  }

  @Test func hashesOfRFC6962() throws {
    let hashes = try vector("rfc6962_hash.json", as: Hashes.self)
    #expect(MerkleTree.emptyRoot.hex == hashes.emptyRootHex)
    for leaf in hashes.leaf { #expect(MerkleTree.leafHash(Array(leaf.data.utf8)).hex == leaf.hashHex) }
    // The node vector's children are four octets long, which our digests cannot be; the prefix is what it shows.
    for node in hashes.node {
      #expect(SHA256.hash([0x01] + Array((node.leftAscii + node.rightAscii).utf8)).hex == node.hashHex)
    }
    let (left, right) = (MerkleTree.leafHash([1]), MerkleTree.leafHash([2]))
    #expect(MerkleTree.nodeHash(left, right) == SHA256.hash([0x01] + left.bytes + right.bytes))
  }

  struct Inclusion: Decodable {
    let leafIdx: UInt64
    let treeSize: UInt64
    let root: String
    let leafHash: String
    let proof: [String]?
    let desc: String
    let wantErr: Bool
  }

  @Test func inclusionProbes() throws {
    let probes = try vector("merkle_inclusion.json", as: [Inclusion].self)
    #expect(probes.count == 98)
    for probe in probes {
      let holds = holds {
        let root = try standIn(probe.root)
        let leaf = try standIn(probe.leafHash)
        let proof = try InclusionProof(
          index: probe.leafIdx, size: probe.treeSize, hashes: (probe.proof ?? []).map(standIn))
        try proof.verify(leafHash: leaf, root: root)
      }
      #expect(holds == !probe.wantErr, "\(probe.desc)")
    }
  }

  struct Consistency: Decodable {
    let size1: UInt64
    let size2: UInt64
    let root1: String
    let root2: String
    let proof: [String]?
    let desc: String
    let wantErr: Bool
  }

  @Test func consistencyProbes() throws {
    let probes = try vector("merkle_consistency.json", as: [Consistency].self)
    #expect(probes.count == 98)
    for probe in probes {
      let holds = holds {
        let old = try standIn(probe.root1)
        let new = try standIn(probe.root2)
        let proof = try ConsistencyProof(
          oldSize: probe.size1, newSize: probe.size2, hashes: (probe.proof ?? []).map(standIn))
        try proof.verify(oldRoot: old, newRoot: new)
      }
      #expect(holds == !probe.wantErr, "\(probe.desc)")
    }
  }

  struct SubtreeInclusion: Decodable {
    let leafIdx: UInt64
    let start: UInt64
    let end: UInt64
    let root: String
    let leafHash: String
    let proof: [String]?
    let desc: String
    let wantErr: Bool
  }

  @Test func subtreeInclusionProbes() throws {
    let probes = try vector("merkle_subtreeinclusion.json", as: [SubtreeInclusion].self)
    #expect(probes.count == 204)
    for probe in probes {
      let holds = holds {
        let root = try standIn(probe.root)
        let leaf = try standIn(probe.leafHash)
        let proof = try SubtreeInclusionProof(
          index: probe.leafIdx, start: probe.start, end: probe.end, hashes: (probe.proof ?? []).map(standIn))
        try proof.verify(leafHash: leaf, root: root)
      }
      #expect(holds == !probe.wantErr, "\(probe.desc)")
    }
  }

  struct SubtreeConsistency: Decodable {
    let start: UInt64
    let end: UInt64
    let size: UInt64
    let root1: String
    let root2: String
    let proof: [String]?
    let desc: String
    let wantErr: Bool
  }

  @Test func subtreeConsistencyProbes() throws {
    let probes = try vector("merkle_subtreeconsistency.json", as: [SubtreeConsistency].self)
    #expect(probes.count == 118)
    for probe in probes {
      let holds = holds {
        let subtree = try standIn(probe.root1)
        let root = try standIn(probe.root2)
        let proof = try SubtreeConsistencyProof(
          start: probe.start, end: probe.end, size: probe.size, hashes: (probe.proof ?? []).map(standIn))
        try proof.verify(subtreeRoot: subtree, root: root)
      }
      #expect(holds == !probe.wantErr, "\(probe.desc) [\(probe.start), \(probe.end)) of \(probe.size)")
    }
  }

  /// Some probes hold roots and hashes of other lengths, which no `SHA256Digest` can be. Their hash stands in for them:
  /// what was equal stays equal, what was different stays different. An absent hash cannot be written down at all, which
  /// is a refusal.
  private func standIn(_ base64: String) throws -> SHA256Digest {
    struct Absent: Error {}
    guard let bytes = Base64.decode(base64), !bytes.isEmpty else { throw Absent() }
    return SHA256Digest(bytes) ?? SHA256.hash(bytes)
  }

  /// Whether a check passes.
  private func holds(_ check: () throws -> Void) -> Bool {
    do { try check() } catch { return false }
    return true
  }
}
