import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import JavaScript
import Sandbox

/// All runs of a box: starts them, takes them up again, and knows how they stand.
public actor RunService {
  public struct Configuration: Sendable {
    /// Runs that may live at one time.
    public var maxLive = 20_000
    /// Tasks of one workflow, with the tasks of its tasks, that may live at one time.
    public var maxTasks = 1000
    /// How deep workflows may start workflows: a task of a run that nobody's task is has depth 1.
    public var maxDepth = 8
    /// How long a tool that only waits for people keeps its worker.
    public var patience = Duration.milliseconds(500)

    public init() {}
  }

  /// Why a run is not started or not found.
  public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
    case tooMany(limit: Int)
    /// The workflow has too many tasks under way.
    case tooManyTasks(limit: Int)
    /// Workflows within workflows go too deep.
    case tooDeep(limit: Int)
    case noTool(SHA256Digest)
    case noSource(SHA256Digest)
    case tooLarge(bytes: Int, limit: Int)
    /// The manifest demands what this machine does not give.
    case isolation(String)
    case stopping
    /// There is nothing to go on with.
    case over(RunID)

    public var description: String {
      switch self {
      case .tooMany(let limit): "\(limit) runs are under way, and more are not taken"
      case .tooManyTasks(let limit): "\(limit) tasks of this workflow are under way, and more are not taken"
      case .tooDeep(let limit): "workflows may be nested \(limit) deep, and this one would be deeper"
      case .noTool(let digest): "no tool \(digest) is registered"
      case .noSource(let digest): "the source \(digest) is not in this box's store"
      case .tooLarge(let bytes, let limit): "the input has \(bytes) bytes, at most \(limit) are taken"
      case .isolation(let why): "the tool demands an isolation that is not to be had here: \(why)"
      case .stopping: "the box is stopping"
      case .over(let run): "the run \(run) is over"
      }
    }
  }

  /// How a live run stands.
  public struct Standing: Sendable {
    public var waits: [CallWait]
    /// Whether it has no worker at the moment.
    public var isParked: Bool
  }

  private struct Live {
    var driver: RunDriver
    var task: Task<Void, Never>
    var events: RunEvents
    /// The run at the top, for a task.
    var root: RunID?
  }

  private let host: any RunHost
  private let sessions: any SessionSource
  private let store: any RunStore
  private let calls: HostCallTable
  private let usage: UsageBook
  private let configuration: Configuration
  private let report: @Sendable (String) -> Void
  private var live: [RunID: Live] = [:]
  /// Starts under way, so that one id is started once.
  private var starting: [RunID: Task<RunID, any Error>] = [:]
  private var waiters: [RunID: [UInt64: CheckedContinuation<RunEnding?, Never>]] = [:]
  private var nextWaiter: UInt64 = 0
  private var isStopping = false
  /// Runs that are being taken up after a start.
  private var resuming: Set<RunID> = []
  /// Those of them that somebody cancels meanwhile.
  private var doomed: Set<RunID> = []
  /// Why runs could not be taken up or gone on with; they stay in the log as begun.
  public private(set) var stuck: [RunID: String] = [:]
  /// The tasks under way, by the run at the top.
  private var trees: [RunID: Set<RunID>] = [:]

  public init(
    host: any RunHost, sessions: any SessionSource, store: any RunStore, calls: HostCallTable, usage: UsageBook,
    configuration: Configuration = Configuration(), report: @escaping @Sendable (String) -> Void
  ) {
    self.host = host
    self.sessions = sessions
    self.store = store
    self.calls = calls
    self.usage = usage
    self.configuration = configuration
    self.report = report
  }

  /// Starts a run and returns when its start is durable. A run of that id that lives or has ended is left as it is.
  @discardableResult
  public func start(_ request: RunRequest, seed: [UInt8], salt: RunSalt) async throws -> RunID {
    if let known = starting[request.id] { return try await known.value }
    guard live[request.id] == nil, !resuming.contains(request.id) else { return request.id }
    let task = Task { try await self.begin(request, seed: seed, salt: salt) }
    starting[request.id] = task
    defer { starting[request.id] = nil }
    return try await task.value
  }

  private func begin(_ request: RunRequest, seed: [UInt8], salt: RunSalt) async throws -> RunID {
    if try await host.isKnown(run: request.id) { return request.id }
    guard !isStopping else { throw Failure.stopping }
    guard live.count + starting.count <= configuration.maxLive else {
      throw Failure.tooMany(limit: configuration.maxLive)
    }
    guard let manifest = try await host.manifest(of: request.tool) else { throw Failure.noTool(request.tool) }
    guard let source = try await store.source(manifest.source) else { throw Failure.noSource(manifest.source) }
    let bytes = request.input.canonicalBytes().count
    guard bytes <= MachineLimits.maxValueBytes else {
      throw Failure.tooLarge(bytes: bytes, limit: MachineLimits.maxValueBytes)
    }
    let isolation: Isolation
    do {
      isolation = try await sessions.isolation(for: manifest.isolation)
    } catch {
      throw Failure.isolation("\(error)")
    }
    let root = try await root(above: request.parent)
    let beginning = RunPayloads.Beginning(salt: salt, input: request.input)
    // The words first: a run in the log whose input is missing could not be taken up.
    try await store.keep(beginning, of: request.id, community: request.community)
    let started = RunStarted(
      run: request.id, tool: request.tool, community: request.community, client: request.client,
      input: salt.digest(of: request.input), seed: seed, isolation: RunIsolation(isolation),
      engine: Machine.engine, parent: request.parent)
    let at = try await host.record(started)
    let identity = RunIdentity(
      started: started, startedAt: at, manifest: manifest, source: source, beginning: beginning)
    launch(identity, isNew: true, root: root)
    return request.id
  }

  /// Takes up what an earlier process left: every run that the log has begun and not ended.
  public func resume(_ runs: [(started: RunStarted, at: Int64)]) async {
    // All of them first: a workflow that is back before its task must know that the task is coming.
    let runs = runs.filter { run in
      let id = run.started.run
      guard live[id] == nil, starting[id] == nil else { return false }
      return resuming.insert(id).inserted
    }
    for (started, at) in runs {
      let id = started.run
      do {
        guard try await host.ending(of: id) == nil else { throw Failure.over(id) }
        let identity = try await identity(of: started, at: at)
        let root = try await root(above: started.parent)
        // A box that died may have ended a cancelled run and not yet its tasks.
        var isOrphan = false
        if let parent = started.parent?.run, case .failure(.cancelled, _)? = try await host.ending(of: parent)?.outcome
        {
          isOrphan = true
        }
        stuck[id] = nil
        if let root { trees[root, default: []].insert(id) }
        launch(identity, isNew: false, root: root)
        if doomed.remove(id) != nil || isOrphan { await live[id]?.driver.cancel() }
      } catch Failure.over {
        stuck[id] = nil
      } catch {
        note(stuck: id, "\(error)")
      }
      resuming.remove(id)
      doomed.remove(id)
      if live[id] == nil { wake(id, nil) }
    }
  }

  private func note(stuck id: RunID, _ reason: String) {
    report("run \(id) cannot be taken up: \(reason)")
    stuck[id] = reason
  }

  private func wake(_ id: RunID, _ ending: RunEnding?) {
    for waiter in (waiters.removeValue(forKey: id) ?? [:]).values { waiter.resume(returning: ending) }
  }

  /// The run at the top of the workflows above a task; nil for a run that is no task.
  private func root(above task: RunStarted.Task?) async throws -> RunID? {
    var root: RunID?
    var depth = 0
    var parent = task?.run
    while let above = parent {
      depth += 1
      guard depth <= configuration.maxDepth else { throw Failure.tooDeep(limit: configuration.maxDepth) }
      root = above
      parent = try await host.started(above)?.parent?.run
    }
    return root
  }

  private func identity(of started: RunStarted, at: Int64) async throws -> RunIdentity {
    guard let manifest = try await host.manifest(of: started.tool) else { throw Failure.noTool(started.tool) }
    guard let source = try await store.source(manifest.source) else { throw Failure.noSource(manifest.source) }
    guard let beginning = try await store.beginning(of: started.run, community: started.community) else {
      throw PayloadMissing(run: started.run, call: nil)
    }
    return RunIdentity(started: started, startedAt: at, manifest: manifest, source: source, beginning: beginning)
  }

  private var services: RunServices {
    RunServices(
      host: host, sessions: sessions, store: store, tasks: self, calls: calls, usage: usage, report: report,
      patience: configuration.patience)
  }

  private func launch(_ identity: RunIdentity, isNew: Bool, root: RunID?) {
    // The log has it; the next start takes it up.
    guard !isStopping else { return }
    let events = RunEvents()
    let driver = RunDriver(identity, isNew: isNew, services: services, events: events)
    let id = identity.id
    events.say("started", ["run": .string(id.hex), "tool": .string(identity.manifest.name)])
    let task = Task {
      let ending = await driver.drive()
      await self.ended(id, ending, events)
    }
    live[id] = Live(driver: driver, task: task, events: events, root: root)
  }

  private func ended(_ id: RunID, _ ending: RunEnding?, _ events: RunEvents) async {
    let run = live[id]
    let trouble = ending == nil ? await run?.driver.trouble : nil
    live[id] = nil
    if let root = run?.root { leave(root, id) }
    if let trouble { note(stuck: id, trouble) }
    if ending != nil { events.say("finished", ["run": .string(id.hex)]) }
    events.close()
    wake(id, ending)
  }

  private func leave(_ root: RunID, _ id: RunID) {
    trees[root]?.remove(id)
    if trees[root]?.isEmpty == true { trees[root] = nil }
  }

  /// Ends a run as cancelled, and its tasks with it. False when it is neither under way nor stuck.
  @discardableResult
  public func cancelRun(_ id: RunID) async throws -> Bool {
    if let start = starting[id] { _ = try? await start.value }
    if let run = live[id] {
      await run.driver.cancel()
      return true
    }
    if resuming.contains(id) {
      doomed.insert(id)
      return true
    }
    guard stuck[id] != nil else { return false }
    // Its words may be lost, and its salt with them: nobody can go on with it, but it can be ended.
    let salt = try RunSalt(SecureRandom.bytes(32))
    _ = try await host.finish(
      run: id, fuel: 0, outcome: .failure(.cancelled, message: salt.digest(of: "the run was cancelled")))
    stuck[id] = nil
    return true
  }

  /// How a live run stands; nil when it is over or unknown.
  public func standing(of id: RunID) async -> Standing? {
    guard let run = live[id] else { return nil }
    return Standing(waits: await run.driver.waits, isParked: await run.driver.isParked)
  }

  /// What those who watch the run are told; nil when it is not under way.
  public func events(of id: RunID) -> RunEvents? { live[id]?.events }

  /// How many runs are under way.
  public var count: Int { live.count }

  /// Waits until a run is no longer under way. The ending is nil when this process did not see it.
  public func wait(for id: RunID) async -> RunEnding? {
    guard isComing(id) else { return nil }
    nextWaiter += 1
    let key = nextWaiter
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        guard isComing(id), !Task.isCancelled else { return continuation.resume(returning: nil) }
        waiters[id, default: [:]][key] = continuation
      }
    } onCancel: {
      Task { await self.stopWaiting(for: id, key) }
    }
  }

  private func isComing(_ id: RunID) -> Bool { live[id] != nil || resuming.contains(id) }

  private func stopWaiting(for id: RunID, _ key: UInt64) {
    waiters[id]?.removeValue(forKey: key)?.resume(returning: nil)
    if waiters[id]?.isEmpty == true { waiters[id] = nil }
  }

  /// Lets go of every run without an end in the log; the next start takes them up.
  public func stop() async {
    isStopping = true
    for run in live.values { await run.driver.abandon() }
    for run in live.values { await run.task.value }
  }
}

