import Glibc
import JavaScript
import Synchronization

/// Workers that are started before they are needed. Each serves one program.
///
/// Bounded in workers and in callers that wait for one; refilled by a thread of its own. A worker that ends, in whatever
/// way, makes room for the next; when they do not even become ready, the pool waits longer and longer between attempts.
final class WorkerPool: Sendable {
  /// Its bounds.
  struct Size: Sendable, Hashable {
    /// Workers at one time, busy ones with them.
    var workers = 64
    /// Workers that wait for a program.
    var ready = 4
    /// Callers that wait for a worker.
    var queue = 1024
  }

  /// A worker for one program.
  struct Lease: Sendable {
    var connection: WorkerConnection
    var isolation: Isolation
  }

  private typealias Inquirer = CheckedContinuation<Result<Isolation, SandboxFailure>, Never>
  private typealias Waiter = CheckedContinuation<Result<Lease, SandboxFailure>, Never>

  private struct State: ~Copyable {
    var ready: [ObjectIdentifier: Lease] = [:]
    /// The ready ones in the order in which they became so, and some that are no more.
    var order: [ObjectIdentifier] = []
    /// All that were started and have not ended.
    var alive: Set<ObjectIdentifier> = []
    var starting: Set<ObjectIdentifier> = []
    var waiters: [Waiter] = []
    var failures = 0
    var lastFailure: SandboxFailure?
    var isolation: Isolation?
    var nextAttempt = MonotonicTime(nanoseconds: 0)
    var isDraining = false
    var isOver = false
    var drained: [CheckedContinuation<Void, Never>] = []
    /// Those who wait to know whether workers become ready at all.
    var inquirers: [Inquirer] = []
  }

  private let launcher: any WorkerLauncher
  private let size: Size
  private let readySeconds: Int
  private let reactor: WorkerReactor
  private let state = Mutex(State())
  private let signal: Signal

  /// After so many failures in a row nobody is kept waiting.
  private static let toleratedFailures = 3

  init(launcher: any WorkerLauncher, size: Size = Size(), readySeconds: Int = 10) throws(SandboxFailure) {
    self.launcher = launcher
    self.size = size
    self.readySeconds = readySeconds
    reactor = try WorkerReactor()
    signal = Signal()
    try reactor.run()
    do {
      // Workers die with this thread, so it lasts as long as they.
      try DetachedThread.start { [self] in refill() }
    } catch {
      reactor.stop()
      throw error
    }
  }

  // MARK: callers

  /// A worker that has said what it is and heard nothing yet.
  func lease() async throws(SandboxFailure) -> Lease {
    for _ in 0..<Self.toleratedFailures {
      let lease = try await next()
      if lease.connection.take() {
        state.withLock { $0.failures = 0 }
        return lease
      }
      // It died while it was idle, or spoke; the next one, then.
      lease.connection.end()
    }
    throw .unavailable(launcher.backend, reason: "its workers die before they are used")
  }

  private func next() async throws(SandboxFailure) -> Lease {
    let result = await withCheckedContinuation { (waiter: Waiter) in
      var isRefilled = true
      let answer = state.withLock { state -> Result<Lease, SandboxFailure>? in
        if state.isDraining { return .failure(shuttingDown) }
        if let lease = Self.pop(&state) {
          isRefilled = state.ready.count < size.ready / 2
          return .success(lease)
        }
        if let failure = state.lastFailure, state.failures >= Self.toleratedFailures { return .failure(failure) }
        guard state.waiters.count < size.queue else { return .failure(.overloaded) }
        state.waiters.append(waiter)
        return nil
      }
      // A start takes a core for a millisecond, which this caller's worker needs now. So while there are enough, it waits
      // for the end of a run or for more callers.
      if isRefilled { signal.set() }
      if let answer { waiter.resume(returning: answer) }
    }
    return try result.get()
  }

  private static func pop(_ state: inout State) -> Lease? {
    while let identifier = state.order.popLast() {
      if let lease = state.ready.removeValue(forKey: identifier) { return lease }
    }
    return nil
  }

  /// What holds around a worker here, or why none becomes ready.
  func isolation() async -> Result<Isolation, SandboxFailure> {
    await withCheckedContinuation { continuation in
      let answer = state.withLock { state -> Result<Isolation, SandboxFailure>? in
        if state.isDraining { return .failure(shuttingDown) }
        if let failure = state.lastFailure { return .failure(failure) }
        if let isolation = state.isolation { return .success(isolation) }
        state.inquirers.append(continuation)
        return nil
      }
      if let answer { continuation.resume(returning: answer) }
    }
  }

  /// Gives nobody a worker any more, and ends those that nobody has.
  func drain() {
    let (idle, waiters) = state.withLock { state -> ([Lease], [Waiter]) in
      state.isDraining = true
      defer { state.waiters = [] }
      return (Array(state.ready.values), state.waiters)
    }
    for waiter in waiters { waiter.resume(returning: .failure(shuttingDown)) }
    for lease in idle { lease.connection.end() }
    signal.set()
  }

