import CanonicalJSON
import Cryptography
import Governance
import Synchronization

/// Carries approved decisions out, each once.
///
/// For every proposal: put the start to the fold; when `execution.started` is durable, act; record what came of it. The
/// fold refuses a second start, so two schedulers, or one that runs again after a crash, cannot act twice.
actor ExecutionScheduler {
  /// Executions at one time; further ones wait.
  static let maxConcurrent = 16
  static let sweepInterval = Duration.seconds(10)

  private let sequencer: Sequencer
  private let executors: ExecutorTable
  private let openings: OpeningStore
  private let metrics: Metrics
  private let clock: @Sendable () -> Int64
  private let report: @Sendable (String) -> Void
  private var running: Set<SHA256Digest> = []
  private var waiting: [SHA256Digest] = []
  private var alarms: [SHA256Digest: Task<Void, Never>] = [:]
  private var isDraining = false
  private var sweeper: Task<Void, Never>?
  private var idleWaiters: [CheckedContinuation<Void, Never>] = []

  init(
    sequencer: Sequencer, executors: ExecutorTable, openings: OpeningStore, metrics: Metrics,
    clock: @escaping @Sendable () -> Int64, report: @escaping @Sendable (String) -> Void
  ) {
    self.sequencer = sequencer
    self.executors = executors
    self.openings = openings
    self.metrics = metrics
    self.clock = clock
    self.report = report
  }

  /// Takes up what an earlier process left: executions without a finish are reconciled, decisions are carried out.
  func resume() async {
    do {
      let (executing, open) = try await sequencer.inspect { state, now in
        let executing = state.interrupted.compactMap { id in
          state.proposal(id).map { (id, $0.statement, state.policy(of: id)) }
        }
        return (executing, state.openProposals(at: now))
      }
      for (id, statement, policy) in executing {
        running.insert(id)
        Task { await self.reconcile(id, statement, policy) }
      }
      for id in open { consider(id) }
    } catch {
      report("cannot resume executions: \(error)")
    }
    sweeper = Task { [weak self] in
      while (try? await Task.sleep(for: Self.sweepInterval)) != nil { await self?.sweep() }
    }
  }

  /// Looks at every open proposal: after whatever changes many of them at once, and from time to time for what becomes
  /// possible by the passing of time alone, such as room in a budget.
  private func sweep() async {
    guard let open = try? await sequencer.inspect({ state, now in state.openProposals(at: now) }) else { return }
    for id in open { consider(id) }
  }

  /// Looks whether a proposal may be carried out, now or later. Called after everything that could have changed that.
  func consider(_ id: SHA256Digest) {
    guard !isDraining, !running.contains(id), !waiting.contains(id) else { return }
    guard running.count < Self.maxConcurrent else { return waiting.append(id) }
    running.insert(id)
    Task { await self.attempt(id) }
  }

  /// Starts nothing more and waits for what runs, but no longer than `limit`: what is then still under way is reconciled at
  /// the next start.
  func drain(within limit: Duration) async {
    isDraining = true
    sweeper?.cancel()
    for alarm in alarms.values { alarm.cancel() }
    alarms = [:]
    waiting = []
    guard !running.isEmpty else { return }
    let timer = Task {
      do { try await Task.sleep(for: limit) } catch { return }
      report("\(running.count) executions are still under way; the next start reconciles them")
      wakeIdleWaiters()
    }
    await withCheckedContinuation { idleWaiters.append($0) }
    timer.cancel()
  }

  private func wakeIdleWaiters() {
    for waiter in idleWaiters { waiter.resume() }
    idleWaiters = []
  }

  private func ended(_ id: SHA256Digest) {
    running.remove(id)
    if !waiting.isEmpty { consider(waiting.removeFirst()) }
    if running.isEmpty { wakeIdleWaiters() }
  }

  private func attempt(_ id: SHA256Digest) async {
    defer { ended(id) }
    let status: Status?
    do {
      status = try await sequencer.inspect { state, now in state.status(of: id, at: now) }
    } catch {
      return report("\(id): \(error)")
    }
    switch status {
    case .approved: await execute(id)
    case .locked(let until): wake(id, at: until)
    default: return
    }
  }

  private func wake(_ id: SHA256Digest, at time: Int64) {
    alarms[id]?.cancel()
    let delay = max(1, time - clock())
    alarms[id] = Task { [weak self] in
      do { try await Task.sleep(for: .milliseconds(delay)) } catch { return }
      await self?.alarmed(id)
    }
  }

  private func alarmed(_ id: SHA256Digest) {
    alarms[id] = nil
    consider(id)
  }

  private func execute(_ id: SHA256Digest) async {
    let started: Sequencer.Started
    do {
      guard case .started(let answer) = try await sequencer.submit(.start(id)).response else { return }
      started = answer
    } catch is Refusal {
      // The state moved on between looking and starting. Nothing happened, and nothing will.
      return
    } catch {
      return report("\(id): the start was not recorded: \(error)")
    }
    // A crash from here to the finish leaves a start without a finish: `reconcile` settles it.
    let clock = ContinuousClock()
    let begun = clock.now
    await finish(id, await act(id, started.statement, started.policy, isRepeat: false))
    metrics.observe("safebox_execution_seconds", seconds: (clock.now - begun) / .seconds(1))
  }

  private func reconcile(_ id: SHA256Digest, _ statement: Statement, _ policy: Policy?) async {
    defer { ended(id) }
    report("\(id): the box stopped while this was executing; reconciling")
    await finish(id, await act(id, statement, policy, isRepeat: true))
  }

  private func act(
    _ id: SHA256Digest, _ statement: Statement, _ policy: Policy?, isRepeat: Bool
  ) async -> ExecutionOutcome {
    // The fold brings these about itself when the finish is applied; that happens once, whenever it is recorded.
    if ActionType.folded.contains(statement.action.type) { return .executed(result: [:], opening: nil) }
    guard let executor = executors[statement.action.type] else {
      return .failed(result: ["reason": "this box has no executor for the type"], opening: nil)
    }
    guard let policy else {
      return .unknown(result: ["reason": "the policy has changed since the execution started"])
    }
    let params: JSONObject
    do {
      params = try statement.action.opened(with: try await openings.openings(of: statement.action))
    } catch {
      return .failed(result: ["reason": .string("\(error)")], opening: nil)
    }
    let order = ExecutionOrder(proposal: id, statement: statement, params: params, policy: policy)
    return isRepeat ? await executor.reconcile(order) : await executor.execute(order)
  }

  private func finish(_ id: SHA256Digest, _ outcome: ExecutionOutcome) async {
    var (kind, result, opening): (Outcome, JSONObject, Opening?)
    switch outcome {
    case .executed(let facts, let kept): (kind, result, opening) = (.executed, facts, kept)
    case .failed(let facts, let kept): (kind, result, opening) = (.failed, facts, kept)
    case .unknown(let facts): (kind, result, opening) = (.unknown, facts, nil)
    }
    if let opening {
      do {
        try await openings.keep([opening])
      } catch {
        // The effect stands whether or not its answer could be kept.
        report("\(id): the answer could not be kept: \(error)")
      }
    }
    do {
      try await sequencer.submit(.finish(id, kind, result))
      metrics.count("safebox_executions_total", ("outcome", kind.rawValue))
      await sweep()
    } catch {
      report("\(id): the outcome \(kind.rawValue) was not recorded: \(error)")
    }
  }
}
