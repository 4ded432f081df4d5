import CanonicalJSON
import Cryptography
import Governance

/// The steps about what became of the decision, and those that say what a receipt cannot show.
extension Verification {
  func checkPredecessors() throws(CheckFailure) -> StepOutcome {
    let follows = try need(log, .entries).opened.body.statement.action.follows
    guard !follows.isEmpty else { return .notApplicable("The action follows no other.") }
    return .notProved(
      "That \(follows.map(\.hex).joined(separator: ", ")) had been executed is shown by their own receipts, or by an audit of the log."
    )
  }

  func checkExecution() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let glass =
      log.started.body.mode == .breakGlass ? " By break-glass: its effect ends by itself unless it is ratified." : ""
    return .passed(
      "Begun at \(PlainWords.time(log.started.at)) as entry \(log.started.index), "
        + "ended at \(PlainWords.time(log.finished.at)) as entry \(log.finished.index).\(glass)")
  }

  func checkResult() throws(CheckFailure) -> StepOutcome {
    let body = try need(log, .entries).finished.body
    let new = body.outcome == .executed ? try need(procedure, .policy).effect.constitution : nil
    guard body.epoch == new?.epoch else {
      throw CheckFailure("result.epoch", expected: Self.text(new?.epoch), actual: Self.text(body.epoch))
    }
    guard body.constitution == new?.digest else {
      throw CheckFailure(
        "result.constitution", expected: new?.digest.hex ?? "none", actual: body.constitution?.hex ?? "none")
    }
    guard body.outcome != .unknown else {
      return .notProved("The box does not know whether the action took effect: a human has to settle it.")
    }
    return .passed("The box recorded \"\(body.outcome.rawValue)\". What the world did with it is not in the log.")
  }

  private static func text(_ epoch: Int64?) -> String { epoch.map { "\($0)" } ?? "no new epoch" }

  mutating func checkOpenings() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let openings = try need(receipt, .format).openings
    let result = Commitment.all(in: .object(log.finished.body.result), path: "result")
    let committed = Set((log.opened.body.statement.action.commitments + result).map(\.commitment.digest))
    for (digest, opening) in openings.sorted(by: { $0.key < $1.key }) {
      guard committed.contains(digest) else {
        throw CheckFailure(
          "openings.unused", expected: "openings of commitments in the action or its result", actual: digest.hex)
      }
      let actual = opening.commitment.digest
      guard actual == digest else { throw CheckFailure("openings.digest", expected: digest.hex, actual: actual.hex) }
    }
    openingsHold = true
    guard !committed.isEmpty else { return .notApplicable("Neither the action nor its result has private values.") }
    let hidden = committed.count - openings.count
    guard hidden == 0 else {
      return .notProved("\(hidden) of \(committed.count) private values were not disclosed with this receipt.")
    }
    return .passed("\(PlainWords.count(Int64(committed.count), "private value")), as committed to.")
  }

  func checkNoObjection() throws(CheckFailure) -> StepOutcome {
    let procedure = try need(procedure, .policy)
    let mode = try need(decision, .decision).mode
    let rule = mode == .breakGlass ? procedure.breakGlass?.rule ?? procedure.rule : procedure.rule
    let objectors = rule.timelocks.map(\.objectors.committee) + procedure.waits.flatMap(\.objectors).map(\.committee)
    let names = objectors.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let clause =
      names.isEmpty
      ? "" : "fewer objections than would have stopped it came from \(names.joined(separator: ", ")), and that "
    return .notProved(
      "That \(clause)no change of the rules, withdrawal, revocation, stop or seal came in between, only the whole log can show: an audit does."
    )
  }

  func checkBudgets() throws(CheckFailure) -> StepOutcome {
    if restsOnBudgets {
      return .notProved(
        "The decision rests on budgets or counts over earlier executions, which only the whole log can show: an audit does."
      )
    }
    if try need(procedure, .policy).quota != nil {
      return .notProved(
        "Whether the proposer was within the quota for proposals, only the whole log can show: an audit does.")
    }
    return .notApplicable("The decision rests on no budget and no count.")
  }
}
