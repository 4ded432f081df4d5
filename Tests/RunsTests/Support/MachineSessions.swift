import Governance
import JavaScript
import Runs
import Sandbox
import Synchronization

/// Engines in this process, without any boundary: what runs do with them is the matter of these tests.
final class MachineSessions: SessionSource, Sendable {
  let opened = Mutex(0)
  let live = Mutex(0)

  static let isolation = Isolation(backend: .inprocess, applied: [], missing: [:])

  func isolation(for demand: ToolManifest.IsolationDemand) async throws(SandboxFailure) -> Isolation { Self.isolation }

  func open(
    _ program: MachineProgram, demand: ToolManifest.IsolationDemand, seconds: Int
  ) async throws(SandboxFailure) -> any SandboxSession {
    opened.withLock { $0 += 1 }
    live.withLock { $0 += 1 }
    return MachineSession(program, self)
  }
}

private final class MachineSession: SandboxSession, @unchecked Sendable {
  // One caller at a time, as the protocol says.
  private let machine: Machine?
  private let owner: MachineSessions
  private let isEnded = Mutex(false)

  init(_ program: MachineProgram, _ owner: MachineSessions) {
    machine = try? Machine(program)
    self.owner = owner
  }

  var isolation: Isolation { MachineSessions.isolation }

  func begin() async throws(SandboxFailure) -> MachineTurn {
    guard let machine, !isEnded.withLock({ $0 }) else { throw .ended }
    return machine.start()
  }

  func answer(_ answer: MachineAnswer) async throws(SandboxFailure) -> MachineTurn {
    guard let machine, !isEnded.withLock({ $0 }) else { throw .ended }
    guard machine.isOpen(answer.call) else { throw .protocolViolation("call \(answer.call) is not open") }
    return machine.answer(answer)
  }

  func end() {
    let isFirst = isEnded.withLock { isEnded in
      defer { isEnded = true }
      return !isEnded
    }
    if isFirst { owner.live.withLock { $0 -= 1 } }
  }
}
