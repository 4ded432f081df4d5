import JavaScript
import Testing

@testable import Sandbox

extension SandboxSuite {
  /// A hostile tool, in the real worker.
  @Suite struct JavaScriptEscapeTests {
    /// What it asks for, and what it is told.
    private static let questions: [(String, String)] = [
      ("return ['std', 'os', 'bjson', 'scriptArgs', 'print', 'require', 'process'].filter(n => n in globalThis)", "[]"),
      (
        "return ['SharedArrayBuffer', 'Atomics', 'WebAssembly', 'Worker', 'WeakRef'].filter(n => n in globalThis)", "[]"
      ),
      ("return await import('os').then(() => 'in', e => 'out')", #""out""#),
      ("return await import('file:///etc/passwd').then(() => 'in', e => 'out')", #""out""#),
      ("return typeof Protocol.HTTP.get.constructor('return this')().process", #""undefined""#),
      ("Protocol.HTTP.get = 1; return 'set'", "exception"),
      ("Protocol.Shell = 1; return 'set'", "exception"),
      ("context.community = 'other'; return 'set'", "exception"),
      ("Object.prototype.method = 'Shell.run'; Array.prototype.push = null; return 1", "1"),
      ("let a = []; for (;;) a.push(new Array(1000).fill(a.length))", "memory"),
      ("let s = 'x'; for (;;) s += s + s.length", "memory exception"),
      ("return new Uint8Array(2 ** 40)", "exception memory"),
      ("function f() { return f() + 1 } return f()", "stack exception"),
      ("for (;;) {}", "fuel"),
      ("for (;;) try { for (;;) {} } catch {}", "fuel"),
      ("(function f() { Promise.resolve().then(f) })(); await new Promise(() => {})", "fuel"),
      ("return /^(a+)+$/.test('a'.repeat(40) + 'b')", "fuel"),
      ("await new Promise(() => {})", "deadlock"),
      ("return 'x'.repeat(2 ** 21)", "value"),
      ("for (let i = 0; i < 2000; i++) Protocol.HTTP.get(i); await 1; return 1", "calls value"),
      ("return { toJSON() { throw new Error('no') } }", "exception value"),
    ]

    @Test func noQuestionGetsOutOfTheEngine() async throws {
      let backend = try JailBackend(.test(ready: 2))
      for (body, expected) in Self.questions {
        let limits = MachineLimits(fuel: 2000, memory: 32 << 20, stack: 256 << 10, calls: 1000)
        let session = try await backend.open(.tool(body, limits: limits), seconds: 120)
        let turn = try await session.begin()
        switch turn.state {
        case .waiting: Issue.record("\(body): waiting")
        case .finished: #expect(turn.text == expected, "\(body): \(turn.text)")
        case .failed(let failure):
          #expect(expected.split(separator: " ").contains { $0 == failure.kind.rawValue }, "\(body): \(failure)")
        }
      }
      #expect(try await backend.open(.tool("return 1"), seconds: 120).begin().text == "1")
      await backend.shutDown()
    }

    @Test func aToolThatOnlyComputesIsKilledByTheClock() async throws {
      let backend = try JailBackend(.test())
      let limits = MachineLimits(fuel: 1_000_000, memory: 64 << 20, stack: 256 << 10, calls: 0)
      let session = try await backend.open(.tool("for (;;) {}", limits: limits), seconds: 1)
      await #expect(throws: SandboxFailure.timedOut(seconds: 1)) { _ = try await session.begin() }
      #expect(try await backend.open(.tool("return 1"), seconds: 120).begin().text == "1")
      await backend.shutDown()
    }
  }
}
