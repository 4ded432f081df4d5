import CanonicalJSON
import Cryptography

/// Where a rule stands at a moment.
public enum Standing: Sendable, Hashable {
  /// Satisfied, since this time (Unix milliseconds).
  case satisfied(since: Int64)
  /// Not yet; each of these is lacking.
  case pending([Missing])
  /// It will not be satisfied in this epoch.
  case impossible(Impossibility)
}

/// What a proposal still needs.
public enum Missing: Sendable, Hashable {
  /// So many more members of a committee; `candidates` are those whose approval would count.
  case approvals(committee: String, count: Int, candidates: [String])
  /// The same, of the committee that a pending change of signers proposes.
  case newApprovals(committee: String, count: Int, candidates: [String])
  /// Nothing but time, until this moment (Unix milliseconds).
  case time(until: Int64)
  /// A delay of so many seconds that begins when the rest is there.
  case delay(seconds: Int64)
  /// Room in a budget or count: `spent` of `meter.limit` is used, this needs `amount` more.
  case room(Meter, spent: Int64, amount: Int64)
  /// A proposal that must be executed first.
  case predecessor(SHA256Digest)
  /// Any one of these lists.
  case oneOf([[Missing]])
}

/// Why a rule will not be satisfied.
public indirect enum Impossibility: Sendable, Hashable {
  /// The rule is `deny`.
  case denied
  /// Policy code named no branch; the reason is a sentence for people.
  case code(String)
  case check(FailedCheck)
  /// Enough objectors have spoken.
  case objected(committee: String, by: [String])
  /// The proposal that must be executed first never will be.
  case predecessor(SHA256Digest)
  /// Every branch of an `any`.
  case everyBranch([Impossibility])

  /// The objectors who stopped it, ascending; empty when it was not objection.
  public var objectors: [String] {
    switch self {
    case .objected(_, let names): names
    case .everyBranch(let branches): Array(Set(branches.flatMap(\.objectors))).sorted()
    default: []
    }
  }
}

extension Missing: CustomStringConvertible {
  public var description: String {
    switch self {
    case .approvals(let committee, let count, let candidates):
      "\(count) more of \(committee) (\(candidates.joined(separator: ", ")))"
    case .newApprovals(let committee, let count, let candidates):
      "\(count) more of the proposed \(committee) (\(candidates.joined(separator: ", ")))"
    case .time(let until): "time, until \(UTCTime.text(until))"
    case .delay(let seconds): "then a delay of \(seconds) seconds"
    case .room(let meter, let spent, let amount):
      "room in the \(meter.field.map { "budget of \($0)" } ?? "count"): \(spent) of \(meter.limit) used within "
        + "\(meter.period) seconds, \(amount) needed"
    case .predecessor(let digest): "the execution of \(digest)"
    case .oneOf(let lists):
      "one of: " + lists.map { $0.map(\.description).joined(separator: " and ") }.joined(separator: "; or ")
    }
  }
}

extension Impossibility: CustomStringConvertible {
  public var description: String {
    switch self {
    case .denied: "the policy denies"
    case .code(let why): "policy code named no rule, and so the policy denies: \(why)"
    case .check(let failure): "a check does not hold: \(failure)"
    case .objected(let committee, let names): "objection by \(names.joined(separator: ", ")) of \(committee)"
    case .predecessor(let digest): "\(digest), which it follows, was not executed and will not be"
    case .everyBranch(let branches): branches.map(\.description).joined(separator: "; and ")
    }
  }
}