  /// Drains it, and returns when the last worker has been waited for. Sessions must be ended by those who have them.
  func shutDown() async {
    drain()
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let isOver = state.withLock { state in
        if !state.isOver { state.drained.append(continuation) }
        return state.isOver
      }
      if isOver { continuation.resume() }
    }
  }

  private var shuttingDown: SandboxFailure { .unavailable(launcher.backend, reason: "it is shutting down") }

  /// Workers that were started and have not been waited for.
  var population: Int { state.withLock { $0.alive.count } }

  /// Callers that wait for a worker.
  var waiting: Int { state.withLock { $0.waiters.count } }

  // MARK: the thread that refills

  private enum Step {
    case start
    case pause(until: MonotonicTime)
    case leave
  }

  private func refill() {
    while true {
      switch state.withLock({ nextTask($0) }) {
      case .start: startOne()
      case .pause(let time): signal.wait(until: time)
      case .leave:
        reactor.stop()
        let drained = state.withLock { state in
          state.isOver = true
          return state.drained
        }
        for continuation in drained { continuation.resume() }
        return
      }
    }
  }

  private func nextTask(_ state: borrowing State) -> Step {
    if state.isDraining { return state.alive.isEmpty ? .leave : .pause(until: .never) }
    let coming = state.ready.count + state.starting.count
    let isWanted = coming < size.ready + state.waiters.count && state.alive.count < size.workers
    guard isWanted else { return .pause(until: .never) }
    return state.nextAttempt <= MonotonicTime.now() ? .start : .pause(until: state.nextAttempt)
  }

  private func startOne() {
    let worker: LaunchedWorker
    do {
      worker = try launcher.launch()
    } catch {
      return failed(error)
    }
    let connection = WorkerConnection(worker, reactor: reactor) { [self] connection in ended(connection) }
    let identifier = ObjectIdentifier(connection)
    state.withLock { state in
      state.alive.insert(identifier)
      state.starting.insert(identifier)
    }
    do {
      try connection.start(seconds: readySeconds) { [self] outcome in started(connection, outcome) }
    } catch {
      state.withLock { state in
        state.alive.remove(identifier)
        state.starting.remove(identifier)
      }
      failed(error)
    }
  }

  /// The first frame came, or will not come.
  private func started(_ connection: WorkerConnection, _ outcome: WorkerConnection.Outcome) {
    switch outcome.flatMap({ judge($0, connection) }) {
    case .failure(let failure):
      connection.end()
      failed(failure)
    case .success(let isolation):
      admit(Lease(connection: connection, isolation: isolation))
    }
  }

  private func judge(_ message: WorkerMessage, _ connection: WorkerConnection) -> Result<Isolation, SandboxFailure> {
    guard case .ready(let ready) = message else { return .failure(.protocolViolation("a turn before the program")) }
    guard ready.engine == Machine.engine else {
      return .failure(
        .unavailable(launcher.backend, reason: "the worker's engine is \(ready.engine), not \(Machine.engine)"))
    }
    if let fault = connection.worker.fault(in: ready) { return .failure(.protocolViolation(fault)) }
    return .success(connection.worker.isolation(backend: launcher.backend, ready: ready))
  }

  private func admit(_ lease: Lease) {
    let identifier = ObjectIdentifier(lease.connection)
    let (waiter, inquirers, isEnding) = state.withLock { state -> (Waiter?, [Inquirer], Bool) in
      state.starting.remove(identifier)
      state.isolation = lease.isolation
      state.lastFailure = nil
      defer { state.inquirers = [] }
      if state.isDraining { return (nil, state.inquirers, true) }
      if !state.waiters.isEmpty { return (state.waiters.removeFirst(), state.inquirers, false) }
      // Dead before it is admitted: `ended` has been here.
      if state.alive.contains(identifier) {
        state.ready[identifier] = lease
        state.order.append(identifier)
      }
      return (nil, state.inquirers, false)
    }
    for inquirer in inquirers { inquirer.resume(returning: .success(lease.isolation)) }
    if isEnding { return lease.connection.end() }
    if let waiter { waiter.resume(returning: .success(lease)) } else { lease.connection.watch() }
    signal.set()
  }

  private func failed(_ failure: SandboxFailure) {
    let (waiters, inquirers) = state.withLock { state -> ([Waiter], [Inquirer]) in
      backOff(&state)
      state.lastFailure = failure
      defer { state.inquirers = [] }
      guard state.failures >= Self.toleratedFailures else { return ([], state.inquirers) }
      defer { state.waiters = [] }
      return (state.waiters, state.inquirers)
    }
    for waiter in waiters { waiter.resume(returning: .failure(failure)) }
    for inquirer in inquirers { inquirer.resume(returning: .failure(failure)) }
    signal.set()
  }

  /// 10 ms after the first failure, then twice as long each time, at most 1 s.
  private func backOff(_ state: inout State) {
    state.failures += 1
    state.nextAttempt = MonotonicTime.now().advanced(milliseconds: min(1000, 10 << min(state.failures - 1, 16)))
  }

  /// A worker has been waited for.
  private func ended(_ connection: WorkerConnection) {
    let identifier = ObjectIdentifier(connection)
    state.withLock { state in
      state.alive.remove(identifier)
      state.starting.remove(identifier)
      // One that dies while it is idle will do so again.
      if state.ready.removeValue(forKey: identifier) != nil && !state.isDraining { backOff(&state) }
    }
    signal.set()
  }
}
