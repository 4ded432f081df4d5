import CanonicalJSON
import Cryptography
import Governance
import Testing

@testable import Audit

/// Logs with tools, runs and policy code: decided again by an auditor, entry by entry.
@Suite struct RunAuditTests {
  /// A box in which runs of a tool call, propose, are resumed and end, while policy code decides what they ask for.
  private func history(rounds: Int = 12) throws -> TestBox {
    var box = try TestBox()
    let manifest = ToolManifest(name: "payer", version: "1.0.0", source: .of("source"))
    let register = try box.open("tool.register", ["manifest": manifest.json])
    try box.approve(register, by: "ana")
    try box.execute(register)
    let set = try box.open("community.set", ["community": "acme", "settings": [:]])
    try box.approve(set, by: "ben")
    try box.execute(set)
    for round in 0..<rounds {
      box.pass(seconds: 1700)
      let run = try box.start(round, manifest.digest)
      try box.answer(run, calls: [1, 0])
      let proposer: Proposer = round % 3 == 0 ? .client("app") : .run(run)
      let id = try box.open("coded.pay", ["amount": .integer(Int64(round) * 10)], by: proposer)
      if case .open? = box.state.status(of: id, at: box.now) { try box.approve(id, by: "carl") }
      try box.execute(id)
      try box.open("coded.pay", ["amount": 1000], by: proposer)
      if round % 4 == 0 {
        try box.apply(box.state.resumeRunDraft(for: run, isolation: TestBox.jail, engine: "quickjs-ng 0.17.0-1"))
      }
      try box.answer(run, calls: [2], proposal: id)
      let outcome: RunOutcome = round % 5 == 4 ? .failure(.fuel, message: .of("m")) : .result(.of("done"))
      if round != 7 { try box.apply(box.state.finishRunDraft(for: run, fuel: 9, outcome: outcome)) }
    }
    return box
  }

  @Test func everyDecisionIsMadeAgain() throws {
    let box = try history()
    let report = try audit(box)
    #expect(report.found == [] && report.decided == UInt64(box.log.count))
    #expect(box.state.liveRuns.count == 1)
    // Both branches were named, and some amounts neither.
    let kinds = box.log.map(\.kind)
    #expect(kinds.contains(.proposalApproved) && kinds.contains(.runResumed))
  }

  @Test func aLieAboutARunIsFound() throws {
    let honest = try history(rounds: 1)
    func lying(_ kind: EntryKind, _ change: (inout JSONObject) -> Void) throws -> [String] {
      var box = try TestBox()
      for entry in honest.log.dropFirst() {
        box.now = entry.at
        var body = try #require(entry.body.object)
        if entry.kind == kind { change(&body) }
        let forged = try Entry(at: entry.at, kind: entry.kind, body: .object(body))
        box.log.append(forged)
        _ = try? box.state.apply(forged)
      }
      return try audit(box).faults.map(\.code)
    }
    let other = JSON.string(SHA256Digest.of("other").hex)
    #expect(try lying(.runFinished) { $0["execution"] = other } == ["run.execution"])
    #expect(try lying(.runFinished) { $0["fuel"] = 10 } == ["run.execution"])
    #expect(try lying(.runFinished) { $0["chain"] = other } == ["run.chain"])
    #expect(try lying(.runFinished) { $0["result"] = other } == ["run.execution"])
    // A changed answer shows at the end, which was signed over the true one.
    #expect(try lying(.runCalled) { $0["result"] = other } == ["run.chain"])
    #expect(try lying(.runCalled) { $0["call"] = 1 }.first == "run.answered")
    #expect(try lying(.runStarted) { $0["seed"] = .string(String(repeating: "ff", count: 32)) } == ["run.execution"])
    #expect(try lying(.runStarted) { $0["tool"] = other }.first == "run.unknown-tool")
  }

  /// What follows from a run that could not start is told as that.
  @Test func faultsOfARunNameTheirCause() throws {
    var box = try TestBox()
    let run = try TestBox.run(1)
    try box.force(box.started(1, .of("nothing")))
    try box.force(
      RunCalled(
        run: run, index: 0, call: 0, method: "HTTP.get", arguments: .of("a"), result: .of("r"), isOK: true))
    let report = try audit(box)
    #expect(report.found == ["run.unknown-tool 1", "run.unknown-run 2"])
    #expect(report.faults.last?.follows == 1)
  }

  @Test func aForgedChoiceOfTheCodeIsFound() throws {
    var box = try TestBox()
    let id = try box.open("coded.pay", ["amount": 500])
    try box.force(ExecutionStarted(proposal: id, approvals: [], mode: .normal))
    #expect(try audit(box).found == ["execution.not-approved 2"])
  }

  @Test func theSameCodeChangesNothingAndOtherCodeDoes() throws {
    let box = try history()
    let quota = Quota(open: 50, count: 50, period: 3600)
    func simulate(_ limit: Int64, _ quota: Quota = quota) throws -> SimulationReport {
      let policy = try TestBox.policy("coded.pay", rule: TestBox.coded(limit: limit), quota: quota)
      return try PolicySimulation.run(MemoryLog(box), name: "coded", policy: policy)
    }
    let same = try simulate(100)
    #expect(same.differences.isEmpty && same.considered == 24 && same.refusedEntries == 0)
    let wide = try simulate(10_000)
    #expect(wide.counts[.sooner] ?? 0 + (wide.counts[.otherSigners] ?? 0) > 0)
    let none = try simulate(0)
    #expect(none.counts[.pending] ?? 0 > 0)
    // All runs of the tool count together.
    let bounded = try simulate(100, Quota(open: 50, count: 2, period: 86_400))
    #expect(bounded.differences.contains { "\($0.after)".contains("tool:payer/acme had opened 2 proposals") })
  }
}

extension TestBox {
  static let jail = RunIsolation(backend: "jail", applied: ["seccomp"], missing: [])

  static func run(_ number: Int) throws -> RunID {
    try #require(RunID(SHA256.hash(utf8: "run \(number)").bytes))
  }

  func started(_ number: Int, _ tool: SHA256Digest) throws -> RunStarted {
    RunStarted(
      run: try Self.run(number), tool: tool, community: "acme", client: .client("app"), input: .of("input"),
      seed: Array(repeating: UInt8(number), count: 32), isolation: Self.jail, engine: "quickjs-ng 0.17.0-1")
  }

  mutating func start(_ number: Int, _ tool: SHA256Digest) throws -> RunID {
    let body = try started(number, tool)
    try apply(body)
    return body.run
  }

  mutating func answer(_ run: RunID, calls: [Int64], proposal: SHA256Digest? = nil) throws {
    for call in calls {
      pass(seconds: 1)
      let answer = RunCalled(
        run: run, index: 0, call: call, method: "HTTP.send", arguments: .of("a"), result: .of(.integer(call)),
        isOK: true, proposal: proposal)
      try apply(state.callRunDraft(answer))
    }
  }
}
