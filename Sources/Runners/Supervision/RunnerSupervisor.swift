import CanonicalJSON
import Cryptography
import Glibc
import Models

/// Keeps runners running: starts, watches, restarts, drains and stops them.
///
/// Each start verifies the root and the model anew, whoever asks for it; what is refused then is not started and is not
/// tried again. Containers that a crash of this process left are removed when the supervisor begins.
public actor RunnerSupervisor {
  /// How it works.
  public struct Configuration: Sendable {
    /// `run/`: one directory for each runner. Belongs to root; short enough for the path of a unix socket in it.
    public var directory: String
    /// Directory of Safebox's static programs for containers.
    public var adapters: String
    /// The group that may connect to runners; root's, unless the daemon has one of its own.
    public var socketGroup: UInt32 = 0
    public var restarts = RestartPolicy()
    /// Between two questions after a runner's health.
    public var healthInterval: Duration = .seconds(10)
    /// For an answer to such a question.
    public var healthDeadline: Duration = .seconds(10)
    /// Questions in a row without an answer before a runner is killed.
    public var healthFailures = 3
    /// Greatest size of each of a runner's two log files.
    public var logBytes = 4 << 20
    /// Where CDI specifications lie.
    public var deviceDirectories = CDISpecification.directories
    /// Called for every alarm; must not block.
    public var alarm: @Sendable (RunnerAlarm) -> Void = { _ in }

    public init(directory: String, adapters: String) {
      self.directory = directory
      self.adapters = adapters
    }
  }

  /// What is to run.
  public struct Order: Sendable {
    /// 1 to 64 of `a-z 0-9 -`.
    public var name: String
    public var manifest: ModelManifest
    /// Directory of the runner's root file system; opened and hashed at each start.
    public var root: String
    /// Digest that the root must have.
    public var rootDigest: SHA256Digest
    public var isolation: RunnerIsolation
    /// Verifies every file of the model; the container gets what the result's descriptors are, and no file by its name.
    /// Called at each start, on a thread that may block.
    public var verify: @Sendable () throws -> VerifiedModel

    public init(
      name: String, manifest: ModelManifest, root: String, rootDigest: SHA256Digest, isolation: RunnerIsolation,
      verify: @escaping @Sendable () throws -> VerifiedModel
    ) {
      self.name = name
      self.manifest = manifest
      self.root = root
      self.rootDigest = rootDigest
      self.isolation = isolation
      self.verify = verify
    }
  }

  /// Most runners at one time.
  public static let maxRunners = 64

  private final class Entry {
    let order: Order
    let places: RunnerPlaces
    let log: RunnerLog
    var status: RunnerStatus
    var container: RunnerContainer?
    var failures = 0
    /// Watches the container and starts it again.
    var keeper: Task<Void, Never>?
    var isStopping = false

    init(order: Order, places: RunnerPlaces, log: RunnerLog, status: RunnerStatus) {
      self.order = order
      self.places = places
      self.log = log
      self.status = status
    }
  }

  private let configuration: Configuration
  private var entries: [String: Entry] = [:]

  /// Removes what a crash left. Blocks for the time of that.
  public init(_ configuration: Configuration) throws(RunnerFault) {
    self.configuration = configuration
    try SystemFile.makeDirectory(configuration.directory, mode: 0o755)
    for isolation in RunnerIsolation.allCases {
      let state = Self.stateDirectory(isolation, in: configuration)
      try SystemFile.makeDirectory(state, mode: 0o700)
      guard let runtime = try? ContainerRuntime(isolation, stateDirectory: state) else { continue }
      for container in runtime.containers() { try runtime.delete(container) }
    }
    for name in SystemFile.names(in: configuration.directory) {
      (try? RunnerPlaces(name: name, below: configuration.directory))?.unmount()
    }
  }

  private static func stateDirectory(_ isolation: RunnerIsolation, in configuration: Configuration) -> String {
    configuration.directory + "/." + isolation.rawValue
  }

  // MARK: what callers ask for

  /// Starts a runner and waits until it is ready. On a fault nothing is left of it.
  ///
  /// - Throws: ``RunnerFault``, or a `FieldError` of the manifest's options.
  @discardableResult
  public func start(_ order: Order) async throws -> RunnerStatus {
    guard entries[order.name] == nil, entries.count < Self.maxRunners else { throw RunnerFault.nameTaken(order.name) }
    let places = try RunnerPlaces(name: order.name, below: configuration.directory)
    try SystemFile.makeDirectory(places.directory, mode: 0o755)
    let log = try RunnerLog(path: places.log, maxBytes: configuration.logBytes)
    let status = RunnerStatus(
      name: order.name, modelName: order.manifest.name, model: order.manifest.digest,
      runnerType: order.manifest.runnerType, root: order.rootDigest, isolation: order.isolation, phase: .starting,
      socket: places.socket, slots: 0)
    let entry = Entry(order: order, places: places, log: log, status: status)
    entries[order.name] = entry
    do {
      try await launch(entry)
    } catch {
      report(refusal: error, of: entry)
      entries[order.name] = nil
      throw error
    }
    // Somebody may have asked for its end while it began.
    if entry.isStopping {
      await end(entry)
      throw RunnerFault.unknownRunner(order.name)
    }
    keep(entry)
    return entry.status
  }

  /// Closes the door to new requests, waits until those that run are answered or the time is over, and ends the runner.
  public func stop(_ name: String, drain limit: Duration = .zero) async throws(RunnerFault) {
    let entry = try entry(name)
    entry.isStopping = true
    entry.keeper?.cancel()
    await drain(entry, limit: limit)
    await remove(entry)
    // It may have been starting the runner again; what it made meanwhile goes too.
    await entry.keeper?.value
    await end(entry)
  }

  /// Ends a runner and starts it again, verified anew, without counting that as a failure.
  @discardableResult
  public func restart(_ name: String, drain limit: Duration = .zero) async throws -> RunnerStatus {
    let order = try entry(name).order
    try await stop(name, drain: limit)
    return try await start(order)
  }

  /// All runners, by name.
  public func status() -> [RunnerStatus] { entries.values.map(\.status).sorted { $0.name < $1.name } }

  public func status(of name: String) throws(RunnerFault) -> RunnerStatus { try entry(name).status }

  /// The last bytes of a runner's log, at most ``RunnerLog/maxTailBytes``.
  public func log(of name: String, tail bytes: Int) throws(RunnerFault) -> [UInt8] { try entry(name).log.tail(bytes) }

  /// Stops all runners.
  public func shutDown(drain limit: Duration = .zero) async {
    for name in entries.keys.sorted() { try? await stop(name, drain: limit) }
  }

  private func entry(_ name: String) throws(RunnerFault) -> Entry {
    guard let entry = entries[name] else { throw .unknownRunner(name) }
    return entry
  }

  /// Unique on the machine: control groups are shared by all supervisors there are.
  private func identifier(of name: String) -> String {
    "\(name)-\(SHA256.hash(utf8: configuration.directory).hex.prefix(12))"
  }

  // MARK: starting

  /// Verifies, makes the container and waits until it is ready.
  private func launch(_ entry: Entry) async throws {
    let began = ContinuousClock.now
    entry.status.phase = .starting
    let (order, places, log, configuration) = (entry.order, entry.places, entry.log, configuration)
    let identifier = identifier(of: order.name)
    let (container, definition, slots) = try await DetachedThread.run {
      let root = try RunnerRoot(opening: order.root, approved: order.rootDigest)
      let command = try CommandTemplate(root.definition, for: order.manifest)
      let runtime = try ContainerRuntime(
        order.isolation, stateDirectory: Self.stateDirectory(order.isolation, in: configuration))
      let wantsDevices = (order.manifest.resources?.gpus ?? 0) > 0
      let devices = try CDISpecification.edits(
        for: wantsDevices ? root.definition.devices : [], directories: configuration.deviceDirectories)
      let model: VerifiedModel
      do {
        model = try order.verify()
      } catch {
        throw RunnerFault.modelRefused("\(error)")
      }
      guard model.manifest.digest == order.manifest.digest else {
        throw RunnerFault.modelRefused("\(model.manifest.digest) was verified, and \(order.manifest.digest) is to run")
      }
      let plan = RunnerContainer.Plan(
        places: places, identifier: identifier, runtime: runtime, root: root, command: command,
        limits: ContainerLimits(order.manifest), adapters: configuration.adapters,
        socketGroup: configuration.socketGroup, devices: devices)
      let files = model.files.map { DescriptorMounts.File(path: $0.path, descriptor: $0.descriptor) }
      // The mounts hold the files from then on.
      let container = try withExtendedLifetime(model) { try RunnerContainer(plan, files: files, log: log) }
      return (container, root.definition, command.slots)
    }
    entry.container = container
    entry.status.pid = container.pid
    entry.status.slots = slots
    entry.status.containment = container.containment
    do {
      try await awaitReady(entry, container: container, definition: definition, since: began)
    } catch {
      await remove(entry)
      throw error
    }
    entry.status.phase = .ready
    entry.status.lastFault = nil
    entry.status.startMilliseconds = Self.milliseconds(began.duration(to: .now))
  }

  private func awaitReady(
    _ entry: Entry, container: RunnerContainer, definition: RunnerDefinition, since began: ContinuousClock.Instant
  ) async throws {
    let probe = RunnerProbe(socket: entry.places.socket, path: definition.health)
    let deadline = ContinuousClock.now.advanced(by: .seconds(definition.startSeconds))
    var pause = Duration.milliseconds(10)
    while true {
      if await probe.isHealthy(within: configuration.healthDeadline) { return }
      guard !container.hasEnded else { throw RunnerFault.endedAtStart(words: why(entry, container)) }
      guard ContinuousClock.now < deadline else {
        throw RunnerFault.startDeadline(seconds: definition.startSeconds, words: entry.log.lastWords)
      }
      try await Task.sleep(for: pause)
      pause = min(pause * 2, .milliseconds(200))
    }
  }

  private static func milliseconds(_ duration: Duration) -> Int64 {
    duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
  }

  // MARK: keeping

  private func keep(_ entry: Entry) {
    entry.keeper = Task { await self.watch(entry) }
  }

  /// Waits for the end of a container, and starts it again as the policy says, until the runner is stopped or given up.
  private func watch(_ entry: Entry) async {
    while !entry.isStopping {
      guard let container = entry.container else { return }
      let began = ContinuousClock.now
      let health = Task { await self.watchHealth(entry, container: container) }
      // On a thread, so that no task of the pool waits with it.
      _ = try? await DetachedThread.run { container.awaitEnd(milliseconds: -1) }
      health.cancel()
      guard !entry.isStopping, entry.container === container else { return }
      let cause = why(entry, container)
      entry.failures = configuration.restarts.failures(before: entry.failures, ranFor: began.duration(to: .now))
      configuration.alarm(.ended(name: entry.order.name, why: cause))
      await remove(entry)
      entry.status.restarts += 1
      guard await revive(entry, cause: cause) else { return }
    }
  }

  /// Tries to start it again until that works. Returns false when it is not to be tried any more.
  private func revive(_ entry: Entry, cause: String) async -> Bool {
    var cause = cause
    while !entry.isStopping {
      entry.status.lastFault = cause
      switch configuration.restarts.decision(failures: entry.failures) {
      case .giveUp(let failures):
        entry.status.phase = .failed
        configuration.alarm(.gaveUp(name: entry.order.name, failures: failures, why: cause))
        return false
      case .restart(let delay):
        entry.status.phase = .waiting
        // Cancelled by a stop.
        guard (try? await Task.sleep(for: delay)) != nil, !entry.isStopping else { return false }
      }
      do {
        try await launch(entry)
        return true
      } catch {
        cause = "\(error)"
        entry.failures += 1
        if report(refusal: error, of: entry) {
          entry.status.phase = .failed
          entry.status.lastFault = cause
          return false
        }
      }
    }
    return false
  }

  /// Whether a fault is a refusal, which is reported and not tried again: the bytes will not become right by waiting.
  @discardableResult
  private func report(refusal error: any Error, of entry: Entry) -> Bool {
    switch error {
    case RunnerFault.modelRefused(let why):
      configuration.alarm(.modelRefused(name: entry.order.name, why: why))
    case let fault as RunnerFault:
      switch fault {
      case .rootDigest, .rootEntry, .rootTooLarge:
        configuration.alarm(.rootRefused(name: entry.order.name, why: fault.description))
      default: return false
      }
    default: return false
    }
    return true
  }

  private func watchHealth(_ entry: Entry, container: RunnerContainer) async {
    guard let definition = try? RunnerRoot.definition(in: entry.order.root) else { return }
    let probe = RunnerProbe(socket: entry.places.socket, path: definition.health)
    var failures = 0
    while (try? await Task.sleep(for: configuration.healthInterval)) != nil {
      guard entry.container === container, entry.status.phase == .ready else { return }
      failures = await probe.isHealthy(within: configuration.healthDeadline) ? 0 : failures + 1
      guard !Task.isCancelled else { return }
      if failures >= configuration.healthFailures {
        configuration.alarm(.unresponsive(name: entry.order.name))
        container.signal(SIGKILL)
        return
      }
    }
  }

  private func why(_ entry: Entry, _ container: RunnerContainer) -> String {
    let words = entry.log.lastWords
    return container.memoryKills > 0 ? "killed at its memory limit; \(words)" : words
  }

  // MARK: ending

  private func drain(_ entry: Entry, limit: Duration) async {
    guard let container = entry.container, limit > .zero else { return }
    entry.status.phase = .draining
    entry.places.closeDoor()
    let deadline = ContinuousClock.now.advanced(by: limit)
    while !container.hasEnded {
      // Where nobody knows who is connected, all the time is given.
      let connections = container.connections
      if connections == 0 { return }
      guard ContinuousClock.now < deadline else {
        configuration.alarm(.drainCutShort(name: entry.order.name, connections: connections ?? 0))
        return
      }
      // A task that was cancelled would not sleep, and this one must not be cut short by its caller's end.
      await Task { _ = try? await Task.sleep(for: .milliseconds(50)) }.value
    }
  }

  private func end(_ entry: Entry) async {
    await remove(entry)
    entries[entry.order.name] = nil
  }

  private func remove(_ entry: Entry) async {
    guard let container = entry.container else { return }
    entry.container = nil
    entry.status.pid = nil
    entry.status.containment = nil
    _ = try? await DetachedThread.run { try container.remove() }
  }
}
