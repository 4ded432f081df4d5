import CanonicalJSON
import Governance

extension ReceiptExplanation {
  /// Answers that are told one by one; of more the rest is counted.
  private static let maxCalls = 100

  /// The receipt of a run in plain words.
  init(_ verification: RunVerification, holding: Set<StepID>) {
    guard holding.contains(.tool), let log = verification.log, let manifest = verification.manifest else {
      self.init(lines: [])
      return
    }
    var lines: [Line] = []
    func say(_ topic: Topic, _ text: String) { lines.append(Line(topic: topic, text: text)) }
    let started = log.started.body
    let asker =
      switch started.client {
      case .signer(let name): "somebody whom the box takes for the signer \(name)"
      case .client(let name): "a client that the box calls \(name)"
      case .run(let id): "the run \(id)"
      }
    say(
      .request,
      "At \(PlainWords.time(log.started.at)) \(asker) asked the box \(log.genesis.body.box) to run the tool "
        + "\(manifest.name) \(manifest.version) for the community \(started.community).")
    if let task = started.parent {
      say(.request, "It is the task that call \(task.number) of the run \(task.run) started.")
    }
    let methods = Set(manifest.uses.map(\.method)).sorted()
    let granted = methods.isEmpty ? "nothing of the world" : methods.joined(separator: ", ")
    say(
      .tool,
      "The tool had been registered at \(PlainWords.time(log.registered.at)); it may use \(granted). "
        + "Its source has the digest \(manifest.source.hex).")
    if holding.contains(.isolation) { say(.isolation, "It ran \(RunVerification.words(log.isolations)).") }
    if holding.contains(.chain) {
      for call in log.called.prefix(Self.maxCalls) { say(.call, Self.text(call)) }
      let more = log.called.count - Self.maxCalls
      if more > 0 { say(.call, "\(PlainWords.count(Int64(more), "more answer")) followed.") }
    }
    if holding.contains(.executionHash) {
      let sessions =
        log.resumed.isEmpty ? "" : " It was taken up again \(PlainWords.count(Int64(log.resumed.count), "time"))."
      let finished = log.finished.body
      let came =
        switch finished.outcome {
        case .result(let digest): "came to a result, which the log has as \(digest.hex)"
        case .failure(let kind, _): "failed by \(kind.rawValue)"
        }
      say(
        .result,
        "At \(PlainWords.time(log.finished.at)) it \(came), after \(PlainWords.count(finished.calls, "answer")) "
          + "and \(PlainWords.count(finished.fuel, "unit")) of fuel.\(sessions)")
      say(.execution, "Its execution hash is \(finished.execution.hex).")
    }
    self.init(lines: lines)
  }

  private static func text(_ call: Logged<RunCalled>) -> String {
    let body = call.body
    var text = "At \(PlainWords.time(call.at)) it was told the answer to call \(body.call), \(body.method)"
    if !body.isOK { text += ": refused or failed" }
    if let proposal = body.proposal { text += ", by the proposal \(proposal.hex)" }
    if let child = body.child { text += ", by the run \(child)" }
    if !body.secrets.isEmpty { text += ", with the secret \(body.secrets.joined(separator: ", "))" }
    return text + "."
  }
}
