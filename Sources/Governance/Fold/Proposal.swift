import CanonicalJSON
import Cryptography

/// A proposal that the fold follows: open, executing, or with an unknown outcome.
public struct Proposal: Sendable, Hashable {
  /// The action digest.
  public let id: SHA256Digest
  public let statement: Statement
  public let proposer: Proposer
  /// The name of the tool where a run proposes.
  public let tool: String?
  /// Unix milliseconds.
  public let openedAt: Int64
  /// Index of its `proposal.opened` entry.
  public let openedIndex: UInt64
  /// How it is decided, with the branches that policy code named.
  public let procedure: Procedure
  /// What it takes to follow it, in bytes: its statement's, and as many as the constitution may have that it would make.
  let weight: Int
  /// Oldest first.
  public internal(set) var approvals: [Approval] = []
  /// Oldest first.
  public internal(set) var objections: [Objection] = []
  public internal(set) var phase: Phase = .open
  /// Those of `statement.action.follows` that have been executed.
  public internal(set) var executedPredecessors: Set<SHA256Digest> = []

  public enum Phase: Sendable, Hashable {
    case open
    case executing(Start)
    /// `at` is when the outcome was recorded as unknown (Unix milliseconds).
    case unknown(Start, at: Int64)
  }

  /// The record of an execution's start.
  public struct Start: Sendable, Hashable {
    /// Unix milliseconds.
    public let at: Int64
    /// Index of its `execution.started` entry.
    public let index: UInt64
    public let mode: Mode
    /// The signers whose approvals the decision counted, ascending.
    public let approvals: [String]
  }

  var type: String { statement.action.type }

  /// The start of the execution, in every phase but the first.
  public var start: Start? {
    switch phase {
    case .open: nil
    case .executing(let start), .unknown(let start, _): start
    }
  }
}

/// What the fold keeps of a proposal that is over, for as long as anybody may still ask: enough to refuse a repetition and
/// to answer for its status.
struct SettledProposal: Sendable, Hashable {
  var status: Status
  /// Unix milliseconds.
  var expires: Int64
}
