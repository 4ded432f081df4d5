import CJail
import Glibc
import JavaScript
import Synchronization

/// One worker and the conversation with it: this side sends a frame, the worker answers with one.
///
/// Whatever the worker does, an exchange comes to an end: by its frame, by its death, by a violation of the protocol or
/// by the deadline; but for the first, the worker is killed. Descriptors are closed when the process has been waited for.
final class WorkerConnection: Sendable {
  typealias Outcome = Result<WorkerMessage, SandboxFailure>
  typealias Receiver = @Sendable (Outcome) -> Void

  private enum Phase {
    /// Nothing is expected of the worker, and nothing may come.
    case idle
    /// A frame is due, and the caller of ``exchange`` itself waits for it.
    case exchanging
    /// A frame is due, and the reactor waits for it.
    case waiting(Receiver)
    case over(SandboxFailure)
  }

  private struct State: ~Copyable {
    var phase = Phase.idle
    var expected = Frame.Kind.ready
    var reader = FrameReader()
    var outgoing: [UInt8] = []
    var sent = 0
    var deadline = MonotonicTime.never
    var seconds = 0
    var token: UInt64 = 0
    /// The worker closed its end, or broke it; only its death is awaited.
    var isClosed = false
    /// Why it died, when it has been waited for.
    var death: String?
    /// Callers that use the descriptors without the lock.
    var users = 0
  }

  private enum Step {
    case complete(WorkerMessage)
    case pending
    case closed
    case violation(String)
  }

  let worker: LaunchedWorker
  private let reactor: WorkerReactor
  private let onExit: @Sendable (WorkerConnection) -> Void
  private let state = Mutex(State())

  /// How long a caller waits in line before it leaves the waiting to the reactor. Most turns are shorter, and two
  /// changes of thread are longer than they.
  private static let lineNanoseconds = 250_000

  init(_ worker: LaunchedWorker, reactor: WorkerReactor, onExit: @escaping @Sendable (WorkerConnection) -> Void) {
    self.worker = worker
    self.reactor = reactor
    self.onExit = onExit
  }

  // MARK: asking

  /// Awaits the first frame of a worker that was just started.
  func start(seconds: Int, _ receiver: @escaping Receiver) throws(SandboxFailure) {
    let token: UInt64
    do {
      token = try reactor.add(self)
    } catch {
      // Nobody watches it: it is gone before this returns.
      jail_kill(worker.pidfd)
      waitAndClose()
      throw error
    }
    let deadline = MonotonicTime.now().advanced(milliseconds: seconds * 1000)
    let death = state.withLock { state -> String? in
      state.token = token
      // It may have died already.
      guard state.death == nil else { return state.death }
      state.expected = .ready
      state.phase = .waiting(receiver)
      state.seconds = seconds
      state.deadline = deadline
      reactor.arm(self, token: token, writing: false)
      return nil
    }
    if let death { return receiver(.failure(.died(reason: death))) }
    reactor.schedule(deadline)
  }

  /// Watches a worker that nobody talks to: it may neither speak nor close its end.
  func watch() {
    state.withLock { state in
      guard case .idle = state.phase, state.death == nil else { return }
      reactor.arm(self, token: state.token, writing: false)
    }
  }

  /// Takes the worker over for a conversation. False when it is dead or has said something unasked.
  func take() -> Bool {
    let (isIdle, finish) = state.withLock { state -> (Bool, Finish) in
      guard case .idle = state.phase, state.death == nil else { return (false, .nothing) }
      reactor.disarm(self, token: state.token)
      guard let finish = checkSilence(&state) else { return (true, .nothing) }
      return (false, finish)
    }
    finish.run()
    return isIdle
  }

  /// Sends a message and returns the turn that answers it.
  func exchange(_ message: HostMessage, seconds: Int) async -> Outcome {
    let deadline = MonotonicTime.now().advanced(milliseconds: seconds * 1000)
    if let outcome = exchangeInLine(message.frame.encoded, seconds: seconds, deadline: deadline) { return outcome }
    return await withCheckedContinuation { continuation in
      let finish = state.withLock { state -> Finish in
        defer { leave(&state) }
        guard case .exchanging = state.phase else { return .tell({ continuation.resume(returning: $0) }, over(state)) }
        state.phase = .waiting { continuation.resume(returning: $0) }
        if let death = state.death { return conclude(&state, death) }
        if !state.isClosed { reactor.arm(self, token: state.token, writing: state.sent < state.outgoing.count) }
        return .nothing
      }
      finish.run()
      reactor.schedule(deadline)
    }
  }

