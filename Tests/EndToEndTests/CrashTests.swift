import CanonicalJSON
import Foundation
import Glibc
import TestSupport
import Testing

/// The box dies while the bank has booked and not yet answered. Each test would book twice, or lose what happened, if the
/// start were not durable before the effect.
@Suite struct CrashTests {
  /// A payment under way: the bank has booked it and holds its answer back.
  private func interrupted(_ box: TestBox, idempotent: Bool) throws -> String {
    box.bank.hold()
    let id = try box.propose(idempotent: idempotent)
    try box.approve(id, by: "engineer")
    try box.approve(id, by: "auditor")
    try box.bank.waitForRequest()
    #expect(try box.proposal(id).at("status", "name") == "executing")
    return id
  }

  @Test func anEffectThatMayHaveHappenedIsNotRepeated() async throws {
    try await story {
      let box = try TestBox()
      let id = try interrupted(box, idempotent: false)
      try box.kill()
      box.bank.release()
      try box.start()
      let proposal = try box.wait(for: "unknown", of: id)
      #expect(box.bank.asked == [id], "asked once, before the crash")
      #expect(proposal["next_steps"]?.array?.first?.string?.contains("execution.resolve") == true)
      // A human asks the bank, and two of them say what it said.
      let resolve = try box.propose(
        "execution.resolve", ["proposal": .string(id), "outcome": "executed", "note": "the bank has it"])
      try box.approve(resolve, by: "engineer")
      try box.approve(resolve, by: "compliance")
      try box.wait(for: "executed", of: resolve)
      try box.wait(for: "executed", of: id)
      #expect(box.bank.asked == [id])
      // The log says all of it, and an auditor agrees.
      let archive = box.directory.file("audit.tar")
      try Safebox.run(["audit", "export", "--data", box.data, "--out", archive])
      try Safebox.run(["audit", "verify", archive, "--box-key", box.publicKeys])
    }
  }

  @Test func anIdempotentEffectIsSentAgainAndBookedOnce() async throws {
    try await story {
      let box = try TestBox()
      let id = try interrupted(box, idempotent: true)
      try box.kill()
      box.bank.release()
      try box.start()
      try box.wait(for: "executed", of: id)
      #expect(box.bank.asked == [id, id], "sent again under the same key")
      #expect(box.bank.booked == [id])
      let receipt = box.directory.file("receipt.json")
      try box.safebox("receipt", "get", id, "--out", receipt)
      try Safebox.run(["receipt", "verify", receipt, "--box-key", box.publicKeys])
    }
  }

  /// Whatever was answered is there after a crash; nothing runs that was not decided.
  @Test func whatWasAnsweredSurvives() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      try box.approve(id, by: "engineer")
      let checkpoint = try HTTPExchange("GET", "/log/checkpoint", at: box.address).text
      try box.kill()
      try box.start()
      #expect(try HTTPExchange("GET", "/log/checkpoint", at: box.address).text == checkpoint)
      #expect(try box.proposal(id)["approvals"]?.array?.count == 1)
      #expect(try box.safebox("show", id).output.contains("DE02"), "private values survive too")
      #expect(box.bank.asked.isEmpty)
      try box.approve(id, by: "auditor")
      try box.wait(for: "executed", of: id)
      #expect(box.bank.asked == [id])
    }
  }

  @Test func terminationWaitsForWhatIsUnderWay() async throws {
    try await story {
      let box = try TestBox()
      let id = try interrupted(box, idempotent: false)
      let process = try box.running
      process.signal(SIGTERM)
      // Draining: the listener is gone while the payment still runs.
      let deadline = Deadline(150)
      while (try? HTTPStream(box.address)) != nil { try #require(!deadline.hasPassed) }
      box.bank.release()
      let ending = try box.stop()
      #expect(ending.status == 0, "\(ending.errors)")
      try box.start()
      #expect(try box.proposal(id).at("status", "name") == "executed")
      #expect(box.bank.asked == [id])
    }
  }
}
