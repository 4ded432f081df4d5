import Cryptography
import Storage
import TransparencyLog

/// Durable signed appends: what `Storage` does for every entry of a box, without the fold.
///
/// One operation hands over 432 bytes and ends when they are synced and the caller holds the receipt's material: the
/// entry, its inclusion proof, and the checkpoint signed with Ed25519 and ES256.
enum AppendBenchmark {
  static let entryBytes = 432

  typealias Log = GroupCommitLog<Void, EntryDraft, Void>

  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    let box = try BenchmarkBox()
    let log = try open(options.directory, box)
    let work = try await Writers.run(options.writers, seconds: options.seconds) { caller, number in
      try await log.submit(try EntryDraft(entry(caller, number)))
    }
    let measurement = work.measurement("append-\(options.writers)/safebox")
    for receipt in work.last { try check(receipt, box.log) }
    await log.close()
    return [measurement, measurement.byProcessorTime("append-cpu-\(options.writers)/safebox")]
  }

  /// An empty log in `directory`, open for writing.
  static func open(_ directory: String, _ box: BenchmarkBox) throws -> Log {
    let store = try LogStore(path: "\(directory)/log", origin: BenchmarkBox.origin)
    guard case .ready(let writer) = try store.start(trust: .init(log: box.log, witnesses: [])) else {
      throw BenchmarkFailure.wrongResult("a new log is read-only")
    }
    let signers = box.signers
    return try Log(
      writer: writer, state: (), sign: { try SignedCheckpoint($0, signers: signers) },
      decide: { _, draft, _ in AppendPlan(entries: [draft], response: ()) })
  }

  /// 432 bytes of text, different for every caller and number.
  static func entry(_ caller: Int, _ number: Int) -> [UInt8] {
    var bytes = template
    var rest = UInt64(caller) << 40 | UInt64(number)
    for position in 20..<36 {
      bytes[position] = UInt8(ascii: "a") + UInt8(rest & 15)
      rest >>= 4
    }
    return bytes
  }

  private static let template = Array(repeating: UInt8(ascii: "x"), count: entryBytes)

  /// What a stranger would check of a receipt.
  static func check<Response>(_ receipt: Committed<Response>, _ log: LogKeys) throws {
    guard let checkpoint = receipt.checkpoint, !receipt.entries.isEmpty else {
      throw BenchmarkFailure.wrongResult("an append without a receipt")
    }
    let verified = try checkpoint.verified(log: log, requiring: .everyKey)
    for entry in receipt.entries {
      guard entry.proof.size == verified.checkpoint.size else {
        throw BenchmarkFailure.wrongResult("a proof for another checkpoint")
      }
      try entry.proof.verify(leafHash: MerkleTree.leafHash(entry.bytes), root: verified.checkpoint.root)
    }
  }
}
