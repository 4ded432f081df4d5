import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Testing

@testable import SystemOperations

/// What is recorded of operations, and what a crash at any moment leaves.
@Suite struct JournalTests {
  private func ordered() throws -> (BoxLog, SHA256Digest) {
    var log = try BoxLog()
    let id = try log.order("directory.create", ["name": "reports"])
    return (log, id)
  }

  /// The files of a machine whose power went while an operation was under way.
  private func interrupted(_ log: BoxLog, _ id: SHA256Digest) async throws -> Machine {
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let gate = Gate()
    machine.executor.hold(gate)
    async let result = machine.perform(id)
    await gate.entered()
    let files = try copy(of: machine.directory)
    await gate.open()
    _ = try await result
    return try Machine(log, in: files)
  }

  @Test func whatWasInterruptedIsReconciledAndNeverPerformedAgain() async throws {
    let (log, id) = try ordered()
    for reconciliation in [
      Reconciliation.executed(["found": "done"]), .failed(OperationFault(code: "gone", detail: "nothing left")),
      .unknown(OperationFault(code: "unclear", detail: "who knows")),
    ] {
      let machine = try await interrupted(log, id)
      machine.executor.answer(reconciliation)
      let result = try await machine.perform(id)
      #expect(machine.executor.calls.map(\.way) == [.reconcile])
      switch reconciliation {
      case .executed(let object): #expect(result.result == .executed(object))
      case .failed(let fault): #expect(result.result == .failed(fault))
      case .unknown(let fault): #expect(result.result == .unknown(fault))
      }
      // And it is over now.
      #expect(try await machine.perform(id) == result)
      #expect(machine.executor.reconciled == 1)
    }
  }

  @Test func theNextStartReconcilesByItself() async throws {
    let (log, id) = try ordered()
    let machine = try await interrupted(log, id)
    // Long after: it was begun in time.
    machine.now += 86_400_000
    try await machine.desk.recover()
    #expect(machine.executor.calls.map(\.way) == [.reconcile])
    try await machine.desk.recover()
    #expect(machine.executor.reconciled == 1)
    #expect(try await machine.perform(id).result == .executed(["reconciled": true]))
  }

  @Test func aCrashBeforeTheJournalIsWrittenLeavesNothingBegun() async throws {
    let (log, id) = try ordered()
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    machine.executor.refuse(with: OperationFault(code: "manifest.bytes", field: "params.bytes", detail: "differs"))
    #expect(await code { try await machine.perform(id) } == "manifest.bytes")
    let again = try Machine(log, in: copy(of: machine.directory))
    #expect(try await again.perform(id).result.outcome == .executed)
    #expect(again.executor.performed == 1)
  }

  @Test func aFailureIsRecordedAndNotTriedAgain() async throws {
    let (log, id) = try ordered()
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let fault = OperationFault(code: "disk.full", detail: "no space", evidence: ["free": 0])
    machine.executor.fail(with: fault)
    let result = try await machine.perform(id)
    // What was snapshot before is part of what is reported.
    guard case .failed(let reported) = result.result else {
      Issue.record("it failed")
      return
    }
    #expect(reported.code == "disk.full")
    #expect(reported.evidence["snapshot"]?["after"] == false)
    machine.executor.fail(with: nil)
    #expect(try await machine.perform(id) == result)
    #expect(machine.executor.performed == 1)
  }

  @Test func whenTheJournalCannotBeWrittenNobodyIsToldAndNothingMoreIsBegun() async throws {
    let (begun, id) = try ordered()
    var log = begun
    let other = try log.order("directory.create", ["name": "other"])
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let gate = Gate()
    machine.executor.hold(gate)
    async let first = code { try await machine.perform(id) }
    await gate.entered()
    // Another hand has put something where the result belongs.
    try machine.directory.write([], to: "journal/\(id.hex).finished")
    await gate.open()
    #expect(await first != nil)
    #expect(await code { try await machine.perform(other) } == "journal")
    #expect(machine.lines.contains { $0.hasPrefix("alarm") })
  }

  @Test func finishedOperationsAreForgottenWhenTheLogIsPastThem() async throws {
    let (begun, id) = try ordered()
    var log = begun
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    try await machine.perform(id)
    #expect(try Machine(log, in: copy(of: machine.directory)).directory.read("journal/\(id.hex).finished").count > 0)
    try log.finish(id)
    _ = try await machine.desk.follow(log.push(from: log.size - 1))
    let again = try Machine(log, in: copy(of: machine.directory))
    #expect(throws: (any Error).self) { try again.directory.read("journal/\(id.hex).finished") }
    #expect(throws: (any Error).self) { try again.directory.read("journal/\(id.hex).begun") }
  }

