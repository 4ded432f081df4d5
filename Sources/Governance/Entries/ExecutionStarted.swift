import CanonicalJSON
import Cryptography

/// Which of a policy's two rules an execution rests on.
public enum Mode: String, Sendable, Hashable {
  case normal
  /// The policy's `breakGlass` rule: fewer signers, for narrowing actions, and the effect lapses unless ratified.
  case breakGlass = "break-glass"
}

/// Recorded before an executor acts: after it, the action is never begun a second time without reconciliation.
public struct ExecutionStarted: EntryBody {
  public var proposal: SHA256Digest
  /// The signers whose approvals the decision counts, ascending.
  public var approvals: [String]
  public var mode: Mode

  public init(proposal: SHA256Digest, approvals: [String], mode: Mode) {
    self.proposal = proposal
    self.approvals = approvals
    self.mode = mode
  }

  public init(body: JSON) throws(FieldError) {
    var reader = try ObjectReader(body)
    proposal = try reader.digest("proposal")
    approvals = try reader.names("approvals", maxCount: Constitution.Limits.signers * 2)
    let text = try reader.string("mode", maxBytes: 32)
    guard let mode = Mode(rawValue: text) else {
      throw FieldError(field: "mode", expected: "normal or break-glass", actual: JSON.string(text).summary)
    }
    self.mode = mode
    try reader.finish()
  }

  public var kind: EntryKind { .executionStarted }

  public var body: JSON {
    [
      "proposal": .string(proposal.hex), "approvals": .array(approvals.map(JSON.string)),
      "mode": .string(mode.rawValue),
    ]
  }
}
