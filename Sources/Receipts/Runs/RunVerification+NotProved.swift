import Governance

/// What the receipt of a run cannot show, and where it is shown.
extension RunVerification {
  func sayRegistration() throws(CheckFailure) -> StepOutcome {
    let proposal = try need(log, .entries).proposed.body.proposal
    return .notProved(
      "That the owners approved the tool is shown by the receipt of its registration, \(proposal.hex), or by an audit of the log."
    )
  }

  func sayAsker() throws(CheckFailure) -> StepOutcome {
    let body = try need(log, .entries).started.body
    let task = body.parent.map { " That it is call \($0.number) of the run \($0.run) is shown by that run's receipt." }
    return .notProved("That \(body.client.text) asked is the box's word.\(task ?? "")")
  }

  func sayAnswers() throws(CheckFailure) -> StepOutcome {
    guard try !need(log, .entries).called.isEmpty else { return .notApplicable("It asked the world nothing.") }
    return .notProved(
      "The log has digests of what the box says it was told. That a server, a model or a person said so, and what each answer cost, is its word."
    )
  }

  func sayLinked() throws(CheckFailure) -> StepOutcome {
    let called = try need(log, .entries).called.map(\.body)
    let proposals = called.compactMap(\.proposal)
    let children = called.compactMap(\.child)
    guard !proposals.isEmpty || !children.isEmpty else {
      return .notApplicable("No answer names a proposal or another run.")
    }
    let counts = [
      proposals.isEmpty ? nil : PlainWords.count(Int64(proposals.count), "proposal"),
      children.isEmpty ? nil : PlainWords.count(Int64(children.count), "run"),
    ].compactMap { $0 }
    return .notProved("The \(counts.joined(separator: " and ")) that its answers name have their own receipts.")
  }

  func sayEnding() throws(CheckFailure) -> StepOutcome {
    if case .failure(let kind, _) = try need(log, .entries).finished.body.outcome, !kind.isReplayable {
      return .notProved(
        "The run was ended by \(kind.rawValue), from outside the tool: no repetition shows that, and it is the box's word."
      )
    }
    return .notProved(
      "That the tool comes to this from these answers is shown by doing it again with the run's bundle: safebox run replay."
    )
  }
}
