import JavaScript
import Synchronization

/// Runs a tool within this process: no boundary at all but the engine. For code whose owners accept that.
///
/// There is nobody to kill: a turn that is over its time fails, and its thread goes on until the fuel is spent.
public final class InProcessBackend: SandboxBackend {
  public let name = BackendName.inprocess

  /// Threads at one time.
  public static let maxSessions = 16

  private let sessions = SessionCount()

  public init() {}

  public func availability() async -> Result<Isolation, SandboxFailure> { .success(InProcessSession.none) }

  public func open(_ program: MachineProgram, seconds: Int) async throws(SandboxFailure) -> any SandboxSession {
    guard sessions.enter(limit: Self.maxSessions) else { throw .overloaded }
    do {
      return try InProcessSession(program, seconds: seconds, sessions: sessions)
    } catch {
      sessions.leave()
      throw error
    }
  }
}

/// Counts the threads that run.
final class SessionCount: Sendable {
  private let count = Mutex(0)

  func enter(limit: Int) -> Bool {
    count.withLock { count in
      guard count < limit else { return false }
      count += 1
      return true
    }
  }

  func leave() { count.withLock { $0 -= 1 } }
}
