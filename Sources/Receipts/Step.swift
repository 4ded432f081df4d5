import CanonicalJSON

/// The steps of verifying a receipt, in the order in which they are made and shown (docs/formats.md section 9).
public enum StepID: String, Sendable, Hashable, CaseIterable {
  case format, checkpoint, entries
  case logSignature = "log-signature"
  case boxKey = "box-key"
  case witnesses, inclusion, genesis, constitution, succession, statement, policy, proposer, approvals, decision
  case predecessors, execution, result, openings
  case noObjection = "no-objection"
  case budgets
  case run, tool, registration, asker, calls, grants, chain
  case executionHash = "execution-hash"
  case isolation, seed, standing, answers, linked, ending
  case identity, evidence, release, measured

  /// The steps of the receipt of an action.
  public static let ofActions: [StepID] = [
    .format, .checkpoint, .entries, .logSignature, .boxKey, .witnesses, .inclusion, .genesis, .constitution,
    .succession,
    .statement, .policy, .proposer, .approvals, .decision, .predecessors, .execution, .result, .openings, .noObjection,
    .budgets, .identity, .evidence, .release,
  ]

  /// The steps of the receipt of a run.
  public static let ofRuns: [StepID] = [
    .format, .checkpoint, .entries, .logSignature, .boxKey, .witnesses, .inclusion, .genesis, .run, .tool,
    .registration,
    .asker, .calls, .grants, .chain, .executionHash, .isolation, .seed, .standing, .answers, .linked, .ending,
    .identity,
    .evidence, .release, .measured,
  ]

  /// What the step is about, in plain words.
  public var title: String {
    switch self {
    case .format: "The file has the form of a receipt"
    case .checkpoint: "The checkpoint can be read"
    case .entries: "The log entries can be read"
    case .logSignature: "The box signed the checkpoint"
    case .boxKey: "The box is the one you expect"
    case .witnesses: "Independent witnesses saw the same log"
    case .inclusion: "Every entry stands in the signed log"
    case .genesis: "The log begins with this box"
    case .constitution: "The rules shown are the rules logged"
    case .succession: "Earlier changes of the rules were decided properly"
    case .statement: "What was proposed is what was voted on"
    case .policy: "The right policy was applied"
    case .proposer: "Who asked is known"
    case .approvals: "The approvals are genuine"
    case .decision: "The approvals satisfy the policy"
    case .predecessors: "What had to happen first has happened"
    case .execution: "It was carried out after the decision"
    case .result: "The result is recorded"
    case .openings: "Disclosed private values are the committed ones"
    case .noObjection: "Nobody stopped it in time"
    case .budgets: "Budgets and counts were kept"
    case .run: "The entries are those of one run, in their order"
    case .tool: "The tool is one that was registered"
    case .registration: "The owners registered the tool properly"
    case .asker: "Who asked for the run is known"
    case .calls: "Every answer that the tool was given is here"
    case .grants: "The tool was given only what its manifest grants"
    case .chain: "The answers are those that were recorded, in this order"
    case .executionHash: "The execution hash is the digest of this run"
    case .isolation: "The tool was as isolated as its manifest demands"
    case .seed: "Chance and time were set from outside"
    case .standing: "The tool was in force and nothing stopped the box"
    case .answers: "The recorded answers are what the world said"
    case .linked: "What the calls changed and started"
    case .ending: "The tool comes to this outcome"
    case .identity: "The box's identity is bound to its hardware"
    case .evidence: "Hardware evidence"
    case .release: "The software is a signed release"
    case .measured: "The tool is among the code that the machine measured"
    }
  }

  /// The steps on whose success this one rests. Where one of them did not pass, this one proves nothing and says so.
  var needs: [StepID] {
    switch self {
    case .format: []
    case .checkpoint, .entries: [.format]
    case .identity, .evidence, .release: [.genesis]
    case .logSignature, .inclusion: [.checkpoint, .entries]
    case .genesis: [.logSignature, .inclusion]
    case .boxKey, .witnesses: [.logSignature]
    case .constitution: [.genesis]
    case .succession, .statement: [.constitution]
    case .policy, .predecessors, .openings: [.statement]
    case .proposer, .approvals, .result: [.policy]
    case .decision: [.approvals]
    case .execution, .noObjection, .budgets: [.decision]
    case .run: [.genesis]
    case .tool, .asker, .seed: [.run]
    case .registration, .calls, .isolation, .standing, .measured: [.tool]
    case .grants, .chain, .answers, .linked: [.calls]
    case .executionHash: [.chain]
    case .ending: [.executionHash]
    }
  }
}

/// What came of a step. There is no fifth case, so a check that was left out cannot look like one that held.
public enum StepOutcome: Sendable, Hashable {
  case passed(String)
  case failed(CheckFailure)
  /// There was nothing to check, and why.
  case notApplicable(String)
  /// Not proved here, and why: nothing speaks against it, and nothing in the receipt shows it.
  case notProved(String)

  /// `passed`, `failed`, `not-applicable` or `not-proved`.
  public var name: String {
    switch self {
    case .passed: "passed"
    case .failed: "failed"
    case .notApplicable: "not-applicable"
    case .notProved: "not-proved"
    }
  }

  /// Whether steps that rest on this one may rest on it.
  var holds: Bool {
    switch self {
    case .passed, .notApplicable: true
    case .failed, .notProved: false
    }
  }

  /// The failure, where there is one.
  public var failure: CheckFailure? { if case .failed(let failure) = self { failure } else { nil } }

  /// What was found, or why nothing was.
  public var detail: String {
    switch self {
    case .passed(let detail), .notApplicable(let detail), .notProved(let detail): detail
    case .failed(let failure): failure.description
    }
  }
}

/// One step with what came of it.
public struct Step: Sendable, Hashable {
  public let id: StepID
  public let outcome: StepOutcome
}

/// What verifying a receipt came to.
public struct ReceiptReport: Sendable, Hashable {
  public enum Verdict: String, Sendable, Hashable {
    /// Nothing failed. What is not proved is listed.
    case accepted
    case rejected
  }

  /// All steps, in their order.
  public let steps: [Step]
  /// Who asked for what, and what became of it. Of a rejected receipt it tells only what the receipt claims.
  public let explanation: ReceiptExplanation

  public var verdict: Verdict { failures.isEmpty ? .accepted : .rejected }

  public var failures: [CheckFailure] { steps.compactMap(\.outcome.failure) }

  /// The steps that nothing in the receipt proves.
  public var notProved: [Step] { steps.filter { $0.outcome.name == "not-proved" } }

  /// The report for programs.
  public var json: JSON {
    [
      "verdict": .string(verdict.rawValue),
      "steps": .array(
        steps.map { step in
          var object: JSONObject = [
            "id": .string(step.id.rawValue), "title": .string(step.id.title), "state": .string(step.outcome.name),
            "detail": .string(step.outcome.detail),
          ]
          if let failure = step.outcome.failure {
            object["code"] = .string(failure.code)
            object["expected"] = .string(failure.expected)
            object["actual"] = .string(failure.actual)
          }
          return .object(object)
        }),
      "explanation": .array(
        explanation.lines.map { ["topic": .string($0.topic.rawValue), "text": .string($0.text)] }),
    ]
  }
}