  /// Nil when the answer takes longer; the caller is then still counted as a user.
  private func exchangeInLine(_ frame: [UInt8], seconds: Int, deadline: MonotonicTime) -> Outcome? {
    var (outcome, finish) = state.withLock { state -> (Outcome?, Finish) in
      guard case .idle = state.phase else { return (over(state), .nothing) }
      if let finish = checkSilence(&state) { return (over(state), finish) }
      state.phase = .exchanging
      state.expected = .turn
      state.outgoing = frame
      state.sent = 0
      state.seconds = seconds
      state.deadline = deadline
      state.users += 1
      return advance(&state)
    }
    finish.run()
    if let outcome { return outcome }
    guard jail_await(worker.channel, Self.lineNanoseconds) != 0 else { return nil }
    (outcome, finish) = state.withLock { advance(&$0) }
    finish.run()
    return outcome
  }

  /// One step of an exchange whose caller waits in line. With an outcome, the caller is no user any more.
  private func advance(_ state: inout State) -> (Outcome?, Finish) {
    guard case .exchanging = state.phase else {
      leave(&state)
      return (over(state), .nothing)
    }
    switch pump(&state) {
    case .complete(let message):
      state.phase = .idle
      leave(&state)
      return (.success(message), .nothing)
    case .violation(let what):
      let finish = end(&state, .protocolViolation(what))
      leave(&state)
      return (over(state), finish)
    case .closed:
      close(&state)
      return (nil, .nothing)
    case .pending: return (nil, .nothing)
    }
  }

  /// Ends the worker, whatever it does. From then on an exchange fails with this.
  func end(_ failure: SandboxFailure = .ended) {
    let finish = state.withLock { end(&$0, failure) }
    finish.run()
  }

  // MARK: what the reactor tells

  /// The socket can be read or written.
  func ready() {
    let finish = state.withLock { state -> Finish in
      switch state.phase {
      case .idle: return checkSilence(&state) ?? .nothing
      case .exchanging, .over: return .nothing
      case .waiting(let receiver):
        switch pump(&state) {
        case .complete(let message):
          state.phase = .idle
          return .tell(receiver, .success(message))
        case .violation(let what): return end(&state, .protocolViolation(what))
        case .closed: close(&state)
        case .pending: reactor.arm(self, token: state.token, writing: state.sent < state.outgoing.count)
        }
        return .nothing
      }
    }
    finish.run()
  }

  /// The deadline may have passed. Returns the one that is in force.
  func expire(now: MonotonicTime) -> MonotonicTime {
    let (deadline, finish) = state.withLock { state -> (MonotonicTime, Finish) in
      guard case .waiting = state.phase else { return (.never, .nothing) }
      guard state.deadline <= now else { return (state.deadline, .nothing) }
      return (.never, end(&state, .timedOut(seconds: state.seconds)))
    }
    finish.run()
    return deadline
  }

  /// The process has ended.
  func exited() {
    let death = Self.reap(worker.pidfd)
    let finish = state.withLock { state -> Finish in
      state.death = death
      defer { closeWhenUnused(state) }
      guard case .waiting = state.phase else { return .nothing }
      return conclude(&state, death)
    }
    worker.cleanUp()
    finish.run()
    onExit(self)
  }

  // MARK: under the lock

  /// What is to be done without the lock: receivers call back.
  private enum Finish {
    case nothing
    case tell(Receiver, Outcome)

    func run() {
      if case .tell(let receiver, let outcome) = self { receiver(outcome) }
    }
  }

  private func over(_ state: borrowing State) -> Outcome {
    switch state.phase {
    case .over(let failure): .failure(failure)
    case .idle: .failure(.died(reason: state.death ?? "unknown"))
    case .exchanging, .waiting: .failure(.unavailable(.jail, reason: "another turn of this run is under way"))
    }
  }

  private func end(_ state: inout State, _ failure: SandboxFailure) -> Finish {
    let phase = state.phase
    if case .over = phase { return .nothing }
    state.phase = .over(failure)
    if state.death == nil { jail_kill(worker.pidfd) }
    guard case .waiting(let receiver) = phase else { return .nothing }
    return .tell(receiver, .failure(failure))
  }

