import AuditExport
import CanonicalJSON
import Cryptography
import Governance
import HTTPClient
import HTTPServer
import HostCalls
import KeyRelease
import Runs
import Sandbox
import Storage
import Synchronization
import TransparencyLog
import Witness

/// One box, opened from its data directory: `safebox serve`.
///
/// Start-up order: lock, start-up gate (tail against the signed root, keys, origin, witnesses), fold, projections, the key of
/// the data, reconciliation of interrupted executions, listeners. Whatever is wrong with the log makes the box read-only, and
/// so does a key that a broker does not release.
public final class Box: Sendable {
  /// Whether the box takes proposals.
  public enum Mode: Sendable, CustomStringConvertible {
    case ready
    case readOnly(reason: String)

    public var description: String {
      switch self {
      case .ready: "ready"
      case .readOnly(let reason): "read-only: \(reason)"
      }
    }
  }

  /// What the embedding process provides.
  public struct Environment: Sendable {
    /// Wall time, Unix milliseconds.
    public var clock: @Sendable () -> Int64
    /// One line for the operator's log.
    public var report: @Sendable (String) -> Void
    /// Further executors beside the core's.
    public var executors: [any ActionExecutor] = []
    /// Path of the worker's executable; `nil` for the one beside this program.
    public var worker: String?
    /// Stands in for the machine that the configuration names, in tests of what it may do in between.
    var machine: Machine?
    /// How often a broker is asked for the key of the data.
    var pace = RetryPace()
    /// What appraises the evidence of boxes, where this one is a broker.
    public var appraiser = EvidenceAppraiser.standard

    public init(clock: @escaping @Sendable () -> Int64, report: @escaping @Sendable (String) -> Void) {
      self.clock = clock
      self.report = report
    }
  }

  /// The program's version, as `/openapi.json` and `safebox version` show it.
  public static let version = "0.1.0"

  public let origin: String
  public var mode: Mode {
    if let reason = alarm.withLock({ $0 }) { return .readOnly(reason: reason) }
    guard case .ready = startMode, case .awaited(let why) = dataKey.withLock({ $0 }) else { return startMode }
    return .readOnly(reason: "the key of its data is not here: \(why)")
  }

  let configuration: BoxConfiguration
  let identity: PublicKeys
  let keys: DataDirectory.Keys
  let reader: LogReader
  /// Nil where something is wrong with the log.
  let sequencer: Sequencer?
  let index: ProposalIndex
  let epochs = EpochArchive()
  let usage = UsageBook()
  let sandbox: BoxSandbox
  let settlements = Settlements()
  /// Nil where the configuration names no machine that vouches for the box.
  let machine: BoxMachine?
  /// Nil where the key of the data is a file.
  let asker: KeyAsker?
  let dataKey: Mutex<DataKey>
  /// Goes on asking a broker.
  let asking = Mutex<Task<Void, Never>?>(nil)
  /// What lies below the key of the data; nil until that is there.
  let opened = Mutex<BoxInterior?>(nil)
  let events: EventHub
  let metrics: Metrics
  let witnesses: WitnessKeeper?
  /// Carries the log to its exports; nil where none are configured.
  let exports: ExportPump?
  private let startMode: Mode
  let environment: Environment
  private let alarm: AlarmBox
  let directory: DataDirectory
  let blocking: BlockingWork
  let httpClient: HTTPClient
  // Keeps the directory's lock while the box is read-only.
  private let store: StoreHolder
  private let servers = Mutex<[HTTPServer]>([])
  /// Where the listeners are bound, once they are: the configuration may leave the port to the kernel.
  let bound = Mutex<(api: [BoundAddress], admin: [BoundAddress])>(([], []))

  private let boundBroker = Mutex<[BoundAddress]>([])

  /// Where boxes ask this broker for keys, and the digest of the key by which they know it; nil for a box that is none.
  public var brokerAddress: (places: [BoundAddress], key: SHA256Digest)? {
    broker.map { (boundBroker.withLock { $0 }, $0.identity.digest) }
  }

