import Cryptography
import Governance
import HostCalls
import Keychain
import OpenClaims
import Runs
import Storage
import SystemOperations

/// What lies below the key of the box's data, and everything that works with it: opened as a whole, when the key is there.
struct BoxInterior: Sendable {
  let core: BoxCore
  let runs: BoxRuns
  let blobs: BlobStore
  let communityKeys: CommunityKeys
  /// The process that installs models and runs runners; nil where the configuration names none.
  let process: PrivilegedProcess?
  let inference: BoxInference?
  /// Nil where the configuration names no machine that vouches for the box.
  let attestation: BoxAttestation?
  /// Nil where the configuration makes the box no broker.
  let broker: BoxBroker?

  func close() {
    inference?.stop()
    blobs.close()
    core.keychain.close()
    communityKeys.close()
  }
}

extension Box {
  var core: BoxCore? { opened.withLock { $0?.core } }
  var runs: BoxRuns? { opened.withLock { $0?.runs } }
  var blobs: BlobStore? { opened.withLock { $0?.blobs } }
  var process: PrivilegedProcess? { opened.withLock { $0?.process } }
  var inference: BoxInference? { opened.withLock { $0?.inference } }
  var attestation: BoxAttestation? { opened.withLock { $0?.attestation } }
  var broker: BoxBroker? { opened.withLock { $0?.broker } }

  /// Opens the data. Does nothing where the log is only shown.
  func open(below master: SecretBytes) throws {
    guard let sequencer else { return }
    let interior = try interior(below: master, sequencer)
    opened.withLock { $0 = interior }
  }

  private func interior(below master: SecretBytes, _ sequencer: Sequencer) throws -> BoxInterior {
    let communityKeys = try CommunityKeys(path: directory.communityKeysPath, root: master)
    let keychain = try Keychain(path: directory.keychainPath, master: master, communities: communityKeys)
    let blobs = try BlobStore(path: directory.blobsPath, master: master)
    let services = HostServices(
      client: httpClient, keychain: keychain,
      files: try FileStreams(path: directory.streamsPath, blobs: blobs, now: environment.clock),
      transactions: try TransactionJournal(path: directory.transactionsPath),
      gateway: configuration.system == nil ? nil : directory.inferenceSocketPath,
      salt: { SecureRandom.bytes(Opening.saltBytes) })
    let manifests = ContentStore(kind: .manifest, blobs: blobs, blocking: blocking)
    let (inference, process) = try modelSide(sequencer, manifests)
    let evidence = ContentStore(kind: .evidence, blobs: blobs, blocking: blocking)
    let attestation = machine.map {
      BoxAttestation(
        $0, sequencer: sequencer, keys: BoxKeys(ed25519: identity.ed25519, es256: identity.es256),
        signer: ClaimSigner(keys.es256), evidence: evidence, clock: environment.clock, report: report)
    }
    let broker = try BoxBroker(
      configuration.broker, origin: origin, directory: directory, blobs: blobs, blocking: blocking,
      sequencer: sequencer, client: httpClient, environment: environment)
    let orders = process.map { process in
      ActionType.system.sorted().map { SystemExecutor(type: $0, process: process) }
    }
    let communities = [ActionType.rotateKey, ActionType.eraseKey].map {
      CommunityKeyExecutor(type: $0, keys: communityKeys, keychain: keychain, blobs: blobs, blocking: blocking)
    }
    let executors = ExecutorTable(
      services.executors + environment.executors + (orders ?? []) + (broker?.executors ?? []) + communities)
    let openings = OpeningStore(blobs: blobs, blocking: blocking)
    let scheduler = ExecutionScheduler(
      sequencer: sequencer, executors: executors, openings: openings, metrics: metrics, clock: environment.clock,
      report: report, measurer: attestation?.measurement)
    let calls = HostCallTable.standard(services)
    let sources = ContentStore(kind: .source, blobs: blobs, blocking: blocking)
    let methods = Dictionary((calls.methods + WorkflowMethods.all).map { ($0.name, $0) }) { first, _ in first }
    let core = BoxCore(
      sequencer: sequencer, executors: executors, scheduler: scheduler, openings: openings, keychain: keychain,
      index: index, epochs: epochs, events: events, metrics: metrics, blocking: blocking,
      tools: ToolProposals(sources: sources, methods: methods, sessions: sandbox),
      system: SystemProposals(manifests: manifests), keys: KeyProposals(vault: broker?.vault),
      identities: IdentityIndex(reader: reader, evidence: evidence, blocking: blocking),
      idempotencySecret: try HKDFSHA256.derive(
        from: master, salt: [], info: Array("safebox/idempotency/v1".utf8), count: 32))
    let host = BoxRunHost(
      core: core, index: RunIndex(reader: reader), payloads: RunPayloads(blobs: blobs), sources: sources,
      settlements: settlements, clock: environment.clock)
    let runs = BoxRuns(
      core: core, host: host,
      service: RunService(host: host, sessions: sandbox, store: host, calls: calls, usage: usage, report: report),
      sources: sources, calls: calls)
    return BoxInterior(
      core: core, runs: runs, blobs: blobs, communityKeys: communityKeys, process: process, inference: inference,
      attestation: attestation, broker: broker)
  }

  /// The gateway to the box's models, and the process that installs and runs them.
  private func modelSide(
    _ sequencer: Sequencer, _ manifests: ContentStore
  ) throws -> (BoxInference?, PrivilegedProcess?) {
    guard let system = configuration.system else { return (nil, nil) }
    let client = SystemClient(socket: system.socket)
    let clients = try ClientFile(directory: directory)
    let inference = BoxInference(
      models: BoxModels(sequencer: sequencer, manifests: manifests, root: system.root, process: client),
      ledger: try InferenceLedger(path: directory.inferenceUsagePath, clock: environment.clock, report: report),
      clients: { clients.current() }, metrics: metrics, report: report)
    let witnesses = witnesses
    let process = PrivilegedProcess(
      client: client, reader: reader, manifests: manifests, blocking: blocking, inference: inference,
      cosigned: { await witnesses?.newest })
    return (inference, process)
  }
}
