import CanonicalJSON
import Cryptography
import Governance

/// A proposal as the API shows it.
struct ProposalView: Sendable {
  var row: ProposalIndex.Row
  var opened: ProposalOpened
  var openedAt: Int64
  var policyName: String?
  /// What the fold says; `nil` once it has forgotten the proposal, whose end then stands in the index.
  var status: Status?
  var votes: [ProposalIndex.Vote]
  var result: JSON?
  var mode: String?

  var statusName: String {
    if let status { return status.name }
    if let outcome = row.outcome { return outcome }
    return row.withdrawn ? "withdrawn" : "expired"
  }

  /// Whether nothing more can come.
  var isFinal: Bool { status?.isFinal ?? true }

  var json: JSON {
    var execution = JSON.null
    if let started = row.started {
      var object: JSONObject = ["startedIndex": .integer(Int64(started)), "mode": .string(mode ?? "normal")]
      if let finished = row.finished { object["finishedIndex"] = .integer(Int64(finished)) }
      if let outcome = row.outcome { object["outcome"] = .string(outcome) }
      object["result"] = result
      execution = .object(object)
    }
    return [
      "proposal": .string(row.proposal.hex), "statement": opened.statement.json,
      "proposer": .string(opened.proposer.text), "status": statusJSON,
      "opened": ["index": .integer(Int64(row.opened)), "at": .integer(openedAt)],
      "policy": [
        "name": .string(policyName ?? "root"), "digest": .string(opened.statement.policy.hex),
      ],
      "missing": .array(missing.map(Self.missingJSON)),
      "approvals": .array(votes.filter { $0.kind == .proposalApproved }.map(Self.voteJSON)),
      "objections": .array(votes.filter { $0.kind == .proposalObjected }.map(Self.voteJSON)),
      "execution": execution, "next_steps": .array(nextSteps.map { .string($0) }),
    ]
  }

  var missing: [Missing] {
    if case .open(let missing)? = status { missing } else { [] }
  }

  private var statusJSON: JSON {
    var object: JSONObject = ["name": .string(statusName)]
    switch status {
    case .locked(let until): object["until"] = .integer(until)
    case .objected(let by): object["reason"] = .string("objection by \(by.joined(separator: ", "))")
    case .denied(let why): object["reason"] = .string("\(why)")
    default: break
    }
    return .object(object)
  }

  /// What somebody who waits for this proposal can do.
  var nextSteps: [String] {
    let id = row.proposal.hex
    switch status {
    case .open:
      return missing.map { "missing: \($0)" } + ["safebox approve \(id) --key KEY --signer NAME"]
    case .locked: return ["wait, or object: safebox object \(id) --key KEY --signer NAME"]
    case .objected: return ["withdraw it, or propose something else"]
    case .unknown: return ["ask the peer what happened, then: safebox propose execution.resolve"]
    case .stale: return ["propose it again: the signers or policies have changed"]
    default: return row.finished == nil ? [] : ["safebox receipt get \(id)"]
    }
  }

  static func missingJSON(_ missing: Missing) -> JSON {
    var object: JSONObject = ["text": .string("\(missing)")]
    switch missing {
    case .approvals(let committee, let count, let candidates), .newApprovals(let committee, let count, let candidates):
      object["committee"] = .string(committee)
      object["count"] = .integer(Int64(count))
      object["candidates"] = .array(candidates.map { .string($0) })
    case .time(let until): object["until"] = .integer(until)
    default: break
    }
    return .object(object)
  }

  private static func voteJSON(_ vote: ProposalIndex.Vote) -> JSON {
    ["signer": .string(vote.voice), "index": .integer(Int64(vote.index)), "at": .integer(vote.at)]
  }
}
