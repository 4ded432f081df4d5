import CanonicalJSON
import HTTPServer
import Synchronization
import Testing

@testable import Inference

/// The prompt cache against a runner that lies about its slots.
@Suite(.timeLimit(.minutes(5)))
struct SlotTests {
  /// A llama.cpp that claims what it is told to claim.
  private final class Slots: Sendable {
    struct State {
      /// Tokens that the next answer says it reused.
      var cached: Int64 = 0
      var prompt: Int64 = 400
      var restoreStatus = 200
      var restoredTokens: Int64 = 400
      var eraseStatus = 200
      var actions: [String] = []
      var bodies: [JSON] = []
    }
    let state = Mutex(State())

    func script(_ asked: FakeRunner.Asked) -> HTTPResponse {
      state.withLock { state in
        if asked.path.hasPrefix("/slots/") {
          state.actions.append(String(asked.path.dropFirst(7)))
          switch asked.path.split(separator: "=").last {
          case "save": return FakeRunner.json(["n_saved": .integer(state.prompt), "n_written": 1000])
          case "restore":
            return FakeRunner.json(
              ["n_restored": .integer(state.restoredTokens), "error": ["message": "no"]], status: state.restoreStatus)
          default: return FakeRunner.json(["n_erased": 1], status: state.eraseStatus)
          }
        }
        state.bodies.append(asked.body)
        return FakeRunner.json(FakeRunner.answer("x", prompt: state.prompt, cached: state.cached))
      }
    }

    func set(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
    var actions: [String] { state.withLock { $0.actions } }
    var bodies: [JSON] { state.withLock { $0.bodies } }
  }

  private func with(_ slots: Int = 1, _ body: (Box, Slots, RunnerEndpoint) async throws -> Void) async throws {
    let state = Slots()
    let fake = try FakeRunner { state.script($0) }
    try fake.start()
    let endpoint = fake.endpoint("tiny", dialect: .llamaCpp, slots: slots)
    let box = try Box([endpoint])
    do {
      try await body(box, state, endpoint)
    } catch {
      Issue.record(error)
    }
    await fake.stop()
    await box.shutDown()
  }

  private func ask(_ box: Box, _ tag: String, _ turns: [String], token: String = "token-alice") async throws -> String {
    let answer = try await box.chat(turns, token: token, headers: ["X-Safebox-Cache-Tag": tag])
    #expect(answer.status == 200)
    return answer.header("X-Safebox-Cache-Hit") ?? ""
  }

  @Test func aRestoreThatDoesNothingIsAMissAndAnAlarm() async throws {
    try await with { box, slots, _ async throws in
      _ = try await ask(box, "a", ["one"])
      _ = try await ask(box, "b", ["one"])
      // It says that it restored 400 tokens, and computes them all again.
      #expect(try await ask(box, "a", ["one", "x", "two"]) == "false")
      #expect(slots.actions == ["0?action=save", "0?action=save", "0?action=restore"])
      let last = try #require(await box.recorder.usage(after: 3).last)
      #expect(last.cache == .miss(expected: 350, observed: 0))
      #expect(
        box.recorder.alarms == [.restoreIgnored(runner: "runner-tiny", slot: 0, expected: 350, observed: 0)])
      // The file is not trusted a second time.
      _ = try await ask(box, "b", ["one"])
      slots.set { $0.actions = [] }
      _ = try await ask(box, "c", ["one"])
      #expect(!slots.actions.contains { $0.hasSuffix("restore") })
    }
  }

  @Test func aRestoreThatIsUsedIsAHit() async throws {
    try await with { box, slots, _ async throws in
      _ = try await ask(box, "a", ["one"])
      _ = try await ask(box, "b", ["one"])
      slots.set { $0.cached = 380 }
      #expect(try await ask(box, "a", ["one", "x", "two"]) == "true")
      #expect(await box.recorder.usage(after: 3).last?.cache == .restored(tokens: 380))
      #expect(box.recorder.alarms.isEmpty)
    }
  }

