import Foundation
import JavaScript
import Testing

@testable import Sandbox

extension SandboxSuite {
  @Suite struct GVisorBackendTests {
    /// Debian has the package; where it is not installed the tests say so and are skipped.
    static let isInstalled = ["/usr/bin/runsc", "/usr/local/bin/runsc"].contains {
      FileManager.default.isExecutableFile(atPath: $0)
    }

    private static func backend() throws -> GVisorBackend {
      var configuration = GVisorBackend.Configuration()
      configuration.worker = Built.worker
      configuration.workers = 2
      configuration.startSeconds = 120
      return try GVisorBackend(configuration)
    }

    @Test(.enabled(if: isInstalled, "runsc is not installed"))
    func aToolRunsOnTheOtherKernel() async throws {
      let backend = try Self.backend()
      let session = try await backend.open(
        .tool("let a = await Protocol.HTTP.get({url: 'https://a'}); return [a, 6 * 7]"), seconds: 120)
      #expect(try await session.begin().calls.map(\.method) == ["HTTP.get"])
      let last = try await session.answer(
        MachineAnswer(call: 0, isError: false, value: Array("1".utf8), at: 1_700_000_000_500))
      #expect(last.text == "[1,42]")
      #expect(session.isolation.backend == .gvisor)
      #expect(session.isolation.applied.contains("gvisor-kernel") && session.isolation.applied.contains("seccomp"))
      #expect(Set(session.isolation.missing.keys) == ["memory-cgroup", "pids-cgroup"])
      #expect(!session.isolation.isFull)
      await backend.shutDown()
      #expect(backend.population == 0)
    }

    @Test(.enabled(if: isInstalled, "runsc is not installed"))
    func aToolThatLoopsIsKilledWithItsContainer() async throws {
      let backend = try Self.backend()
      let session = try await backend.open(
        .tool("for (;;) {}", limits: MachineLimits(fuel: 1_000_000, memory: 64 << 20, stack: 256 << 10, calls: 0)),
        seconds: 1)
      await #expect(throws: SandboxFailure.timedOut(seconds: 1)) { _ = try await session.begin() }
      await backend.shutDown()
      #expect(backend.population == 0)
    }

    @Test func aMissingRuntimeIsSaidToBeMissing() async throws {
      var configuration = GVisorBackend.Configuration()
      configuration.worker = Built.worker
      configuration.runtime = "/nonexistent/runsc"
      let backend = try GVisorBackend(configuration)
      #expect(
        await backend.availability()
          == .failure(.unavailable(.gvisor, reason: "/nonexistent/runsc: No such file or directory")))
      await backend.shutDown()
    }

    @Test func aRuntimeThatFailsSaysWhy() async throws {
      var configuration = GVisorBackend.Configuration()
      configuration.worker = Built.worker
      configuration.runtime = "/bin/ls"
      let backend = try GVisorBackend(configuration)
      guard case .failure(.unavailable(.gvisor, let reason)) = await backend.availability() else {
        Issue.record("available")
        return
      }
      #expect(reason.contains("ls"), "\(reason)")
      await backend.shutDown()
    }
  }
}
