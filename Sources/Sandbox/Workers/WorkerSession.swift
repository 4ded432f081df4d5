import JavaScript
import Synchronization

/// A run in a worker of its own.
final class WorkerSession: SandboxSession {
  let isolation: Isolation

  private let connection: WorkerConnection
  private let program: MachineProgram
  private let seconds: Int
  private let record: Mutex<TurnRecord>

  init(_ lease: WorkerPool.Lease, program: MachineProgram, seconds: Int) {
    isolation = lease.isolation
    connection = lease.connection
    self.program = program
    self.seconds = seconds
    record = Mutex(TurnRecord(limits: program.limits))
  }

  deinit { connection.end() }

  func begin() async throws(SandboxFailure) -> MachineTurn {
    do {
      try program.check()
    } catch {
      // As a machine would have it; such a program fits in no frame.
      connection.end()
      return MachineTurn(state: .failed(error), calls: [], logs: [], fuel: 0)
    }
    return try await turn(.program(program))
  }

  func answer(_ answer: MachineAnswer) async throws(SandboxFailure) -> MachineTurn {
    try await turn(.answer(answer))
  }

  func end() { connection.end() }

  private func turn(_ message: HostMessage) async throws(SandboxFailure) -> MachineTurn {
    let reply = try await connection.exchange(message, seconds: seconds).get()
    guard case .turn(let turn) = reply else { throw reject("no turn") }
    if let fault = record.withLock({ $0.note(turn) }) { throw reject(fault) }
    // A worker serves one program, and this one is over: its place is the next one's.
    if turn.state != .waiting { connection.end() }
    return turn
  }

  private func reject(_ what: String) -> SandboxFailure {
    connection.end(.protocolViolation(what))
    return .protocolViolation(what)
  }
}

/// What the turns of one run must have in common, whoever sends them.
struct TurnRecord: Sendable {
  private let limits: MachineLimits
  private var calls = 0
  private var fuel: Int64 = 0

  init(limits: MachineLimits) { self.limits = limits }

  /// What no engine of ours would say, or nil.
  mutating func note(_ turn: MachineTurn) -> String? {
    for call in turn.calls {
      guard call.number == calls else { return "call \(call.number) where \(calls) is next" }
      calls += 1
    }
    guard calls <= limits.calls else { return "\(calls) calls of at most \(limits.calls)" }
    guard turn.fuel >= fuel else { return "\(turn.fuel) units of fuel after \(fuel)" }
    fuel = turn.fuel
    return nil
  }
}
