import Audit
import CanonicalJSON
import Storage
import TransparencyLog

/// Auditing a whole log on one core, as `safebox audit verify` does it: the archive's digests, the tree, the checkpoints'
/// signatures, the strict form of every entry, every claim's signature, every decision made again.
enum AuditBenchmark {
  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    let signed = try SampleLog(.signed, count: options.count)
    let actions = try SampleLog(.actions, count: options.count)
    return [
      try await measure(signed, "audit-signed/safebox", "\(options.directory)/signed"),
      try await measure(actions, "audit-actions/safebox", "\(options.directory)/actions"),
    ]
  }

  private static func measure(_ log: SampleLog, _ id: String, _ path: String) async throws -> Measurement {
    let archive = "\(path).audit"
    try await export(log, path, archive)
    let verifier = AuditVerifier(expecting: [])
    let watch = Stopwatch()
    let report = try verifier.verify(path: archive)
    let measurement = Measurement.rate(
      id, Double(log.entries.count), watch, per: .cpu,
      details: [
        "entries": .integer(Int64(log.entries.count)), "signed": .integer(Int64(log.signatures)),
        "bytes": .integer(Int64(log.entries.reduce(0) { $0 + $1.count })),
      ])
    guard report.verdict == .accepted, report.decided == UInt64(log.entries.count) else {
      throw BenchmarkFailure.wrongResult("the audit does not accept a sound log")
    }
    return measurement
  }

  /// Stores the entries as a log and exports them as an archive.
  private static func export(_ log: SampleLog, _ path: String, _ archive: String) async throws {
    let store = try LogStore(path: path, origin: BenchmarkBox.origin)
    guard case .ready(let writer) = try store.start(trust: .init(log: log.box.log, witnesses: [])) else {
      throw BenchmarkFailure.wrongResult("a new log is read-only")
    }
    let signers = log.box.signers
    let stored = try GroupCommitLog<Void, [EntryDraft], Void>(
      writer: writer, state: (), sign: { try SignedCheckpoint($0, signers: signers) },
      decide: { _, drafts, _ in AppendPlan(entries: drafts, response: ()) })
    for start in stride(from: 0, to: log.entries.count, by: batch) {
      let drafts = try log.entries[start..<min(start + batch, log.entries.count)].map { try EntryDraft($0) }
      _ = try await stored.submit(drafts)
    }
    _ = try AuditExport.write(source: stored.reader, to: try AuditFileSink(path: archive))
    await stored.close()
  }

  /// Entries in one commit, hence under one checkpoint: what a busy box has.
  private static let batch = 64
}
