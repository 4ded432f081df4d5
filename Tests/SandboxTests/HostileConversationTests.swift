import Foundation
import JavaScript
import Testing

@testable import Sandbox

extension SandboxSuite {
  /// A hostile program in the worker's place talks to the daemon.
  @Suite struct HostileConversationTests {
    /// A backend whose workers misbehave in the named way.
    ///
    /// - Parameter readySeconds: how long they may take to say that they are ready. Short only for those that never are.
    static func backend(
      _ way: String, mode: String = "locked", readySeconds: Int = 60, ready: Int = 1
    ) throws -> JailBackend {
      let launcher = try JailLauncher(path: Built.hostile, arguments: ["talk", mode, way, Machine.engine])
      return try JailBackend(
        launcher, .test(worker: Built.hostile, workers: 2, ready: ready), readySeconds: readySeconds)
    }

    private static func failure(_ way: String, seconds: Int = 120) async throws -> SandboxFailure? {
      let backend = try backend(way)
      let session = try await backend.open(.tool("return 1"), seconds: seconds)
      var failure: SandboxFailure?
      do throws(SandboxFailure) {
        _ = try await session.begin()
      } catch {
        // A session that has failed stays so, and says the same again.
        await #expect(throws: error) { _ = try await session.begin() }
        failure = error
      }
      session.end()
      session.end()
      // Other tests count the children of this process.
      await backend.shutDown()
      return failure
    }

    /// What workers are told apart by, when the text does not matter.
    private enum Kind: Equatable { case violation, death, timeout, unavailable, none, other }

    private static func kind(_ failure: SandboxFailure?) -> Kind {
      switch failure {
      case .protocolViolation: .violation
      case .died: .death
      case .timedOut: .timeout
      case .unavailable: .unavailable
      case nil: Kind.none
      case .overloaded, .ended: .other
      }
    }

    @Test(arguments: [
      "giant_header", "unknown_kind", "hosts_kind", "ready_again", "empty_turn", "two_turns", "trailing_bytes",
      "lying_length", "lying_count", "wrong_number", "flood",
    ]) func breakingTheProtocolCostsTheRun(way: String) async throws {
      #expect(Self.kind(try await Self.failure(way)) == .violation, "\(way)")
    }

    @Test(arguments: ["exit_on_program", "crash_on_program", "forbidden_call", "half_turn_and_exit"])
    func dyingCostsTheRun(way: String) async throws {
      let failure = try await Self.failure(way)
      let reasons = [
        "exit_on_program": "exit status 3", "crash_on_program": "killed for an access outside its memory",
        "forbidden_call": "killed for a forbidden system call", "half_turn_and_exit": "exit status 0",
      ]
      // A worker that leaves its input unread breaks the stream, and may be killed before its own death is seen.
      #expect(failure == .died(reason: reasons[way] ?? "") || failure == .died(reason: "killed"), "\(way)")
    }

    @Test(arguments: ["spin", "never_answers", "half_turn", "largest_header", "slow_drip"])
    func beingSlowCostsTheRun(way: String) async throws {
      #expect(try await Self.failure(way, seconds: 1) == .timedOut(seconds: 1), "\(way)")
    }

    @Test(arguments: [
      "silent", "exit", "crash", "garbage", "wrong_engine", "turn_for_ready", "half_ready", "endless_ready",
    ]) func aWorkerThatNeverBecomesReadyServesNobody(way: String) async throws {
      let backend = try Self.backend(way, readySeconds: 1)
      await #expect(throws: SandboxFailure.self) { _ = try await backend.open(.tool("return 1"), seconds: 120) }
      guard case .failure = await backend.availability() else {
        Issue.record("\(way) is available")
        return
      }
      await backend.shutDown()
      #expect(backend.population == 0)
    }

    @Test func claimsAreHeldAgainstTheKernel() async throws {
      let backend = try Self.backend("false_claims", mode: "bare")
      let failure = await #expect(throws: SandboxFailure.self) {
        _ = try await backend.open(.tool("return 1"), seconds: 120)
      }
      #expect(failure == .protocolViolation("it claims seccomp, and the kernel knows of no filter"))
      await backend.shutDown()
    }

