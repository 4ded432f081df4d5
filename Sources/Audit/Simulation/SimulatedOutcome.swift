import CanonicalJSON
import Cryptography
import Governance

/// How a proposal fares under a policy, as far as its votes and the time allow.
public enum SimulatedOutcome: Sendable, Hashable {
  /// A decision stands, and was first seen to stand at this time (Unix milliseconds): the rule may have been satisfied
  /// before, and a budget full or a predecessor not yet executed.
  case allowed(Satisfaction, at: Int64)
  /// It can no longer be allowed, for this reason; or it could not have been opened.
  case denied(String)
  /// It was never decided; what was missing when it ended, or when the log does.
  case pending([String])

  /// `allowed`, `denied` or `pending`.
  public var name: String {
    switch self {
    case .allowed: "allowed"
    case .denied: "denied"
    case .pending: "pending"
    }
  }

  var json: JSON {
    switch self {
    case .allowed(let satisfaction, let at):
      [
        "outcome": "allowed", "at": .integer(at), "mode": .string(satisfaction.mode.rawValue),
        "approvals": .array(satisfaction.approvals.map(JSON.string)),
      ]
    case .denied(let why): ["outcome": "denied", "reason": .string(why)]
    case .pending(let missing): ["outcome": "pending", "missing": .array(missing.map(JSON.string))]
    }
  }
}

extension SimulatedOutcome: CustomStringConvertible {
  public var description: String {
    switch self {
    case .allowed(let satisfaction, let at):
      "allowed at \(UTCTime.text(at))"
        + (satisfaction.approvals.isEmpty ? "" : " with \(satisfaction.approvals.joined(separator: ", "))")
        + (satisfaction.mode == .breakGlass ? " by break-glass" : "")
    case .denied(let why): "denied: \(why)"
    case .pending(let missing): missing.isEmpty ? "pending" : "pending: \(missing.joined(separator: "; "))"
    }
  }
}

/// A proposal that would have fared otherwise.
public struct SimulatedDifference: Sendable, Hashable, CustomStringConvertible {
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// Now allowed, was not.
    case allowed
    /// Now denied, was not.
    case denied
    /// Now pending, was not.
    case pending
    case sooner, later
    /// At the same time, by other signers.
    case otherSigners = "other-signers"
  }

  public var kind: Kind
  public var proposal: SHA256Digest
  /// The action's type.
  public var type: String
  /// `client:NAME` or `signer:NAME`.
  public var proposer: String
  /// Index and time (Unix milliseconds) of its `proposal.opened`.
  public var index: UInt64
  public var openedAt: Int64
  /// What the log holds.
  public var before: SimulatedOutcome
  /// When the log says that its execution started (Unix milliseconds); nil if it never did.
  public var startedAt: Int64?
  /// What the proposed policy would make of it.
  public var after: SimulatedOutcome

  public var description: String {
    let was = startedAt.map { "\(before), executed at \(UTCTime.text($0))" } ?? "\(before)"
    return "entry \(index), \(type) by \(proposer): was \(was); would be \(after)"
  }

  var json: JSON {
    [
      "kind": .string(kind.rawValue), "proposal": .string(proposal.hex), "type": .string(type),
      "proposer": .string(proposer), "index": JSON(count: index), "opened_at": .integer(openedAt),
      "before": before.json, "started_at": startedAt.map(JSON.integer) ?? .null, "after": after.json,
    ]
  }
}

/// What a proposed policy would change in logged history.
public struct SimulationReport: Sendable {
  /// Proposals whose type the policy covers, or covered before.
  public internal(set) var considered: UInt64 = 0
  public internal(set) var unchanged: UInt64 = 0
  /// How many of each kind, also of those that are not listed.
  public internal(set) var counts: [SimulatedDifference.Kind: UInt64] = [:]
  /// In the order in which they were opened; at most ``PolicySimulation/maxDifferences``.
  public internal(set) var differences: [SimulatedDifference] = []
  /// Entries that the fold refused, and that are therefore not part of this; a log with faults should be audited first.
  public internal(set) var refusedEntries: UInt64 = 0

  public var sentences: [String] {
    var lines = differences.map(\.description)
    let listed = UInt64(differences.count)
    let all = counts.values.reduce(0, +)
    if all > listed { lines.append("\(all - listed) more differences are not listed") }
    let parts = SimulatedDifference.Kind.allCases.compactMap { kind in counts[kind].map { "\($0) \(kind.rawValue)" } }
    lines.append(
      "\(considered) proposals considered: \(unchanged) unchanged" + parts.map { ", \($0)" }.joined())
    if refusedEntries > 0 { lines.append("\(refusedEntries) entries cannot stand in the log and were left out") }
    return lines
  }

  public var json: JSON {
    [
      "considered": JSON(count: considered), "unchanged": JSON(count: unchanged),
      "refused_entries": JSON(count: refusedEntries),
      "counts": .object(JSONObject(counts.map { ($0.key.rawValue, JSON(count: $0.value)) })),
      "differences": .array(differences.map(\.json)),
    ]
  }
}
