import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import Storage

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
  /// Measures what executions bring into use; nil where the box measures nothing.
  private let measurer: CodeMeasurement?
  private var running: [SHA256Digest: Task<Void, Never>] = [:]
  /// Considered while they ran: what the run looked at may be older than what caused the call.
  private var again: Set<SHA256Digest> = []
  /// First in, first out; `isQueued` holds the same proposals.
  private var queue: [SHA256Digest] = []
  private var isQueued: Set<SHA256Digest> = []
  private var alarms: [SHA256Digest: Task<Void, Never>] = [:]
  /// Open proposals with secrets, which are erased when a proposal ends without an execution.
  private var secrets: [SHA256Digest: Action] = [:]
  private var isDraining = false
  private var sweeper: Task<Void, Never>?
  private var idleWaiters: [CheckedContinuation<Void, Never>] = []

  init(
    sequencer: Sequencer, executors: ExecutorTable, openings: OpeningStore, metrics: Metrics,
    clock: @escaping @Sendable () -> Int64, report: @escaping @Sendable (String) -> Void,
    measurer: CodeMeasurement? = nil
  ) {
    self.measurer = measurer
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
      let executing = try await sequencer.inspect { state, _ in
        state.interrupted.compactMap { id in state.proposal(id).map { (id, $0.statement, state.policy(of: id)) } }
      }
      // Also of those that have ended: the process may have died before it erased their secrets.
      let all = try await sequencer.inspect { [executors] state, _ in
        state.proposals.filter { executors[$0.statement.action.type]?.secretParams.isEmpty == false }
          .map { ($0.id, $0.statement.action) }
      }
      for (id, action) in all { secrets[id] = action }
      guard !isDraining else { return }
      for (id, statement, policy) in executing {
        running[id] = Task { await self.reconcile(id, statement, policy) }
      }
    } catch {
      report("cannot resume executions: \(error)")
    }
    await sweep()
    guard !isDraining else { return }
    sweeper = Task { [weak self] in
      while (try? await Task.sleep(for: Self.sweepInterval)) != nil { await self?.sweep() }
    }
  }

  /// Looks at every open proposal: after whatever changes many of them at once, and from time to time for what becomes
  /// possible by the passing of time alone, such as room in a budget. It is one look at the state for all of them, so
  /// that those that wait for people cost little.
  func sweep() async {
    let ripe = try? await sequencer.inspect { state, now in
      state.openProposals(at: now).filter { id in
        switch state.status(of: id, at: now) {
        case .approved, .locked: true
        default: false
        }
      }
    }
    for id in ripe ?? [] { consider(id) }
    guard !secrets.isEmpty else { return }
    let ids = Array(secrets.keys)
    let ended = try? await sequencer.inspect { state, now in
      ids.filter { state.status(of: $0, at: now)?.isFinal ?? true }
    }
    for id in ended ?? [] { await forget(id) }
  }

  /// Remembers a proposal whose params hold secrets.
  func watch(_ id: SHA256Digest, _ action: Action) {
    if executors[action.type]?.secretParams.isEmpty == false { secrets[id] = action }
  }

  /// Erases the secrets of a proposal that has ended.
  private func forget(_ id: SHA256Digest) async {
    guard let action = secrets[id], let members = executors[action.type]?.secretParams else { return }
    do {
      try await openings.erase(members, of: action)
      secrets[id] = nil
    } catch {
      // The next sweep tries again.
      report("\(id): the private values could not be erased: \(error)")
    }
  }

  /// Looks at what waits for the execution of `id`.
  private func considerFollowers(of id: SHA256Digest) async {
    let followers = try? await sequencer.inspect { state, _ in
      state.proposals.filter { $0.phase == .open && $0.statement.action.follows.contains(id) }.map(\.id)
    }
    for follower in followers ?? [] { consider(follower) }
  }

  /// Looks whether a proposal may be carried out, now or later. Called after everything that could have changed that.
  func consider(_ id: SHA256Digest) {
    guard !isDraining else { return }
    guard running[id] == nil else {
      again.insert(id)
      return
    }
    guard !isQueued.contains(id) else { return }
    guard running.count < Self.maxConcurrent else {
      isQueued.insert(id)
      return queue.append(id)
    }
    running[id] = Task { await self.attempt(id) }
  }

  /// Starts nothing more and waits for what runs, at most this long.
  func drain(within limit: Duration) async {
    isDraining = true
    sweeper?.cancel()
    for alarm in alarms.values { alarm.cancel() }
    alarms = [:]
    queue = []
    isQueued = []
    again = []
    guard !running.isEmpty else { return }
    let timer = Task {
      try await Task.sleep(for: limit)
      report("\(running.count) executions are still under way; the next start reconciles them")
      wakeIdleWaiters()
    }
    await withCheckedContinuation { idleWaiters.append($0) }
    timer.cancel()
  }

  /// Cancels what `drain` did not wait for, and returns when all of it has ended. To be called when the sequencer is
  /// closed: then nothing is recorded as finished that was merely cut off, and the next start reconciles it.
  func cut() async {
    let tasks = Array(running.values)
    for task in tasks { task.cancel() }
    for task in tasks { await task.value }
  }

  private func ended(_ id: SHA256Digest) {
    running[id] = nil
    if again.remove(id) != nil { consider(id) }
    while running.count < Self.maxConcurrent, !queue.isEmpty {
      let next = queue.removeFirst()
      isQueued.remove(next)
      consider(next)
    }
    if running.isEmpty { wakeIdleWaiters() }
  }

  private func wakeIdleWaiters() {
    let waiters = idleWaiters
    idleWaiters = []
    for waiter in waiters { waiter.resume() }
  }

  private func attempt(_ id: SHA256Digest) async {
    defer { ended(id) }
    let status: Status?
    do {
      status = try await sequencer.inspect { state, now in state.status(of: id, at: now) }
    } catch {
      return report("\(id): \(error)")
    }
    guard !isDraining else { return }
    if case .locked(let until) = status { return wake(id, at: until) }
    alarms.removeValue(forKey: id)?.cancel()
    if case .approved = status { await execute(id) }
    if status?.isFinal == true { await forget(id) }
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
    do {
      // Before the start is recorded: the fold refuses what would use code that no quote shows.
      try await measurer?.prepare(for: id)
    } catch {
      return report("\(id): what it brings into use could not be measured: \(error)")
    }
    let started: Sequencer.Started
    do {
      guard case .started(let answer) = try await sequencer.submit(.start(id)).response else { return }
      started = answer
    } catch is Refusal {
      // The state moved on between looking and starting, or a stop or seal holds. Nothing happened; the sweep looks again.
      return
    } catch {
      return report("\(id): the start was not recorded: \(error)")
    }
    // A crash from here to the finish leaves a start without a finish: `reconcile` settles it.
    let clock = ContinuousClock()
    let begun = clock.now
    let outcome = await act(id, started.statement, started.policy, isRepeat: false)
    await finish(id, started.statement, outcome)
    metrics.observe("safebox_execution_seconds", seconds: (clock.now - begun) / .seconds(1))
  }

  private func reconcile(_ id: SHA256Digest, _ statement: Statement, _ policy: Policy?) async {
    defer { ended(id) }
    report("\(id): the box stopped while this was executing; reconciling")
    await finish(id, statement, await act(id, statement, policy, isRepeat: true))
  }

  private func act(
    _ id: SHA256Digest, _ statement: Statement, _ policy: Policy?, isRepeat: Bool
  ) async -> ExecutionOutcome {
    /// Nothing was done now; but what is repeated may have been done before.
    func notDone(_ reason: String) -> ExecutionOutcome {
      let result: JSONObject = ["reason": .string(reason)]
      return isRepeat ? .unknown(result: result) : .failed(result: result, opening: nil)
    }
    // The fold brings these about itself when the finish is applied; that happens once, whenever it is recorded.
    if ActionType.folded.contains(statement.action.type) { return .executed(result: [:], opening: nil) }
    guard let executor = executors[statement.action.type] else {
      return notDone("this box has no executor for the type")
    }
    guard let policy else { return notDone("the policy has changed since the execution started") }
    let params: JSONObject
    do {
      let opened = try await openings.openings(of: statement.action)
      // What was cut off after it erased its secrets can still be told from what did nothing.
      let action =
        isRepeat ? try statement.action.removing(executor.secretParams, notIn: opened) : statement.action
      params = try action.opened(with: opened)
    } catch let error as CommitmentError {
      return notDone("\(error)")
    } catch {
      // The operator's matter, not the log's: it names files.
      report("\(id): the openings could not be read: \(error)")
      return notDone("the private values could not be read")
    }
    let settings: CommunitySettings
    do {
      settings = try await self.settings(of: params["community"]?.string)
    } catch let error as FieldError {
      return notDone("the community's \(error)")
    } catch {
      return notDone("the community's settings could not be read")
    }
    let order = ExecutionOrder(
      proposal: id, statement: statement, params: params, policy: policy, settings: settings)
    return isRepeat ? await executor.reconcile(order) : await executor.execute(order)
  }

  /// As they are now: where a community's calls go is decided by its owners, also for what was approved before.
  private func settings(of community: String?) async throws -> CommunitySettings {
    guard let community, let json = try await sequencer.inspect({ state, _ in state.settings(of: community) }) else {
      return CommunitySettings()
    }
    return try CommunitySettings(json: .object(json))
  }

  private func finish(_ id: SHA256Digest, _ statement: Statement, _ outcome: ExecutionOutcome) async {
    let (kind, result, opening): (Outcome, JSONObject, Opening?) =
      switch outcome {
      case .executed(let facts, let kept): (.executed, facts, kept)
      case .failed(let facts, let kept): (.failed, facts, kept)
      case .unknown(let facts): (.unknown, facts, nil)
      }
    if let secret = executors[statement.action.type]?.secretParams, !secret.isEmpty {
      do {
        // Before the end is recorded: a crash in between comes back to this line.
        try await openings.erase(secret, of: statement.action)
        secrets[id] = nil
      } catch {
        report("\(id): the private values could not be erased: \(error)")
      }
    }
    if let opening {
      do {
        try await openings.keep([opening])
      } catch {
        // The effect stands whether or not its answer could be kept.
        report("\(id): the answer could not be kept: \(error)")
      }
    }
    guard let recorded = await record(id, kind, result) else { return }
    metrics.count("safebox_executions_total", ("outcome", recorded.rawValue))
    if ActionType.folded.contains(statement.action.type) {
      do {
        try await measurer?.closeWhereDue()
      } catch {
        report("\(id): the end of measuring could not be marked: \(error)")
      }
      await sweep()
    } else {
      await considerFollowers(of: id)
    }
  }

  /// Records the end; `nil` where the log takes nothing more, and then the next start reconciles.
  private func record(_ id: SHA256Digest, _ outcome: Outcome, _ result: JSONObject) async -> Outcome? {
    var (outcome, result) = (outcome, result)
    while true {
      do {
        try await sequencer.submit(.finish(id, outcome, result))
        return outcome
      } catch SubmissionError.overloaded, SubmissionError.busy {
        // The effect has taken place: losing its outcome to a busy moment would leave it to a human.
        try? await Task.sleep(for: .milliseconds(20))
      } catch Fault.execution(.effect(let fault)) where outcome == .executed {
        // Another action took away what this one needs while it executed; without an end it would execute for ever.
        (outcome, result) = (.failed, ["reason": .string("\(fault)")])
      } catch is EntryError where result != Self.unrecordable {
        result = Self.unrecordable
      } catch {
        report("\(id): the outcome \(outcome.rawValue) was not recorded: \(error)")
        return nil
      }
    }
  }

  private static let unrecordable: JSONObject = ["reason": "the executor's result does not fit an entry"]
}
