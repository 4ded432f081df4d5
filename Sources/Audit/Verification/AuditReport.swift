import CanonicalJSON
import TransparencyLog

/// What an audit found.
public struct AuditReport: Sendable {
  public enum Verdict: String, Sendable, Hashable {
    /// No fault was found.
    case accepted
    case refused
  }

  public internal(set) var verdict: Verdict = .refused
  /// The faults found, at most as many as the verifier was told to keep.
  public internal(set) var faults: [AuditFault] = []
  /// How many were found in all.
  public internal(set) var faultCount = 0
  public internal(set) var faultsByCode: [String: Int] = [:]
  /// The box; nil when the archive does not say.
  public internal(set) var origin: String?
  /// The entries that were audited.
  public internal(set) var range: Range<UInt64> = 0..<0
  public internal(set) var population = Population()
  /// Where proposals stand by the fold at the time of the last entry, by the names of docs/formats.md section 6; empty
  /// where nothing was re-decided. `expired` includes those that the fold no longer remembers.
  public internal(set) var proposalsByStatus: [String: UInt64] = [:]
  /// Entries whose decision was made again.
  public internal(set) var decided: UInt64 = 0
  public internal(set) var epoch: Int64?
  /// Checkpoints whose signatures and root are right.
  public internal(set) var checkpoints = 0
  public internal(set) var firstCheckpoint: Checkpoint?
  public internal(set) var lastCheckpoint: Checkpoint?
  /// What this audit does not prove, each with the reason.
  public internal(set) var notProved: [String] = []

  /// The whole report as sentences: verdict first, then the faults, then what was not proved.
  public var sentences: [String] {
    var lines = [verdictSentence]
    lines += faults.map(\.description)
    if faultCount > faults.count { lines.append("\(faultCount - faults.count) more faults are not listed") }
    lines += notProved.map { "not proved: \($0)" }
    return lines
  }

  private var verdictSentence: String {
    let what = "entries \(range.lowerBound)..<\(range.upperBound) of \(origin ?? "an unknown box")"
    switch verdict {
    case .accepted:
      let decisions = decided == 0 ? "nothing was re-decided" : "\(decided) entries re-decided"
      return "accepted: \(what): \(decisions), \(checkpoints) checkpoints, no fault"
    case .refused: return "refused: \(what): \(faultCount) \(faultCount == 1 ? "fault" : "faults")"
    }
  }

  /// The report for programs.
  public var json: JSON {
    func counts(_ counts: [String: Int]) -> JSON {
      .object(JSONObject(counts.map { ($0.key, .integer(Int64($0.value))) }))
    }
    return [
      "format": "safebox-audit-report/v1", "verdict": .string(verdict.rawValue),
      "origin": origin.map(JSON.string) ?? .null,
      "range": ["from": JSON(count: range.lowerBound), "to": JSON(count: range.upperBound)],
      "faults": .array(faults.map(\.json)), "fault_count": .integer(Int64(faultCount)),
      "faults_by_code": counts(faultsByCode), "population": population.json,
      "proposals_by_status": .object(JSONObject(proposalsByStatus.map { ($0.key, JSON(count: $0.value)) })),
      "decided": JSON(count: decided), "epoch": epoch.map(JSON.integer) ?? .null,
      "checkpoints": .integer(Int64(checkpoints)), "first_checkpoint": Self.json(firstCheckpoint),
      "last_checkpoint": Self.json(lastCheckpoint), "not_proved": .array(notProved.map(JSON.string)),
    ]
  }

  private static func json(_ checkpoint: Checkpoint?) -> JSON {
    guard let checkpoint else { return .null }
    return ["size": JSON(count: checkpoint.size), "root": .string(checkpoint.root.hex)]
  }
}
