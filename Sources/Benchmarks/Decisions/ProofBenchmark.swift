import CanonicalJSON
import Cryptography
import TransparencyLog

/// Verifying inclusion proofs on one core, in a tree of 2^20 leaves: 20 hashes each.
enum ProofBenchmark {
  private static let levels = 20
  private static let proofs = 4096

  static func run(_ options: BenchmarkCommand.Options) throws -> Measurement {
    let tree = CompleteTree(levels: levels)
    let size = UInt64(1) << UInt64(levels)
    // A full-period walk: every proof is of another leaf, far from the one before.
    let samples = try (0..<proofs).map { number in
      let index = (UInt64(number) &* 0x9E37_79B9 &+ 12345) % size
      let proof = try tree.inclusionProof(index: index, size: size)
      guard proof.hashes.count == levels else { throw BenchmarkFailure.wrongResult("a proof of another length") }
      return (leaf: try tree.hash(level: 0, index: index), proof: proof)
    }
    let root = try tree.root(size: size)
    func verifyAll() throws { for sample in samples { try sample.proof.verify(leafHash: sample.leaf, root: root) } }
    guard let first = samples.first, (try? first.proof.verify(leafHash: root, root: root)) == nil else {
      throw BenchmarkFailure.wrongResult("a proof of another leaf verifies")
    }
    let warm = Stopwatch()
    while warm.seconds < options.seconds * Writers.warmUp { try verifyAll() }
    var count = 0
    let watch = Stopwatch()
    while watch.seconds < options.seconds {
      try verifyAll()
      count += samples.count
    }
    return .rate("proof/safebox", Double(count), watch, per: .cpu, details: ["hashes": .integer(Int64(levels))])
  }
}

/// All nodes of a tree of 2^levels leaves.
private struct CompleteTree: HashReader {
  private var nodes: [[SHA256Digest]] = []

  init(levels: Int) {
    var level = (0..<(UInt64(1) << UInt64(levels))).map { number in
      withUnsafeBytes(of: number) { MerkleTree.leafHash(Array($0)) }
    }
    nodes.append(level)
    while level.count > 1 {
      level = (0..<level.count / 2).map { MerkleTree.nodeHash(level[2 * $0], level[2 * $0 + 1]) }
      nodes.append(level)
    }
  }

  func hash(level: Int, index: UInt64) throws -> SHA256Digest { nodes[level][Int(index)] }
}