  /// Opens the box. Throws when the directory is not a box's, or another process has it.
  public init(directory: DataDirectory, environment: Environment) async throws {
    self.directory = directory
    self.environment = environment
    configuration = try directory.configuration()
    identity = try PublicKeys(
      parsing: try WholeFile.read(directory.publicPath, limit: 65536)
        ?? { throw DataDirectory.Failure.missing(file: directory.publicPath) }())
    origin = identity.box
    keys = try directory.keys(origin: origin)
    let master = try directory.masterKey(configuration)
    dataKey = Mutex(master == nil ? .awaited(why: "nobody was asked for it yet") : .file)
    let signers = try CheckpointSigners(origin: origin, keys: keys)
    let store = try LogStore(path: directory.logPath, origin: origin)
    self.store = StoreHolder(store)
    reader = store.reader
    exports = try Self.exportPump(
      configuration.exports, origin: origin, reader: store.reader, directory: directory, environment: environment)
    metrics = Metrics()
    blocking = BlockingWork()
    let httpClient = HTTPClient()
    self.httpClient = httpClient
    let events = EventHub(size: try store.reader.size())
    self.events = events
    let alarm = AlarmBox()
    self.alarm = alarm

    var views: [WitnessView] = []
    var client: WitnessClient?
    var quorumAtStart = false
    if let text = configuration.witnessPolicy {
      let policy = try Self.witnessPolicy(text, log: signers.log)
      let witnessClient = WitnessClient(
        policy: policy, transport: .http(httpClient, egress: Self.egress(to: policy)))
      client = witnessClient
      let signed =
        try store.reader.latestCheckpoint()
        ?? SignedCheckpoint(
          try Checkpoint(origin: origin, size: 0, root: Frontier().root), signers: signers.signers)
      let survey = await witnessClient.survey(signed, log: signers.log)
      views = survey.views
      quorumAtStart = survey.isQuorumReached
      for (name, reason) in survey.silent { environment.report("witness \(name) did not answer: \(reason)") }
    }

    index = ProposalIndex(reader: store.reader)
    let verdict = try store.start(
      trust: .init(log: signers.log, witnesses: views),
      projections: [try ProposalIndex.projection(), try RunIndex.projection(), try IdentityIndex.projection()])
    sandbox = BoxSandbox(worker: environment.worker)
    let settlements = settlements
    (startMode, sequencer) = try Self.sequencer(
      verdict, isWitnessed: client == nil || quorumAtStart, reader: store.reader, epochs: epochs, usage: usage
    ) { writer, state, epochs in
      try Sequencer(
        writer: writer, state: state, signers: signers.signers, clock: environment.clock, epochs: epochs,
        onCommit: { events.advance(to: $0) }, onSettled: { settlements.note($0) })
    }
    let sequencer = sequencer
    let sound: @Sendable (String) -> Void = { Self.sound(alarm, $0, sequencer, environment.report) }
    witnesses =
      if let client, sequencer != nil {
        WitnessKeeper(
          client: client, reader: store.reader, events: events, report: environment.report, onAlarm: sound)
      } else {
        nil
      }
    machine =
      if let sequencer {
        try BoxMachine(configuration.attestation, sequencer: sequencer, environment: environment, onFault: sound)
      } else {
        nil
      }
    asker =
      if let release = configuration.keyRelease, let machine {
        try KeyAsker(release, machine: machine, at: environment.clock())
      } else {
        nil
      }
    if let master { try open(below: master) }
  }

  /// What start-up found of the log: the way into it, or why it is only shown.
  private static func sequencer(
    _ verdict: LogStore.Verdict, isWitnessed: Bool, reader: LogReader, epochs: EpochArchive, usage: UsageBook,
    _ make: (LogWriter, sending BoxState, EpochArchive) throws -> Sequencer
  ) throws -> (Mode, Sequencer?) {
    switch verdict {
    case .readOnly(let reason): return (.readOnly(reason: "\(reason)"), nil)
    case .ready(let writer):
      // Too few witnesses answered to exclude that this is an older copy of the log.
      guard isWitnessed else {
        return (.readOnly(reason: "too few witnesses answered to exclude a rollback"), nil)
      }
      let state: BoxState
      do {
        state = try LogFold.run(reader, epochs: epochs, usage: usage)
      } catch {
        return (.readOnly(reason: "\(error)"), nil)
      }
      return (.ready, try make(writer, state, epochs))
    }
  }

