import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import TransparencyLog

/// Checks a receipt as a stranger would: it opens no socket, reads no clock, and recomputes the decision from the
/// signatures instead of taking it from the box. What it cannot check it says it did not check.
///
/// `web/verify.html` makes the same steps with the same codes.
public struct ReceiptVerifier: Sendable {
  private let expected: ExpectedBox

  /// A verifier of receipts of one box, or, said in so many words, of any.
  public init(expecting expected: ExpectedBox) { self.expected = expected }

  /// Checks the file of a receipt.
  public func verify(_ bytes: [UInt8]) -> ReceiptReport {
    var verification = Verification(bytes: bytes, expected: expected)
    var steps: [Step] = []
    var holding: Set<StepID> = []
    for id in StepID.allCases {
      let missing = id.needs.filter { !holding.contains($0) }
      let outcome: StepOutcome
      if missing.isEmpty {
        do { outcome = try verification.run(id) } catch { outcome = .failed(error) }
      } else {
        let names = missing.map(\.rawValue).joined(separator: ", ")
        outcome = .notProved("It rests on what did not pass: \(names).")
      }
      if outcome.holds { holding.insert(id) }
      steps.append(Step(id: id, outcome: outcome))
    }
    return ReceiptReport(steps: steps, explanation: ReceiptExplanation(verification, holding: holding))
  }

  /// Checks a receipt that has been read.
  public func verify(_ receipt: Receipt) -> ReceiptReport { verify(receipt.bytes) }
}

/// What the steps have established so far. Each value is set by the step that checks it, and steps that need it run only
/// where that step held.
struct Verification {
  let bytes: [UInt8]
  let expected: ExpectedBox

  // format, checkpoint, entries
  var receipt: Receipt?
  var signed: SignedCheckpoint?
  var log: LoggedStory?
  // constitution, policy, approvals, decision
  var constitution: Constitution?
  var procedure: Procedure?
  var approvals: [CountedApproval] = []
  var decision: Satisfaction?
  var restsOnBudgets = false
  // openings
  var openingsHold = false

  init(bytes: [UInt8], expected: ExpectedBox) {
    self.bytes = bytes
    self.expected = expected
  }

  mutating func run(_ id: StepID) throws(CheckFailure) -> StepOutcome {
    switch id {
    case .format: try checkFormat()
    case .checkpoint: try checkCheckpoint()
    case .entries: try checkEntries()
    case .logSignature: try checkLogSignature()
    case .boxKey: try checkBoxKey()
    case .witnesses: try checkWitnesses()
    case .inclusion: try checkInclusion()
    case .genesis: try checkGenesis()
    case .constitution: try checkConstitution()
    case .succession: try checkSuccession()
    case .statement: try checkStatement()
    case .policy: try checkPolicy()
    case .proposer: try checkProposer()
    case .approvals: try checkApprovals()
    case .decision: try checkDecision()
    case .predecessors: try checkPredecessors()
    case .execution: try checkExecution()
    case .result: try checkResult()
    case .openings: try checkOpenings()
    case .noObjection: try checkNoObjection()
    case .budgets: try checkBudgets()
    case .identity:
      .notProved("This version binds no identity to hardware: the box's key is proof of the key, not of the machine.")
    case .evidence:
      .notProved(
        "There is no hardware evidence: an operator with full access to the machine could have read or changed its memory."
      )
    case .release: .notProved("Nothing here says which software the box ran.")
    }
  }

  /// A value of an earlier step. A missing one is a fault of the table of needs, and is reported as a failure: a check
  /// that cannot run must never look like one that held.
  func need<Value>(_ value: Value?, _ id: StepID) throws(CheckFailure) -> Value {
    guard let value else {
      throw CheckFailure("\(id.rawValue).incomplete", expected: "the step to have run", actual: "nothing from it")
    }
    return value
  }
}

/// The entries of a receipt by the parts they play.
struct LoggedStory {
  struct Logged<Body: Sendable>: Sendable {
    let index: UInt64
    let at: Int64
    let body: Body
  }

  /// What opened the statement's epoch.
  enum EpochOpening {
    case genesis
    case change(Logged<ExecutionFinished>)
  }

  var genesis: Logged<BoxCreated>
  var epoch: EpochOpening
  var opened: Logged<ProposalOpened>
  var approvals: [Logged<ProposalVote>]
  var started: Logged<ExecutionStarted>
  var finished: Logged<ExecutionFinished>
}

/// An approval whose claim has been verified.
struct CountedApproval {
  let approval: Approval
  let isByPasskey: Bool
}
