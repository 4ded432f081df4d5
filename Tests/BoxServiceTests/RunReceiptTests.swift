import CanonicalJSON
import Governance
import HTTPServer
import JavaScript
import Receipts
import Runs
import Sandbox
import Testing

@testable import BoxService

/// Receipts of runs that a real box made in its jail.
@Suite struct RunReceiptTests {
  private static func receipt(_ box: TestBox, _ view: JSON) async throws -> Answer {
    let id = try #require(view["run"]?.string)
    return try await box.get("/v1/runs/\(id)/receipt")
  }

  @Test func aRunHasAReceiptThatAStrangerAccepts() async throws {
    try await ToolRunTests.with { box in
      try await ToolRunTests.register(
        box, "writing", ToolRunTests.writing, uses: [ToolRunTests.grant], more: ["limits": ["calls": 5]])
      let started = try await ToolRunTests.run(box, "writing", ["text": "hello"], headers: [])
      let id = try #require(started["run"]?.string)
      let proposal = try await ToolRunTests.waiting(box, id)
      let early = try await box.get("/v1/runs/\(id)/receipt")
      #expect(early.status == 404)
      #expect(early.code == "no_receipt_yet")
      try await box.approve(try await ToolRunTests.opened(box, proposal), by: "ben")
      let view = try await box.get("/v1/runs/\(id)?wait=60").json
      let answer = try await Self.receipt(box, view)
      try #require(answer.status == 200, "\(answer.text)")
      let report = try ReceiptCheck.report(answer, of: box)
      #expect(report.failures == [])
      #expect(report.steps.map(\.id) == StepID.ofRuns)
      #expect(report.steps.first { $0.id == .boxKey }?.outcome.name == "passed")
      let log = try LoggedRun(try RunReceipt(parsing: answer.body))
      #expect(log.finished.body.execution.hex == view["execution"]?.string)
      #expect(log.called.map(\.body.proposal?.hex) == [proposal])
      #expect(report.explanation.lines.contains { $0.text.contains("by the proposal \(proposal)") })
      // Asked for twice it is the same receipt, and nothing in it says what was private.
      #expect(try await Self.receipt(box, view).body == answer.body)
      #expect(!answer.text.contains("hello"))

      // Whoever is given the bundle does it again, on any machine and without the jail.
      let words = try await box.get("/v1/runs/\(id)/bundle")
      let bundle = try ReplayBundle(json: words.json)
      let recorded = RecordedRun(
        started: log.started.body, startedAt: log.started.at, calls: log.called.map { ($0.body, $0.at) },
        finished: log.finished.body, engine: log.engine)
      #expect(try await Replay.run(recorded, with: bundle, in: InThisProcess()).hex == view["execution"]?.string)
    }
  }

  @Test func aRunThatSurvivedTheBoxHasOneToo() async throws {
    var box = try await TestBox.make(extra: ToolRunTests.policies)
    try await ToolRunTests.register(box, "writing", ToolRunTests.writing, uses: [ToolRunTests.grant])
    let started = try await ToolRunTests.run(box, "writing", ["text": "hello"], headers: [])
    let id = try #require(started["run"]?.string)
    let proposal = try await ToolRunTests.waiting(box, id)
    box = try await box.restarted()
    #expect(try await ToolRunTests.waiting(box, id) == proposal)
    try await box.approve(try await ToolRunTests.opened(box, proposal), by: "ben")
    let view = try await box.get("/v1/runs/\(id)?wait=60").json
    let answer = try await Self.receipt(box, view)
    let report = try ReceiptCheck.report(answer, of: box)
    #expect(report.failures == [])
    #expect(try LoggedRun(try RunReceipt(parsing: answer.body)).resumed.count >= 1)
    await box.stop()
  }

  @Test func thereIsNoneOfARunThatIsNone() async throws {
    try await ToolRunTests.with { box in
      let none = try await box.get("/v1/runs/\(String(repeating: "ab", count: 32))/receipt")
      #expect(none.status == 404)
      #expect(none.code == "no_run")
      #expect(try await box.get("/v1/runs/none/receipt").status == 422)
    }
  }
}

/// The engine without a jail.
private struct InThisProcess: SessionSource {
  let backend = InProcessBackend()

  func isolation(for demand: ToolManifest.IsolationDemand) async throws(SandboxFailure) -> Isolation {
    try await backend.availability().get()
  }

  func open(
    _ program: MachineProgram, demand: ToolManifest.IsolationDemand, seconds: Int
  ) async throws(SandboxFailure) -> any SandboxSession {
    try await backend.open(program, seconds: seconds)
  }
}
