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
    /// How long a tool that only waits for people keeps its worker.
    public var patience = Duration.milliseconds(500)

    public init() {}
  }

  /// Why a run is not started or not found.
  public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
    case tooMany(limit: Int)
    case noTool(SHA256Digest)
    case noSource(SHA256Digest)
    case tooLarge(bytes: Int, limit: Int)
    /// The manifest demands what this machine does not give.
    case isolation(String)
    case stopping

    public var description: String {
      switch self {
      case .tooMany(let limit): "\(limit) runs are under way, and more are not taken"
      case .noTool(let digest): "no tool \(digest) is registered"
      case .noSource(let digest): "the source \(digest) is not in this box's store"
      case .tooLarge(let bytes, let limit): "the input has \(bytes) bytes, at most \(limit) are taken"
      case .isolation(let why): "the tool demands an isolation that is not to be had here: \(why)"
      case .stopping: "the box is stopping"
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
    guard live[request.id] == nil else { return request.id }
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
    launch(identity, journal: [], isNew: true)
    return request.id
  }

  /// Takes up what an earlier process left: every run that the log has begun and not ended.
  public func resume(_ runs: [(started: RunStarted, at: Int64)]) async {
    for (started, at) in runs where live[started.run] == nil {
      do {
        let identity = try await identity(of: started, at: at)
        let services = services
        launch(identity, journal: try await services.journal(of: identity), isNew: false)
      } catch {
        report("run \(started.run) cannot be taken up: \(error)")
        stuck[started.run] = "\(error)"
      }
    }
  }

  /// Why runs could not be taken up; they stay in the log as begun.
  public private(set) var stuck: [RunID: String] = [:]

  private func identity(of started: RunStarted, at: Int64) async throws -> RunIdentity {
    guard let manifest = try await host.manifest(of: started.tool) else { throw Failure.noTool(started.tool) }
    guard let source = try await store.source(manifest.source) else { throw Failure.noSource(manifest.source) }
    guard let beginning = try await store.contents(of: started.run, community: started.community).beginning else {
      throw PayloadMissing(run: started.run, call: nil)
    }
    return RunIdentity(started: started, startedAt: at, manifest: manifest, source: source, beginning: beginning)
  }

  private var services: RunServices {
    RunServices(
      host: host, sessions: sessions, store: store, tasks: self, calls: calls, usage: usage, report: report,
      patience: configuration.patience)
  }

  private func launch(_ identity: RunIdentity, journal: [JournalLine], isNew: Bool) {
    let events = RunEvents()
    let driver = RunDriver(identity, journal: journal, isNew: isNew, services: services, events: events)
    let id = identity.id
    events.say("started", ["run": .string(id.hex), "tool": .string(identity.manifest.name)])
    let task = Task {
      let ending = await driver.drive()
      await self.ended(id, ending, events)
    }
    live[id] = Live(driver: driver, task: task, events: events)
  }

  private func ended(_ id: RunID, _ ending: RunEnding?, _ events: RunEvents) async {
    live[id] = nil
    if ending != nil { events.say("finished", ["run": .string(id.hex)]) }
    events.close()
    for waiter in (waiters.removeValue(forKey: id) ?? [:]).values { waiter.resume(returning: ending) }
  }

  /// Ends a run as cancelled. False when it is not under way.
  @discardableResult
  public func cancelRun(_ id: RunID) async -> Bool {
    guard let run = live[id] else { return false }
    await run.driver.cancel()
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
    guard live[id] != nil else { return nil }
    nextWaiter += 1
    let key = nextWaiter
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        guard live[id] != nil, !Task.isCancelled else { return continuation.resume(returning: nil) }
        waiters[id, default: [:]][key] = continuation
      }
    } onCancel: {
      Task { await self.stopWaiting(for: id, key) }
    }
  }

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
  public func start(child: RunRequest) async throws -> RunID {
    // Both from the child's name, so that a start that was cut off in the middle is the same start.
    let secret = try RunSalt(try await host.secret(of: child.id))
    return try await start(
      child, seed: secret.digest(of: "seed").bytes, salt: try RunSalt(secret.digest(of: "salt").bytes))
  }

  public func ending(of run: RunID) async throws -> RunEnding {
    while true {
      if let ending = await wait(for: run) { return ending }
      try Task.checkCancellation()
      if let ending = try await host.ending(of: run) { return ending }
      guard live[run] != nil || starting[run] != nil else {
        throw HostCallError("failed", "the run \(run) cannot be taken up")
      }
      await Task.yield()
    }
  }

  public func cancel(_ run: RunID) async { await cancelRun(run) }
}
