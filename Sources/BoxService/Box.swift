import AuditExport
import CanonicalJSON
import Cryptography
import Governance
import HTTPClient
import HTTPServer
import HostCalls
import KeyRelease
import Keychain
import OpenClaims
import Receipts
import Runs
import Sandbox
import Storage
import Synchronization
import SystemOperations
import TransparencyLog
import Witness

/// One box, opened from its data directory: `safebox serve`.
///
/// Start-up order: lock, start-up gate (tail against the signed root, keys, origin, witnesses), fold, projections,
/// reconciliation of interrupted executions, listeners. Whatever is wrong with the log makes the box read-only.
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
  public var mode: Mode { alarm.withLock { $0 }.map { .readOnly(reason: $0) } ?? startMode }

  let configuration: BoxConfiguration
  let reader: LogReader
  let core: BoxCore?
  let runs: BoxRuns?
  let sandbox: BoxSandbox
  let blobs: BlobStore?
  private let settlements = Settlements()
  /// The process that installs models and runs runners; nil where the configuration names none.
  let process: PrivilegedProcess?
  let inference: BoxInference?
  /// Nil where the configuration names no machine that vouches for the box.
  let attestation: BoxAttestation?
  /// Nil where the configuration makes the box no broker.
  let broker: BoxBroker?
  private let communityKeys: CommunityKeys?
  let events: EventHub
  let metrics: Metrics
  let witnesses: WitnessKeeper?
  /// Carries the log to its exports; nil where none are configured.
  let exports: ExportPump?
  private let startMode: Mode
  private let report: @Sendable (String) -> Void
  private let clock: @Sendable () -> Int64
  private let alarm: AlarmBox
  private let directory: DataDirectory
  let blocking: BlockingWork
  private let httpClient: HTTPClient
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
    report = environment.report
    clock = environment.clock
    configuration = try directory.configuration()
    let identity = try PublicKeys(
      parsing: try WholeFile.read(directory.publicPath, limit: 65536)
        ?? { throw DataDirectory.Failure.missing(file: directory.publicPath) }())
    origin = identity.box
    let keys = try directory.keys(origin: origin)
    let signers = try CheckpointSigners(origin: origin, keys: keys)
    let store = try LogStore(path: directory.logPath, origin: origin)
    self.store = StoreHolder(store)
    reader = store.reader
    exports = try Self.exportPump(
      configuration.exports, origin: origin, reader: store.reader, directory: directory, environment: environment)
    let metrics = Metrics()
    self.metrics = metrics
    let blocking = BlockingWork()
    self.blocking = blocking
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

    let index = ProposalIndex(reader: store.reader)
    let verdict = try store.start(
      trust: .init(log: signers.log, witnesses: views),
      projections: [try ProposalIndex.projection(), try RunIndex.projection(), try IdentityIndex.projection()])
    let epochs = EpochArchive()
    let sandbox = BoxSandbox(worker: environment.worker)
    self.sandbox = sandbox
    switch verdict {
    case .readOnly(let reason):
      startMode = .readOnly(reason: "\(reason)")
      (core, runs, blobs, witnesses, process, inference, attestation) = (nil, nil, nil, nil, nil, nil, nil)
      (broker, communityKeys) = (nil, nil)
    case .ready(let writer):
      if client != nil, !quorumAtStart {
        // Too few witnesses answered to exclude that this is an older copy of the log.
        startMode = .readOnly(reason: "too few witnesses answered to exclude a rollback")
        (core, runs, blobs, witnesses, process, inference, attestation) = (nil, nil, nil, nil, nil, nil, nil)
        (broker, communityKeys) = (nil, nil)
        break
      }
      let usage = UsageBook()
      let settlements = settlements
      let state: BoxState
      do {
        state = try LogFold.run(store.reader, epochs: epochs, usage: usage)
      } catch {
        startMode = .readOnly(reason: "\(error)")
        (core, runs, blobs, witnesses, process, inference, attestation) = (nil, nil, nil, nil, nil, nil, nil)
        (broker, communityKeys) = (nil, nil)
        break
      }
      let sequencer = try Sequencer(
        writer: writer, state: state, signers: signers.signers, clock: environment.clock, epochs: epochs,
        onCommit: { events.advance(to: $0) }, onSettled: { settlements.note($0) })
      let communityKeys = try CommunityKeys(path: directory.communityKeysPath, root: keys.master)
      self.communityKeys = communityKeys
      let keychain = try Keychain(path: directory.keychainPath, master: keys.master, communities: communityKeys)
      let blobs = try BlobStore(path: directory.blobsPath, master: keys.master)
      self.blobs = blobs
      let services = HostServices(
        client: httpClient, keychain: keychain,
        files: try FileStreams(path: directory.streamsPath, blobs: blobs, now: environment.clock),
        transactions: try TransactionJournal(path: directory.transactionsPath),
        gateway: configuration.system == nil ? nil : directory.inferenceSocketPath,
        salt: { SecureRandom.bytes(Opening.saltBytes) })
      let manifests = ContentStore(kind: .manifest, blobs: blobs, blocking: blocking)
      let keeper = client.map { client in
        WitnessKeeper(
          client: client, reader: store.reader, events: events, report: environment.report,
          onAlarm: { Self.sound(alarm, $0, sequencer, environment.report) })
      }
      witnesses = keeper
      var gateway: BoxInference?
      let privileged = configuration.system.map { SystemClient(socket: $0.socket) }
      if let system = configuration.system, let privileged {
        let clients = try ClientFile(directory: directory)
        gateway = BoxInference(
          models: BoxModels(sequencer: sequencer, manifests: manifests, root: system.root, process: privileged),
          ledger: try InferenceLedger(
            path: directory.inferenceUsagePath, clock: environment.clock, report: environment.report),
          clients: { clients.current() }, metrics: metrics, report: environment.report)
      }
      let inference = gateway
      self.inference = inference
      let process = privileged.map {
        PrivilegedProcess(
          client: $0, reader: store.reader, manifests: manifests, blocking: blocking,
          inference: inference, cosigned: { await keeper?.newest })
      }
      self.process = process
      let orders = process.map { process in
        ActionType.system.sorted().map { SystemExecutor(type: $0, process: process) }
      }
      let evidence = ContentStore(kind: .evidence, blobs: blobs, blocking: blocking)
      attestation = try Self.attestation(
        configuration.attestation, state: sequencer, keys: BoxKeys(ed25519: identity.ed25519, es256: identity.es256),
        signer: ClaimSigner(keys.es256), evidence: evidence,
        environment: environment, onFault: { Self.sound(alarm, $0, sequencer, environment.report) })
      broker = try BoxBroker(
        configuration.broker, origin: origin, directory: directory, blobs: blobs, blocking: blocking,
        sequencer: sequencer, client: httpClient, environment: environment)
      let communities = [ActionType.rotateKey, ActionType.eraseKey].map {
        CommunityKeyExecutor(type: $0, keys: communityKeys, keychain: keychain, blobs: blobs, blocking: blocking)
      }
      let executors = ExecutorTable(
        services.executors + environment.executors + (orders ?? []) + (broker?.executors ?? []) + communities)
      let openings = OpeningStore(blobs: blobs, blocking: blocking)
      let scheduler = ExecutionScheduler(
        sequencer: sequencer, executors: executors, openings: openings, metrics: metrics, clock: environment.clock,
        report: environment.report, measurer: attestation?.measurement)
      let calls = HostCallTable.standard(services)
      let sources = ContentStore(kind: .source, blobs: blobs, blocking: blocking)
      let methods = Dictionary((calls.methods + WorkflowMethods.all).map { ($0.name, $0) }) { first, _ in first }
      let core = BoxCore(
        sequencer: sequencer, executors: executors, scheduler: scheduler, openings: openings, keychain: keychain,
        index: index, epochs: epochs, events: events, metrics: metrics, blocking: blocking,
        tools: ToolProposals(sources: sources, methods: methods, sessions: sandbox),
        system: SystemProposals(manifests: manifests), keys: KeyProposals(vault: broker?.vault),
        identities: IdentityIndex(reader: store.reader, evidence: evidence, blocking: blocking),
        idempotencySecret: try HKDFSHA256.derive(
          from: keys.master, salt: [], info: Array("safebox/idempotency/v1".utf8), count: 32))
      self.core = core
      let host = BoxRunHost(
        core: core, index: RunIndex(reader: store.reader), payloads: RunPayloads(blobs: blobs),
        sources: sources, settlements: settlements, clock: environment.clock)
      runs = BoxRuns(
        core: core, host: host,
        service: RunService(
          host: host, sessions: sandbox, store: host, calls: calls, usage: usage, report: environment.report),
        sources: sources, calls: calls)
      startMode = .ready
    }
  }

  /// The log is contradicted from outside: nothing more is taken, and nothing more begins.
  private static func sound(
    _ alarm: AlarmBox, _ reason: String, _ sequencer: Sequencer, _ report: @Sendable (String) -> Void
  ) {
    alarm.raise(reason)
    report("the log is contradicted and the box stops accepting anything: \(reason)")
    Task { await sequencer.close() }
  }

  /// What a witness's contradiction does.
  func raiseAlarm(_ reason: String) {
    guard let core else { return }
    Self.sound(alarm, reason, core.sequencer, report)
  }

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
      let toolServer = inference.map(makeToolServer)
      let brokerServer = try makeBrokerServer()
      servers.withLock { $0 = [apiServer, adminServer] + [toolServer, brokerServer].compactMap(\.self) }
      // Before anything is decided or carried out: nothing is used that was not measured.
      if try await vouch() {
        // Before the runs are taken up again: the first thing that one of them asks may be a model.
        _ = try toolServer?.start()
        await core?.scheduler.resume()
        try await runs?.resume()
      }
      await witnesses?.start()
      // A log that is not trusted here is not handed on as if it were.
      if core != nil { try await exports?.start() }
      let addresses = (api: try apiServer.start(), admin: try adminServer.start())
      // Last: whoever is released a key finds the log that says so.
      if let brokerServer {
        let places = try brokerServer.start()
        boundBroker.withLock { $0 = places }
      }
      bound.withLock { $0 = addresses }
      return addresses
    } catch {
      await stop()
      throw error
    }
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
      HTTPServer(configuration: api, handler: BoxHandler(api: handler, inference: inference)),
      HTTPServer(configuration: admin, handler: AdminHandler(box: self).router)
    )
  }

  private func makeBrokerServer() throws -> HTTPServer? {
    guard let core, let broker else { return nil }
    return try broker.server(core: core, clock: clock, report: report)
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
    await core?.sequencer.close()
    // The log is closed: what is cut off now has no end in it, and the next start reconciles it.
    await core?.scheduler.cut()
    await exports?.stop()
    inference?.stop()
    blobs?.close()
    core?.keychain.close()
    communityKeys?.close()
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