  /// The log is contradicted from outside: nothing more is taken, and nothing more begins.
  private static func sound(
    _ alarm: AlarmBox, _ reason: String, _ sequencer: Sequencer?, _ report: @Sendable (String) -> Void
  ) {
    alarm.raise(reason)
    report("the log is contradicted and the box stops accepting anything: \(reason)")
    Task { await sequencer?.close() }
  }

  /// What a witness's contradiction does.
  func raiseAlarm(_ reason: String) {
    guard let sequencer else { return }
    Self.sound(alarm, reason, sequencer, report)
  }

  /// Whether the log was contradicted since the start.
  var isAlarmed: Bool { alarm.withLock { $0 } != nil }

  var report: @Sendable (String) -> Void { environment.report }

  /// The configured policy with this log among its logs: whoever writes a policy before `safebox init` cannot know the keys
  /// that it is going to make.
  private static func witnessPolicy(_ text: String, log: LogKeys) throws -> WitnessPolicy {
    let policy = try WitnessPolicy(parsing: Array(text.utf8))
    guard !policy.logs.contains(where: { $0.key.name.utf8.elementsEqual(log.origin.utf8) }) else { return policy }
    return try WitnessPolicy(parsing: Array((log.keys.map { "log \($0.text)\n" }.joined() + text).utf8))
  }

  /// Only the witnesses' own hosts, which may be private: the operator's configuration names them.
  private static func egress(to policy: WitnessPolicy) -> EgressPolicy {
    .only(
      policy.witnesses.compactMap { witness in
        guard let text = witness.url, let url = try? HTTPURL(text) else { return nil }
        return (host: url.host, port: url.port)
      })
  }

  /// Takes up interrupted executions and binds the listeners. Returns the API's addresses and the admin ones. When it
  /// throws, everything has been stopped again.
  public func start() async throws -> (api: [BoundAddress], admin: [BoundAddress]) {
    do {
      // What the operator got wrong is found out before anything is carried out.
      let (apiServer, adminServer) = try makeServers()
      servers.withLock { $0 = [apiServer, adminServer] }
      var brokerServer: HTTPServer?
      if let key = try await unlock() { brokerServer = try await takeUp(key) }
      await witnesses?.start()
      // A log that is not trusted here is not handed on as if it were.
      if sequencer != nil { try await exports?.start() }
      let addresses = (api: try apiServer.start(), admin: try adminServer.start())
      // Last: whoever is released a key finds the log that says so.
      if let brokerServer { try listen(brokerServer) }
      bound.withLock { $0 = addresses }
      return addresses
    } catch {
      await stop()
      throw error
    }
  }

  /// Begins what needs the data: vouches first, for nothing is decided or carried out that was not measured, then takes up what
  /// was interrupted. Returns the broker's listener, for `listen` once the log can be read.
  func takeUp(_ key: DataKey) async throws -> HTTPServer? {
    let (toolServer, brokerServer) = (inference.map(makeToolServer), try makeBrokerServer())
    servers.withLock { $0 += [toolServer, brokerServer].compactMap(\.self) }
    if try await vouch() {
      // Before the runs are taken up again: the first thing that one of them asks may be a model.
      _ = try toolServer?.start()
      await core?.scheduler.resume()
      try await runs?.resume()
    }
    // From here on proposals are taken.
    dataKey.withLock { $0 = key }
    return brokerServer
  }

  func listen(_ brokerServer: HTTPServer) throws {
    let places = try brokerServer.start()
    boundBroker.withLock { $0 = places }
  }