  /// The worker is dead; what it said last may still be read.
  private func conclude(_ state: inout State, _ death: String) -> Finish {
    guard case .waiting(let receiver) = state.phase else { return .nothing }
    let step = state.isClosed ? Step.closed : pump(&state)
    state.phase = .over(.died(reason: death))
    switch step {
    case .complete(let message): return .tell(receiver, .success(message))
    case .violation(let what):
      state.phase = .over(.protocolViolation(what))
      return .tell(receiver, .failure(.protocolViolation(what)))
    case .closed, .pending: return .tell(receiver, .failure(.died(reason: death)))
    }
  }

  /// The stream is at its end, so the worker is of no more use; what it died of is told by `exited`.
  private func close(_ state: inout State) {
    state.isClosed = true
    if state.death == nil { jail_kill(worker.pidfd) }
  }

  /// An idle worker has nothing to say. Nil when it says nothing.
  private func checkSilence(_ state: inout State) -> Finish? {
    guard state.death == nil else {
      state.phase = .over(.died(reason: state.death ?? ""))
      return .nothing
    }
    var byte: UInt8 = 0
    let count = recv(worker.channel, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
    if count > 0 { return end(&state, .protocolViolation("it speaks out of turn")) }
    if count < 0 && (errno == EAGAIN || errno == EINTR) { return nil }
    return end(&state, .died(reason: "it closed its end of the stream"))
  }

  /// Sends what is left to send and reads what there is to read.
  private func pump(_ state: inout State) -> Step {
    while state.sent < state.outgoing.count {
      let start = state.sent
      let count = state.outgoing.withUnsafeBytes { bytes in
        send(worker.channel, bytes.baseAddress.map { $0 + start }, bytes.count - start, Int32(MSG_NOSIGNAL))
      }
      if count < 0 && errno == EINTR { continue }
      if count < 0 && errno == EAGAIN { break }
      guard count >= 0 else { return .closed }
      state.sent += count
    }
    if state.sent == state.outgoing.count {
      state.outgoing = []
      state.sent = 0
    }
    return withUnsafeTemporaryAllocation(byteCount: 32 << 10, alignment: 16) { scratch in
      receive(&state, scratch)
    }
  }

  private func receive(_ state: inout State, _ scratch: UnsafeMutableRawBufferPointer) -> Step {
    while true {
      let count = recv(worker.channel, scratch.baseAddress, scratch.count, 0)
      if count < 0 && errno == EINTR { continue }
      if count < 0 && errno == EAGAIN { return .pending }
      guard count > 0 else { return .closed }
      guard state.outgoing.isEmpty else { return .violation("it answers before it has heard all") }
      state.reader.append(UnsafeRawBufferPointer(rebasing: scratch[0..<count]))
      do {
        if let message = try take(&state) { return .complete(message) }
      } catch {
        return .violation("\(error)")
      }
    }
  }

  /// The message, once its frame is whole. The worker speaks once and then listens: nothing may follow the frame.
  private func take(_ state: inout State) throws(FrameFault) -> WorkerMessage? {
    guard let frame = try state.reader.next() else { return nil }
    guard frame.kind == state.expected else { throw .unexpected(frame.kind) }
    guard state.reader.isEmpty else { throw .trailingBytes(1) }
    return try WorkerMessage(frame)
  }

  // MARK: the end of the descriptors

  private func leave(_ state: inout State) {
    state.users -= 1
    closeWhenUnused(state)
  }

  private func closeWhenUnused(_ state: borrowing State) {
    guard state.death != nil, state.users == 0 else { return }
    Glibc.close(worker.channel)
    Glibc.close(worker.pidfd)
  }

  private func waitAndClose() {
    var entry = pollfd(fd: worker.pidfd, events: Int16(POLLIN), revents: 0)
    while poll(&entry, 1, -1) < 0 && errno == EINTR {}
    let death = Self.reap(worker.pidfd)
    state.withLock { state in
      state.phase = .over(.died(reason: death))
      state.death = death
      closeWhenUnused(state)
    }
    worker.cleanUp()
  }

  private static func reap(_ pidfd: Int32) -> String {
    var exit = jail_exit()
    guard jail_reap(pidfd, &exit) == 1 else { return "unknown" }
    switch exit.signal {
    case 0: return "exit status \(exit.status)"
    case SIGSYS: return "killed for a forbidden system call"
    case SIGKILL: return "killed"
    case SIGSEGV: return "killed for an access outside its memory"
    default: return "signal \(exit.signal)"
    }
  }
}
