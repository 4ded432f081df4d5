import TransparencyLog

/// What became of asking one witness.
public enum WitnessOutcome: Sendable, Hashable, CustomStringConvertible {
  /// It cosigned, at this time in seconds since 1970.
  case cosigned(at: UInt64)
  /// It remembers more entries than the checkpoint has: this log was rolled back, or somebody else continues it.
  case remembersMore(size: UInt64)
  /// It says that the log forked, or that the proof does not hold (422).
  case calledInconsistent(reason: String)
  /// It does not know this log (404).
  case unknownLog(reason: String)
  /// Another refusal.
  case refused(status: Int, reason: String)
  /// It answered with something that is no answer.
  case unreadable(reason: String)
  /// It signed, but its signature does not verify or is missing.
  case badCosignature(reason: String)
  /// No answer came.
  case unreachable(reason: String)
  /// The policy has no address for it.
  case noAddress
  /// The proof that it asks for could not be made.
  case noProof(from: UInt64, reason: String)

  public var description: String {
    switch self {
    case .cosigned(let time): "cosigned at \(time)"
    case .remembersMore(let size): "remembers size \(size), which is more than the log has"
    case .calledInconsistent(let reason): "calls the log inconsistent: \(reason)"
    case .unknownLog(let reason): "does not know the log: \(reason)"
    case .refused(let status, let reason): "refused with status \(status): \(reason)"
    case .unreadable(let reason): "sent an answer that cannot be read: \(reason)"
    case .badCosignature(let reason): "sent a bad cosignature: \(reason)"
    case .unreachable(let reason): "cannot be reached: \(reason)"
    case .noAddress: "has no address in the policy"
    case .noProof(let size, let reason): "asked for a proof from size \(size), which could not be made: \(reason)"
    }
  }

  /// Whether the witness contradicts the log: then nothing more may be served until people have looked.
  public var isAlarm: Bool {
    switch self {
    case .remembersMore, .calledInconsistent: true
    default: false
    }
  }
}

/// What became of asking all witnesses of a policy about one checkpoint.
public struct WitnessingResult: Sendable {
  /// The checkpoint with every valid cosignature that was collected, those it had before included.
  public let checkpoint: SignedCheckpoint
  /// One for each witness of the policy, in its order.
  public let outcomes: [(witness: String, outcome: WitnessOutcome)]
  /// The checkpoint as the policy sees it, or why it does not meet the policy.
  public let verdict: Result<VerifiedCheckpoint, WitnessPolicy.Rejection>

  public var isQuorumMet: Bool { (try? verdict.get()) != nil }
  /// Witnesses that contradict the log.
  public var alarms: [(witness: String, outcome: WitnessOutcome)] { outcomes.filter(\.outcome.isAlarm) }
}
