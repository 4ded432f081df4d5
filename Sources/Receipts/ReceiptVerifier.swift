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
  private let appraisal: EvidenceExpectation?

  /// A verifier of receipts of one box, or, said in so many words, of any.
  ///
  /// - Parameter appraisal: Against what evidence in the receipt is held; nil leaves that to others, and the report says so.
  public init(expecting expected: ExpectedBox, appraisal: EvidenceExpectation? = nil) {
    self.expected = expected
    self.appraisal = appraisal
  }

  /// Checks the file of a receipt: of an action, or of a run.
  public func verify(_ bytes: [UInt8]) -> ReceiptReport {
    var file: Result<JSON, CheckFailure>
    do { file = .success(try ReceiptFile.json(bytes)) } catch { file = .failure(error) }
    if case .success(let json) = file, json["format"] == .string(RunReceipt.format) {
      var verification = RunVerification(json: json, size: bytes.count, expected: expected, appraisal: appraisal)
      let (steps, holding) = Self.walk(StepID.ofRuns, &verification)
      return ReceiptReport(steps: steps, explanation: ReceiptExplanation(verification, holding: holding))
    }
    var verification = Verification(file: file, size: bytes.count, expected: expected, appraisal: appraisal)
    let (steps, holding) = Self.walk(StepID.ofActions, &verification)
    return ReceiptReport(steps: steps, explanation: ReceiptExplanation(verification, holding: holding))
  }

  private static func walk(
    _ ids: [StepID], _ verification: inout some Verifying
  ) -> (steps: [Step], holding: Set<StepID>) {
    var steps: [Step] = []
    var holding: Set<StepID> = []
    for id in ids {
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
    return (steps, holding)
  }

  /// Checks a receipt that has been read.
  public func verify(_ receipt: Receipt) -> ReceiptReport { verify(receipt.bytes) }

  /// Checks a receipt that has been read.
  public func verify(_ receipt: RunReceipt) -> ReceiptReport { verify(receipt.bytes) }
}

/// Steps that are made one after another, each on what those before it have established.
protocol Verifying {
  mutating func run(_ id: StepID) throws(CheckFailure) -> StepOutcome
}

extension Verifying {
  /// A value of an earlier step. A missing one is a fault of the table of needs, and is reported as a failure: a check
  /// that cannot run must never look like one that held.
  func need<Value>(_ value: Value?, _ id: StepID) throws(CheckFailure) -> Value {
    guard let value else { throw Self.incomplete(id) }
    return value
  }

  static func incomplete(_ id: StepID) -> CheckFailure {
    CheckFailure("\(id.rawValue).incomplete", expected: "the step to have run", actual: "nothing from it")
  }
}

/// What the steps have established so far. Each value is set by the step that checks it, and steps that need it run only
/// where that step held.
struct Verification: Verifying {
  let file: Result<JSON, CheckFailure>
  /// Bytes of the file.
  let size: Int
  var base: LogVerification

  // format, entries
  var receipt: Receipt?
  var log: LoggedStory?
  // constitution, policy, approvals, decision
  var constitution: Constitution?
  var procedure: Procedure?
  var approvals: [CountedApproval] = []
  var decision: Satisfaction?
  var restsOnBudgets = false
  // openings
  var openingsHold = false

  init(file: Result<JSON, CheckFailure>, size: Int, expected: ExpectedBox, appraisal: EvidenceExpectation?) {
    self.file = file
    self.size = size
    base = LogVerification(expected: expected, appraisal: appraisal)
  }

  mutating func run(_ id: StepID) throws(CheckFailure) -> StepOutcome {
    switch id {
    case .format: try checkFormat()
    case .entries: try checkEntries()
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
    case .checkpoint, .logSignature, .boxKey, .witnesses, .inclusion, .genesis, .identity, .evidence, .release:
      try base.run(id)
    default: throw Self.incomplete(id)
    }
  }
}

/// The entries of a receipt by the parts they play.
struct LoggedStory {
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