    @Test func aWorkerThatStopsItselfIsKilledAllTheSame() async throws {
      let backend = try Self.backend("stop", mode: "bare", readySeconds: 1)
      await #expect(throws: SandboxFailure.self) { _ = try await backend.open(.tool("return 1"), seconds: 120) }
      await backend.shutDown()
      #expect(backend.population == 0)
    }

    @Test(arguments: ["ready_then_exit", "ready_and_noise"])
    func aWorkerThatGoesBadWhileIdleIsReplaced(way: String) async throws {
      let backend = try Self.backend(way)
      // Whichever of them is handed out, it does no more than fail its run.
      for _ in 0..<3 {
        do {
          let session = try await backend.open(.tool("return 1"), seconds: 120)
          _ = try await session.begin()
          Issue.record("\(way) gave a turn")
        } catch {
          #expect([.death, .violation, .unavailable].contains(Self.kind(error)), "\(error)")
        }
      }
      await backend.shutDown()
    }

    @Test func theHostileWorkerCanAlsoBeHonest() async throws {
      let backend = try Self.backend("honest")
      let session = try await backend.open(.tool("return 1"), seconds: 120)
      #expect(try await session.begin().text == "7")
      await backend.shutDown()
    }

    @Test func aWorkerThatDoesNotReadIsKilledInTime() async throws {
      let backend = try Self.backend("never_reads")
      let source = String(repeating: " ", count: MachineLimits.maxValueBytes - 100)
      let session = try await backend.open(.tool(source), seconds: 1)
      await #expect(throws: SandboxFailure.timedOut(seconds: 1)) { _ = try await session.begin() }
      await backend.shutDown()
    }

    /// The daemon after all of them: the next run works, and nothing is left. In a process of its own, where nobody else
    /// opens descriptors or has children.
    @Test func hostileWorkersLeaveNothingBehind() async throws {
      await #expect(processExitsWith: .success) { try await Self.outliveHostileWorkers() }
    }

    private static func outliveHostileWorkers() async throws {
      // With the first sleep the runtime opens the descriptors that it waits by, and keeps them.
      try await Task.sleep(for: .milliseconds(1))
      let before = try descriptors()
      try await meetHostileWorkers()
      #expect(try children().isEmpty)
      // A pool's own descriptors go with its threads, which end after it has been shut down.
      for _ in 0..<6000 {
        if try descriptors() == before { break }
        try await Task.sleep(for: .milliseconds(10))
      }
      let after = try descriptors()
      #expect(after == before, "\(after), before \(before)")
    }

    private static func meetHostileWorkers() async throws {
      let good = try JailBackend(.test())
      #expect(try await good.open(.tool("return 1"), seconds: 120).begin().text == "1")
      for way in ["giant_header", "crash_on_program", "forbidden_call", "endless_ready", "exit", "two_turns", "honest"]
      {
        let bad = try backend(way)
        if let session = try? await bad.open(.tool("return 1"), seconds: 120) { _ = try? await session.begin() }
        await bad.shutDown()
        #expect(bad.population == 0)
      }
      #expect(try await good.open(.tool("return 2"), seconds: 120).begin().text == "2")
      await good.shutDown()
      #expect(good.population == 0)
    }

    /// The open ones of this process, each with what it leads to. But for timers: the sandbox has none, and the runtime
    /// opens its own for the first sleep that is not over before it is begun, whenever that is.
    private static func descriptors() throws -> [String: String] {
      let directory = "/proc/self/fd"
      var found: [String: String] = [:]
      for number in try FileManager.default.contentsOfDirectory(atPath: directory) {
        // The one by which they are read is gone.
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\(number)")
        if target != "anon_inode:[timerfd]" { found[number] = target }
      }
      return found
    }

    /// Living and dead ones.
    private static func children() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").flatMap { task in
        (SystemFile.read("/proc/self/task/\(task)/children") ?? "").split(separator: " ").map(String.init)
      }
    }
  }
}
