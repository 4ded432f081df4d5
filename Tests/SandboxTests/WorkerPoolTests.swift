import JavaScript
import Testing

@testable import Sandbox

extension SandboxSuite {
  @Suite struct WorkerPoolTests {
    @Test func whatIsOverTheBoundsIsRefused() async throws {
      let backend = try JailBackend(.test(workers: 1, queue: 1))
      let first = try await backend.open(.tool("await Protocol.HTTP.get(1)"), seconds: 120)
      #expect(try await first.begin().state == .waiting)
      let second = Task { try await backend.open(.tool("return 2"), seconds: 120).begin().text }
      // One may wait; whoever comes when it does is sent away.
      while backend.waiting == 0 { await Task.yield() }
      await #expect(throws: SandboxFailure.overloaded) { _ = try await backend.open(.tool("return 3"), seconds: 120) }
      first.end()
      #expect(try await second.value == "2")
      await backend.shutDown()
    }

    @Test func manyRunsAtOnceAreServedInTurn() async throws {
      let backend = try JailBackend(.test(workers: 4, ready: 2, queue: 200))
      let sum = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<100 {
          group.addTask {
            let session = try await backend.open(
              .tool("return input + await Protocol.HTTP.get(input)", input: "\(number)"), seconds: 120)
            _ = try await session.begin()
            let turn = try await session.answer(
              MachineAnswer(call: 0, isError: false, value: Array("1000".utf8), at: 1_700_000_000_001))
            return Int(turn.text) ?? -1
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(sum == 100 * 1000 + 99 * 50)
      await backend.shutDown()
      #expect(backend.population == 0)
    }

    @Test func aSessionEndsAtOnceAndForGood() async throws {
      let backend = try JailBackend(.test())
      let limits = MachineLimits(fuel: 1_000_000, memory: 64 << 20, stack: 256 << 10, calls: 0)
      let session = try await backend.open(.tool("for (;;) {}", limits: limits), seconds: 60)
      let turn = Task { try await session.begin() }
      while backend.population == 0 { await Task.yield() }
      session.end()
      await #expect(throws: SandboxFailure.ended) { _ = try await turn.value }
      await #expect(throws: SandboxFailure.ended) { _ = try await session.begin() }
      await backend.shutDown()
    }

    @Test func aSessionThatIsForgottenGivesItsWorkerBack() async throws {
      let backend = try JailBackend(.test(workers: 1))
      for _ in 0..<3 {
        let session = try await backend.open(.tool("await Protocol.HTTP.get(1)"), seconds: 120)
        #expect(try await session.begin().state == .waiting)
      }
      await backend.shutDown()
    }

    @Test func twoTurnsAtOnceAreRefused() async throws {
      let backend = try JailBackend(.test())
      let limits = MachineLimits(fuel: 1_000_000, memory: 64 << 20, stack: 256 << 10, calls: 0)
      let session = try await backend.open(.tool("for (;;) {}", limits: limits), seconds: 120)
      await withTaskGroup { turns in
        for _ in 0..<2 { turns.addTask { await Self.failure { try await session.begin() } } }
        // Whichever comes second is refused; the first would go on for ever.
        #expect(await turns.next() == .unavailable(.jail, reason: "another turn of this run is under way"))
        session.end()
        #expect(await turns.next() == .ended)
      }
      await backend.shutDown()
    }

    private static func failure(_ body: () async throws -> MachineTurn) async -> SandboxFailure? {
      do {
        _ = try await body()
        return nil
      } catch {
        return error as? SandboxFailure
      }
    }

    @Test func nobodyIsServedAfterTheEnd() async throws {
      let backend = try JailBackend(.test())
      await backend.shutDown()
      await backend.shutDown()
      await #expect(throws: SandboxFailure.unavailable(.jail, reason: "it is shutting down")) {
        _ = try await backend.open(.tool("return 1"), seconds: 120)
      }
    }

    @Test func aMissingWorkerIsSaidToBeMissing() throws {
      #expect(throws: SandboxFailure.unavailable(.jail, reason: "/nonexistent: No such file or directory")) {
        _ = try JailBackend(.test(worker: "/nonexistent"))
      }
    }

    @Test func whatIsNoProgramIsNamedWithTheStep() async throws {
      let backend = try JailBackend(.test(worker: "/etc/passwd"))
      await #expect(throws: SandboxFailure.unavailable(.jail, reason: "exec: Permission denied")) {
        _ = try await backend.open(.tool("return 1"), seconds: 120)
      }
      await backend.shutDown()
    }

    @Test func aProgramThatFitsInNoFrameFailsAsInTheMachine() async throws {
      let backend = try JailBackend(.test())
      let input = "\"" + String(repeating: "x", count: MachineLimits.maxValueBytes) + "\""
      let turn = try await backend.open(.tool("return 1", input: input), seconds: 120).begin()
      #expect(turn.text.hasPrefix("value"))
      await backend.shutDown()
    }

    @Test func theLargestTurnsPass() async throws {
      let backend = try JailBackend(.test())
      let size = MachineLimits.maxValueBytes - 2
      let session = try await backend.open(
        .tool(
          "let a = await Protocol.HTTP.get('x'.repeat(\(size))); return a",
          input: "\"" + String(repeating: "i", count: size) + "\""), seconds: 120)
      #expect(try await session.begin().calls.first?.arguments.count == MachineLimits.maxValueBytes)
      let value = Array(("\"" + String(repeating: "v", count: size) + "\"").utf8)
      let last = try await session.answer(
        MachineAnswer(call: 0, isError: false, value: value, at: 1_700_000_000_001))
      #expect(last.state == .finished(value))
      await backend.shutDown()
    }
  }
}
