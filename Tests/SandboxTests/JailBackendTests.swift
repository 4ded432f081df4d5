import CJail
import Foundation
import Glibc
import JavaScript
import Testing

@testable import Sandbox

extension SandboxSuite {
  @Suite struct JailBackendTests {
    @Test func aToolRunsInTheJail() async throws {
      let backend = try JailBackend(.test())
      let session = try await backend.open(.tool("return input.map(n => n * 2)", input: "[1,2,3]"), seconds: 120)
      let turn = try await session.begin()
      #expect(turn.text == "[2,4,6]")
      await backend.shutDown()
      #expect(backend.population == 0)
    }

    @Test func aToolTalksInTurns() async throws {
      let backend = try JailBackend(.test())
      let session = try await backend.open(
        .tool("let a = await Protocol.HTTP.get({url: 'https://a'}); return [a, Date.now()]"), seconds: 120)
      let turn = try await session.begin()
      #expect(turn.calls.map(\.method) == ["HTTP.get"])
      let last = try await session.answer(
        MachineAnswer(call: 0, isError: false, value: Array(#"{"status":200}"#.utf8), at: 1_700_000_000_500))
      #expect(last.text == #"[{"status":200},1700000000500]"#)
      await backend.shutDown()
    }

    @Test func allThatTheJailKnowsIsAppliedOrSaidToBeMissing() async throws {
      let backend = try JailBackend(.test())
      let isolation = try await backend.availability().get()
      let known = Set(Layer.allCases.map(\.rawValue)).subtracting([Layer.gvisorKernel.rawValue])
      #expect(Set(isolation.applied).union(isolation.missing.keys) == known)
      #expect(Set(isolation.applied).isDisjoint(with: isolation.missing.keys))
      #expect(isolation.missing.values.allSatisfy { !$0.isEmpty })
      await backend.shutDown()
    }

    @Test func theKernelSaysTheSame() throws {
      let launcher = try JailLauncher(path: Built.worker)
      let worker = try launcher.launch()
      defer {
        close(worker.channel)
        jail_kill(worker.pidfd)
        while jail_await(worker.pidfd, 999_000_000) == 0 {}
        var exit = jail_exit()
        jail_reap(worker.pidfd, &exit)
        close(worker.pidfd)
        worker.cleanUp()
      }
      // It is ready when it has spoken.
      #expect(HostileProbe.isThere(worker.channel, seconds: 60))
      let text = try #require(SystemFile.read("/proc/self/fdinfo/\(worker.pidfd)"))
      let pid = try #require(text.split(separator: "\n").first { $0.hasPrefix("Pid:") }?.split(separator: "\t").last)
      let status = try #require(SystemFile.read("/proc/\(pid)/status"))
      for line in [
        "CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "Threads:\t1",
      ] { #expect(status.contains(line), "\(line)") }
      #expect(!status.contains("Uid:\t0"))
    }
  }
}
