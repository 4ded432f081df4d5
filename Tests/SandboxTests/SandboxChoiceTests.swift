import JavaScript
import Testing

@testable import Sandbox

extension SandboxSuite {
  @Suite struct SandboxChoiceTests {
    @Test func inProcessIsNoBoundaryAndSaysSo() async throws {
      let sandbox = Sandbox([InProcessBackend()], absent: [.gvisor: "runsc is not installed"])
      let session = try await sandbox.open(.tool("return 1"), on: .inprocess, isFullRequired: false, seconds: 120)
      #expect(try await session.begin().text == "1")
      #expect(session.isolation == Isolation(backend: .inprocess, applied: [], missing: [:]))
      await #expect(throws: SandboxFailure.unavailable(.inprocess, reason: "it is no boundary")) {
        _ = try await sandbox.open(.tool("return 1"), on: .inprocess, isFullRequired: true, seconds: 120)
      }
      await #expect(throws: SandboxFailure.unavailable(.gvisor, reason: "runsc is not installed")) {
        _ = try await sandbox.open(.tool("return 1"), on: .gvisor, isFullRequired: false, seconds: 120)
      }
      await #expect(throws: SandboxFailure.unavailable(.jail, reason: "this box has no such backend")) {
        _ = try await sandbox.open(.tool("return 1"), on: .jail, isFullRequired: false, seconds: 120)
      }
    }

    @Test func aMissingLayerIsRefusedWhereAllAreDemanded() async throws {
      // The hostile worker claims no layer of its own.
      let backend = try HostileConversationTests.backend("honest_and_bare", mode: "bare")
      let sandbox = Sandbox([backend])
      let session = try await sandbox.open(.tool("return 1"), on: .jail, isFullRequired: false, seconds: 120)
      #expect(session.isolation.missing.keys.contains("seccomp"))
      session.end()
      let failure = await #expect(throws: SandboxFailure.self) {
        _ = try await sandbox.open(.tool("return 1"), on: .jail, isFullRequired: true, seconds: 120)
      }
      #expect(failure?.description.contains("seccomp") == true)
      await backend.shutDown()
    }

    @Test func theStatusHasARowForEachBackend() async throws {
      let jail = try JailBackend(.test())
      let rows = await Sandbox([jail, InProcessBackend()], absent: [.gvisor: "runsc is not installed"]).status()
      #expect(rows.map(\.name) == [.jail, .inprocess, .gvisor])
      #expect(rows.map(\.isAvailable) == [true, true, false])
      #expect(rows[0].applied.contains("seccomp"))
      #expect(rows[2].reason == "runsc is not installed")
      await jail.shutDown()
    }

    @Test func turnsAndTheirEndInProcess() async throws {
      let backend = InProcessBackend()
      let session = try await backend.open(
        .tool("return await Protocol.HTTP.get(1) + await Protocol.HTTP.get(2)"), seconds: 120)
      #expect(try await session.begin().calls.count == 1)
      let at: Int64 = 1_700_000_000_001
      #expect(
        try await session.answer(MachineAnswer(call: 0, isError: false, value: Array("3".utf8), at: at)).calls.count
          == 1)
      #expect(
        try await session.answer(MachineAnswer(call: 1, isError: false, value: Array("4".utf8), at: at)).text == "7")
      await #expect(throws: SandboxFailure.ended) { _ = try await session.begin() }
    }

    @Test func aLoopInProcessIsGivenUp() async throws {
      let session = try await InProcessBackend().open(
        .tool("for (;;) {}", limits: MachineLimits(fuel: 500, memory: 1 << 20, stack: 64 << 10, calls: 0)), seconds: 0)
      await #expect(throws: SandboxFailure.timedOut(seconds: 0)) { _ = try await session.begin() }
    }
  }
}
