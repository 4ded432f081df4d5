import CanonicalJSON
import Cryptography
import Governance

/// A receipt in plain words: who asked for what, who approved, under which rule, when it was done, with which result. It
/// tells only what the steps that held have established. The texts hold what others have written, JSON escaped but not
/// otherwise made harmless: whoever shows them shows control and bidirectional characters as what they are.
public struct ReceiptExplanation: Sendable, Hashable {
  public enum Topic: String, Sendable, Hashable {
    case request, parameter, policy, approval, decision, execution, result
    case resultValue = "result-value"
    case tool, isolation, call
  }

  public struct Line: Sendable, Hashable {
    public let topic: Topic
    public let text: String
  }

  /// In the order of events; empty where too little of the receipt holds.
  public let lines: [Line]

  init(lines: [Line]) { self.lines = lines }

  init(_ verification: Verification, holding: Set<StepID>) {
    guard holding.contains(.statement), let log = verification.log, let receipt = verification.receipt else {
      lines = []
      return
    }
    var lines: [Line] = []
    func say(_ topic: Topic, _ text: String) { lines.append(Line(topic: topic, text: text)) }
    let opened = log.opened
    let statement = opened.body.statement
    let asker =
      switch opened.body.proposer {
      case .signer(let name): "the signer \(name)"
      case .client(let name): "a client that the box calls \(name)"
      case .run(let id): "a run that the box calls \(id), of the tool \(opened.body.tool ?? ""),"
      }
    say(
      .request,
      "At \(PlainWords.time(opened.at)) \(asker) asked the box \(statement.box) for the action \(statement.action.type)."
    )
    let disclosed = verification.openingsHold ? receipt.openings : [:]
    for member in statement.action.params {
      say(.parameter, "\(member.key): \(Self.text(member.value, openings: disclosed))")
    }
    if holding.contains(.policy), let procedure = verification.procedure {
      let waits = procedure.waits.map(\.delay).max() ?? 0
      let wait = waits > 0 ? ", then a wait of \(PlainWords.duration(waits))" : ""
      let name = procedure.policyName.map { "The policy \($0)" } ?? "The root rule"
      say(.policy, "\(name) decides such actions: \(PlainWords.rule(procedure.rule))\(wait).")
    }
    if holding.contains(.approvals) {
      for counted in verification.approvals {
        let how = counted.isByPasskey ? " with a passkey" : ""
        say(.approval, "\(counted.approval.signer) approved it\(how) at \(PlainWords.time(counted.approval.at)).")
      }
    }
    if holding.contains(.decision), let decision = verification.decision {
      say(.decision, "That was enough at \(PlainWords.time(decision.since)).")
      let how = log.started.body.mode == .breakGlass ? " by break-glass" : ""
      say(.execution, "The box began to carry it out\(how) at \(PlainWords.time(log.started.at)).")
      say(
        .result,
        "At \(PlainWords.time(log.finished.at)) it recorded the outcome \"\(log.finished.body.outcome.rawValue)\".")
      for member in log.finished.body.result {
        say(.resultValue, "\(member.key): \(Self.text(member.value, openings: disclosed))")
      }
    }
    self.lines = lines
  }

  /// A parameter as JSON; a private one only where its disclosed value has been checked.
  private static func text(_ value: JSON, openings: [SHA256Digest: Opening]) -> String {
    guard let commitment = Commitment(json: value) else { return value.canonicalString() }
    guard let opening = openings[commitment.digest] else { return "private, not disclosed" }
    return "\(opening.value.canonicalString()) (private, disclosed with this receipt)"
  }
}
