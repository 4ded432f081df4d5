import JavaScript
import Synchronization

/// A machine on a thread of its own, with a stack that is large enough for any limit.
final class InProcessSession: SandboxSession {
  /// What stands between such a tool and this machine.
  static let none = Isolation(backend: .inprocess, applied: [], missing: [:])

  let isolation = InProcessSession.none

  private enum Order: Sendable {
    case begin
    case answer(MachineAnswer)
    case leave
  }

  private typealias Waiter = CheckedContinuation<Result<MachineTurn, SandboxFailure>, Never>

  private struct State: ~Copyable {
    var order: Order?
    var waiter: Waiter?
    var failure: SandboxFailure?
  }

  private let mailbox = Mailbox()
  private let seconds: Int

  private static let stackBytes = 8 << 20

  init(_ program: MachineProgram, seconds: Int, sessions: SessionCount) throws(SandboxFailure) {
    self.seconds = seconds
    try DetachedThread.start(stackBytes: Self.stackBytes) { [mailbox] in
      Self.run(program, mailbox)
      sessions.leave()
    }
  }

  deinit { mailbox.end() }

  func begin() async throws(SandboxFailure) -> MachineTurn { try await turn(.begin) }

  func answer(_ answer: MachineAnswer) async throws(SandboxFailure) -> MachineTurn { try await turn(.answer(answer)) }

  func end() { mailbox.end() }

  private func turn(_ order: Order) async throws(SandboxFailure) -> MachineTurn {
    let deadline = MonotonicTime.now().advanced(milliseconds: seconds * 1000)
    let timer = Task { [mailbox, seconds] in
      try await Task.sleep(for: .seconds(seconds))
      mailbox.fail(.timedOut(seconds: seconds))
    }
    defer { timer.cancel() }
    let turn = try await mailbox.ask(order).get()
    // On a machine with too little time the timer may wake up later than the tool is done.
    guard MonotonicTime.now() < deadline else {
      mailbox.fail(.timedOut(seconds: seconds))
      throw .timedOut(seconds: seconds)
    }
    return turn
  }

  /// The thread: the machine never leaves it.
  private static func run(_ program: MachineProgram, _ mailbox: Mailbox) {
    var machine: Machine?
    while true {
      switch mailbox.nextOrder() {
      case .leave: return
      case .begin:
        do {
          let made = try Machine(program)
          machine = made
          mailbox.deliver(made.start())
        } catch {
          mailbox.deliver(MachineTurn(state: .failed(error), calls: [], logs: [], fuel: 0))
        }
      case .answer(let answer):
        guard let machine, machine.isOpen(answer.call) else {
          mailbox.fail(.died(reason: "call \(answer.call) is not open"))
          continue
        }
        mailbox.deliver(machine.answer(answer))
      }
    }
  }

  /// One order to the thread, one turn back.
  private final class Mailbox: Sendable {
    private let state = Mutex(State())
    private let signal = Signal()

    func ask(_ order: Order) async -> Result<MachineTurn, SandboxFailure> {
      await withCheckedContinuation { (waiter: Waiter) in
        let failure = state.withLock { state -> SandboxFailure? in
          if let failure = state.failure { return failure }
          guard state.waiter == nil else {
            return .unavailable(.inprocess, reason: "another turn of this run is under way")
          }
          state.order = order
          state.waiter = waiter
          return nil
        }
        if let failure { return waiter.resume(returning: .failure(failure)) }
        signal.set()
      }
    }

    func nextOrder() -> Order {
      while true {
        let order = state.withLock { state -> Order? in
          if state.failure != nil { return .leave }
          defer { state.order = nil }
          return state.order
        }
        if let order { return order }
        signal.wait(until: .never)
      }
    }

    func deliver(_ turn: MachineTurn) {
      let waiter = state.withLock { state -> Waiter? in
        defer { state.waiter = nil }
        // A finished program needs no thread.
        if turn.state != .waiting { state.failure = state.failure ?? .ended }
        return state.waiter
      }
      waiter?.resume(returning: .success(turn))
    }

    func fail(_ failure: SandboxFailure) {
      let waiter = state.withLock { state -> Waiter? in
        state.failure = state.failure ?? failure
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume(returning: .failure(failure))
      signal.set()
    }

    func end() { fail(.ended) }
  }
}