  @Test func oneOperationAtATime() async throws {
    let (begun, id) = try ordered()
    var log = begun
    let other = try log.order("directory.create", ["name": "other"])
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let gate = Gate()
    machine.executor.hold(gate)
    async let first = machine.perform(id)
    await gate.entered()
    #expect(await code { try await machine.perform(other) } == "busy")
    #expect(await code { try await machine.perform(id) } == "busy")
    // The log is followed meanwhile.
    _ = try log.open("directory.create", ["name": "third"])
    #expect(try await machine.desk.follow(log.push(from: log.size - 1)).size == log.size)
    await gate.open()
    #expect(try await first.result.outcome == .executed)
    #expect(try await machine.perform(other).result.outcome == .executed)
    #expect(machine.executor.performed == 2)
  }

  @Test func whatKeepsFailingIsLeftAlone() async throws {
    var log = try BoxLog()
    let ids = try (0..<4).map { _ in try log.order("directory.create", ["name": "reports"]) }
    let other = try log.order("directory.create", ["name": "other"])
    let machine = try Machine(log, patience: .init(free: 2, first: 5000, longest: 60_000, memory: 3_600_000))
    _ = try await machine.desk.follow(log.push())
    machine.executor.fail(with: OperationFault(code: "disk.full", detail: "no space"))
    for id in ids.prefix(3) { try await machine.perform(id) }
    #expect(await code { try await machine.perform(ids[3]) } == "churn")
    machine.executor.fail(with: nil)
    // Another object is another matter.
    #expect(try await machine.perform(other).result.outcome == .executed)
    machine.now += 5000
    #expect(try await machine.perform(ids[3]).result.outcome == .executed)
  }

  @Test func nothingIsDoneWithoutTheSnapshotBefore() async throws {
    let (log, id) = try ordered()
    let machine = try Machine(log, snapshots: nil)
    _ = try await machine.desk.follow(log.push())
    #expect(await code { try await machine.perform(id) } == "snapshot.not_available")
    struct Failing: SnapshotHook {
      func before(_ mandate: Mandate, scope: SnapshotName.Scope) async throws -> JSONObject {
        throw OperationFault(code: "snapshot.full", detail: "no space")
      }
      func after(_ mandate: Mandate, scope: SnapshotName.Scope, succeeded: Bool) async throws -> JSONObject { [:] }
    }
    let failing = try Machine(log, snapshots: Failing())
    _ = try await failing.desk.follow(log.push())
    #expect(try await failing.perform(id).result.outcome == .failed)
    #expect(failing.executor.performed == 0)
  }

  @Test func anOperationWithoutAnExecutorSaysSo() async throws {
    let (log, id) = try ordered()
    let machine = try Machine(log, executors: [:])
    _ = try await machine.desk.follow(log.push())
    #expect(await code { try await machine.perform(id) } == "not_available")
    #expect(try machine.directory.read("log/entries").count > 0)
    #expect(throws: (any Error).self) { try machine.directory.read("journal/\(id.hex).begun") }
  }

  @Test func reportsAreSignedOverWhatTheySay() async throws {
    let (log, id) = try ordered()
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let reported = try await machine.perform(id)
    let report = try SystemReport(
      claim: reported.report, key: machine.key, box: log.origin, proposal: id, result: reported.result)
    #expect(report.operation == "directory.create")
    #expect(report.outcome == .executed)
    #expect(report.at == machine.now)
    // The daemon invents another result, another proposal, another box, or signs with a key of its own.
    let other = ClaimKey(try Owners.key("the daemon").publicKey)
    #expect(
      await code {
        _ = try SystemReport(
          claim: reported.report, key: machine.key, box: log.origin, proposal: id, result: .executed(["done": "more"]))
      } == "field stm.result")
    #expect(
      await code {
        _ = try SystemReport(
          claim: reported.report, key: machine.key, box: log.origin, proposal: id,
          result: .failed(OperationFault(code: "a", detail: "b")))
      } == "field stm.outcome")
    #expect(
      await code {
        _ = try SystemReport(
          claim: reported.report, key: machine.key, box: log.origin, proposal: SHA256.hash([1]), result: reported.result
        )
      } == "field stm.proposal")
    #expect(
      await code {
        _ = try SystemReport(
          claim: reported.report, key: machine.key, box: "other", proposal: id, result: reported.result)
      } == "field stm.box")
    #expect(
      await code {
        _ = try SystemReport(
          claim: reported.report, key: other, box: log.origin, proposal: id, result: reported.result)
      } == "field key")
    var text = reported.report.canonicalString()
    text.replace("\"outcome\":\"executed\"", with: "\"outcome\":\"failed\"")
    let altered = try JSON(parsing: Array(text.utf8), limits: .claim)
    #expect(throws: ClaimError.self) {
      try SystemReport(
        claim: altered, key: machine.key, box: log.origin, proposal: id,
        result: .failed(OperationFault(code: "a", detail: "b")))
    }
  }
}