  @Test func aRestoreOfAnotherNumberOfTokensIsNone() async throws {
    try await with { box, slots, _ async throws in
      _ = try await ask(box, "a", ["one"])
      _ = try await ask(box, "b", ["one"])
      slots.set { $0.restoredTokens = 3 }
      _ = try await ask(box, "a", ["one", "x", "two"])
      guard case .restoreFailed? = box.recorder.alarms.first else {
        Issue.record("\(box.recorder.alarms)")
        return
      }
    }
  }

  @Test func aRestoreThatIsRefusedIsAnAlarmAndTheTurnGoesOn() async throws {
    try await with { box, slots, _ async throws in
      _ = try await ask(box, "a", ["one"])
      _ = try await ask(box, "b", ["one"])
      slots.set { $0.restoreStatus = 400 }
      #expect(try await ask(box, "a", ["one", "x", "two"]) == "false")
      #expect(box.recorder.alarms == [.restoreFailed(runner: "runner-tiny", slot: 0, reason: "no")])
    }
  }

  @Test func aSlotOfAnotherClientIsErasedBeforeARestoreAndReusedByNobody() async throws {
    try await with { box, slots, _ async throws in
      _ = try await ask(box, "a", ["one"])
      _ = try await ask(box, "a", ["one"], token: "token-bob")
      slots.set { $0.cached = 380 }
      _ = try await ask(box, "a", ["one", "x", "two"])
      #expect(slots.actions.suffix(2) == ["0?action=erase", "0?action=restore"])
      #expect(slots.bodies.map { $0["cache_prompt"] } == [false, false, true])
      // Where it cannot be erased nothing is restored into it, and nothing in it may be reused.
      slots.set { $0.cached = 0 }
      _ = try await ask(box, "a", ["one"], token: "token-bob")
      slots.set { $0.eraseStatus = 500 }
      _ = try await ask(box, "a", ["one", "x", "two", "y", "three"])
      #expect(slots.actions.last == "0?action=erase")
      #expect(slots.bodies.last?["cache_prompt"] == false)
      #expect(
        box.recorder.alarms.contains {
          if case .eraseFailed = $0 { true } else { false }
        })
    }
  }

  @Test func tokensThatCannotBeTheOwnersAreAnAlarm() async throws {
    try await with { box, slots, _ async throws in
      slots.set { $0.cached = 5 }
      _ = try await ask(box, "a", ["one"])
      #expect(box.recorder.alarms == [.foreignReuse(runner: "runner-tiny", slot: 0, observed: 5)])
      // 400 tokens asked and 2 answered: nobody's own prefix has 1,000.
      slots.set {
        $0.cached = 1000
        $0.prompt = 1200
      }
      _ = try await ask(box, "a", ["one", "x", "two"])
      #expect(box.recorder.alarms.last == .foreignReuse(runner: "runner-tiny", slot: 0, observed: 1000))
    }
  }

  @Test func aPinThatWasLostIsAMissWithoutAlarm() async throws {
    try await with { box, slots, _ async throws in
      _ = try await ask(box, "a", ["one"])
      #expect(try await ask(box, "a", ["one", "x", "two"]) == "false")
      #expect(await box.recorder.usage(after: 2).last?.cache == .miss(expected: 350, observed: 0))
      #expect(box.recorder.alarms.isEmpty)
    }
  }

  @Test func everyRequestNamesItsSlot() async throws {
    try await with(2) { box, slots, _ async throws in
      _ = try await ask(box, "a", ["one"])
      _ = try await ask(box, "b", ["one"])
      _ = try await ask(box, "a", ["one", "x", "two"])
      _ = try await box.send("/v1/completions", ["model": "tiny", "prompt": "x"])
      #expect(slots.bodies.map { $0["id_slot"] } == [0, 1, 0, 1])
      #expect(slots.bodies.last?["cache_prompt"] == false)
    }
  }

  @Test func aSuspendedRunnerTakesNobodyUntilItIsBack() async throws {
    try await with { box, slots, endpoint async throws in
      _ = try await ask(box, "a", ["one"])
      #expect(await box.gateway.suspend(endpoint) == 1)
      let asking = Task { try await self.ask(box, "a", ["one", "x", "two"]) }
      while box.gateway.admission.waiting(at: endpoint) == 0 { await Task.yield() }
      #expect(slots.bodies.count == 1)
      box.gateway.resume(endpoint)
      _ = try await asking.value
      #expect(slots.bodies.count == 2)
    }
  }
}