  private func makeServers() throws -> (api: HTTPServer, admin: HTTPServer) {
    let clients = try ClientFile(directory: directory)
    let handler = APIHandler(
      endpoints: endpoints, clients: { clients.current() }, metrics: metrics, report: report)
    var api = HTTPServerConfiguration(listeners: [try listener(configuration.listen, tls: configuration.tls)])
    api.limits.body = ProposalRequest.maxBytes
    // A page of another site could reach a loopback port under its own name (DNS rebinding).
    if configuration.listen.isLoopback { api.hosts = Self.loopbackHosts }
    var admin = HTTPServerConfiguration(listeners: [try listener(configuration.admin, tls: nil)])
    admin.hosts = Self.loopbackHosts
    return (
      HTTPServer(configuration: api, handler: BoxHandler(api: handler, inference: { [self] in inference })),
      HTTPServer(configuration: admin, handler: AdminHandler(box: self).router)
    )
  }

  private func makeBrokerServer() throws -> HTTPServer? {
    guard let core, let broker else { return nil }
    return try broker.server(core: core, clock: environment.clock, report: report)
  }

  /// Where tools reach the box's own models. The socket lies in the data directory, so only this user can connect.
  private func makeToolServer(_ inference: BoxInference) -> HTTPServer {
    var configuration = HTTPServerConfiguration(listeners: [.unix(path: directory.inferenceSocketPath, mode: 0o600)])
    configuration.limits.body = BoxInference.bodyLimit
    return HTTPServer(
      configuration: configuration, handler: HTTPHandlerClosure { await inference.respond(toTool: $0) })
  }

  private static let loopbackHosts = HTTPServerConfiguration.Hosts.only(["127.0.0.1", "localhost", "::1"])

  /// Drains: no new connections, requests in flight finish, executions under way are waited for, the log is closed.
  public func stop() async {
    events.close()
    await stopAsking()
    await witnesses?.stop()
    await attestation?.keeper.stop()
    let servers = servers.withLock { servers in
      defer { servers = [] }
      return servers
    }
    for server in servers { await server.shutdown(deadline: .seconds(10)) }
    // The runs first: one that waits must not take the end of the waiting for an answer.
    await runs?.service.stop()
    settlements.close()
    await sandbox.shutDown()
    await core?.scheduler.drain(within: .seconds(10))
    await sequencer?.close()
    // The log is closed: what is cut off now has no end in it, and the next start reconciles it.
    await core?.scheduler.cut()
    await exports?.stop()
    opened.withLock { $0 }?.close()
    httpClient.shutDown()
    store.release()
  }

  private func listener(
    _ listener: BoxConfiguration.Listener, tls: BoxConfiguration.TLSFiles?
  ) throws -> HTTPServerConfiguration.Listener {
    switch listener {
    case .unix(let path): return .unix(path: path, mode: 0o660)
    case .tcp(let address, let port):
      guard let port = UInt16(exactly: port) else {
        throw FieldError(field: "listen", expected: "a port up to 65535", actual: "\(port)")
      }
      guard let tls else { return .tcp(address: address, port: port) }
      func text(_ path: String) throws -> String {
        guard let bytes = try WholeFile.read(path, limit: 1 << 20) else {
          throw DataDirectory.Failure.missing(file: path)
        }
        return String(decoding: bytes, as: UTF8.self)
      }
      return .tls(
        address: address, port: port,
        try TLSServerContext(
          certificateChainPEM: text(tls.certificate), privateKeyPEM: text(tls.privateKey)))
    }
  }
}

/// What was found wrong after the start.
final class AlarmBox: Sendable {
  private let reason = Mutex<String?>(nil)
  func raise(_ text: String) { reason.withLock { $0 = $0 ?? text } }
  func withLock<Result>(_ body: (String?) -> Result) -> Result { reason.withLock { body($0) } }
}

/// Holds the store, whose lock goes with it.
final class StoreHolder: @unchecked Sendable {
  // Only touched by `release`, after everything that reads through it has ended.
  private var store: LogStore?
  init(_ store: LogStore) { self.store = store }
  func release() { store = nil }
}
