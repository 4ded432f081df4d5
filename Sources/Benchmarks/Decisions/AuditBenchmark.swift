import CanonicalJSON
import Governance
import TransparencyLog

/// Auditing a whole log on one core: each entry is read strictly, its canonical form compared, its signature checked, its
/// effect folded, its leaf hashed into the tree; at the end the root is held against the signed checkpoint.
enum AuditBenchmark {
  static func run(_ options: BenchmarkCommand.Options) throws -> [Measurement] {
    let signed = try measure(try SampleLog(.signed, count: options.count), "audit-signed/safebox")
    let actions = try measure(try SampleLog(.actions, count: options.count), "audit-actions/safebox")
    return [signed, actions]
  }

  private static func measure(_ log: SampleLog, _ id: String) throws -> Measurement {
    var frontier = Frontier()
    for entry in log.entries { frontier.append(leafHash: MerkleTree.leafHash(entry)) }
    let checkpoint = try SignedCheckpoint(
      Checkpoint(origin: BenchmarkBox.origin, size: frontier.size, root: frontier.root), signers: log.box.signers)
    let watch = Stopwatch()
    let signatures = try audit(log.entries, checkpoint, log.box.log)
    return .rate(
      id, Double(log.entries.count), watch, per: .cpu,
      details: [
        "entries": .integer(Int64(log.entries.count)), "signed": .integer(Int64(signatures)),
        "bytes": .integer(Int64(log.entries.reduce(0) { $0 + $1.count })),
      ])
  }

  /// Folds everything and checks the checkpoint; says how many entries carried a claim.
  private static func audit(_ entries: [[UInt8]], _ checkpoint: SignedCheckpoint, _ keys: LogKeys) throws -> Int {
    var state = BoxState()
    var frontier = Frontier()
    var signatures = 0
    for bytes in entries {
      let entry = try Entry(parsing: bytes)
      try state.apply(entry)
      frontier.append(leafHash: MerkleTree.leafHash(bytes))
      if entry.body["claim"] != nil { signatures += 1 }
    }
    let verified = try checkpoint.verified(log: keys, requiring: .everyKey).checkpoint
    guard verified.size == state.size, verified.root == frontier.root else {
      throw BenchmarkFailure.wrongResult("the audited log does not have the signed root")
    }
    return signatures
  }
}