extension RunService: TaskSource {
  public func start(child: RunRequest) async throws {
    if isComing(child.id) { return }
    // Both from the child's name, so that a start that was cut off in the middle is the same start.
    let secret = try RunSalt(try await host.secret(of: child.id))
    guard let root = try await root(above: child.parent) else {
      throw HostCallError("failed", "a task without a workflow")
    }
    guard trees[root, default: []].count < configuration.maxTasks else {
      throw Failure.tooManyTasks(limit: configuration.maxTasks)
    }
    trees[root, default: []].insert(child.id)
    do {
      try await start(
        child, seed: secret.digest(of: "seed").bytes, salt: try RunSalt(secret.digest(of: "salt").bytes))
      if !isComing(child.id) { leave(root, child.id) }
    } catch {
      leave(root, child.id)
      throw error
    }
  }

  public func ending(of run: RunID) async throws -> RunEnding {
    while true {
      if let ending = await wait(for: run) { return ending }
      try Task.checkCancellation()
      if let ending = try await host.ending(of: run) { return ending }
      if isStopping { throw CancellationError() }
      if let start = starting[run] {
        _ = try? await start.value
      } else if !isComing(run) {
        throw HostCallError("failed", "the task cannot be taken up", details: ["run": .string(run.hex)])
      }
    }
  }

  public func cancel(_ run: RunID) async { _ = try? await cancelRun(run) }
}

extension HostCallError {
  /// Why a task is not started.
  init(_ failure: RunService.Failure) {
    let code =
      switch failure {
      case .tooMany, .tooManyTasks: "too_many"
      case .tooDeep: "too_deep"
      case .noTool, .noSource: "not_found"
      case .tooLarge: "too_large"
      case .isolation, .stopping, .over: "unavailable"
      }
    self.init(code, "\(failure)")
  }
}
