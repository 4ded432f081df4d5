import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import JavaScript
import Runs
import Sandbox
import Synchronization

/// A box in memory: what it records stays when a service over it dies, as a disk would.
final class MemoryBox: RunHost, RunStore, Sendable {
  struct State {
    var now: Int64 = 1_700_000_000_000
    var manifests: [SHA256Digest: ToolManifest] = [:]
    var sources: [SHA256Digest: [UInt8]] = [:]
    var beginnings: [RunID: RunPayloads.Beginning] = [:]
    var words: [RunID: [RunPayloads.Call]] = [:]
    var endings: [RunID: JSON] = [:]
    var started: [RunID: (RunStarted, Int64)] = [:]
    var called: [RunID: [(called: RunCalled, at: Int64)]] = [:]
    var resumed: [RunResumed] = []
    var finished: [RunID: (RunFinished, Int64)] = [:]
    var proposals: [SHA256Digest: (type: String, params: JSONObject, run: RunID)] = [:]
    var settled: [SHA256Digest: ProposalSettlement] = [:]
    var withdrawn: Set<SHA256Digest> = []
    /// The recording after which the log takes nothing more.
    var failsAfter: Int?
    var recordings = 0
  }
  struct Dead: Error {}

  let state = Mutex(State())
  let changed = Signal()

  var now: Int64 { state.withLock { $0.now } }

  private func recording<Result>(_ body: (inout State) throws -> Result) throws -> Result {
    let result = try state.withLock { state in
      if let limit = state.failsAfter, state.recordings >= limit { throw Dead() }
      state.recordings += 1
      state.now += 1
      return try body(&state)
    }
    changed.fire()
    return result
  }

  /// Registers a tool and returns its digest.
  func register(
    _ name: String, _ source: String, uses: [(String, [String: [String]])] = [], rates: [ToolManifest.Rate] = []
  ) throws -> SHA256Digest {
    let bytes = Array(source.utf8)
    let manifest = ToolManifest(
      name: name, version: "1", source: SHA256.hash(bytes),
      uses: try uses.map { method, allows in
        var object: JSONObject = ["method": .string(method)]
        for (dimension, patterns) in allows { object[dimension] = .array(patterns.map(JSON.string)) }
        return try Grant(json: .object(object), path: "uses")
      }, rates: rates,
      isolation: ToolManifest.IsolationDemand(backend: "inprocess", isFullRequired: false))
    state.withLock { state in
      state.manifests[manifest.digest] = manifest
      state.sources[manifest.source] = bytes
    }
    return manifest.digest
  }

  func settle(_ proposal: SHA256Digest, _ status: String, _ result: JSON = [:]) {
    state.withLock { $0.settled[proposal] = ProposalSettlement(status: status, result: result) }
    changed.fire()
  }

  /// Waits until `look` finds something.
  func first<Found: Sendable>(_ look: @Sendable (State) -> Found?) async -> Found {
    while true {
      let turn = changed.turn
      if let found = state.withLock({ look($0) }) { return found }
      await changed.wait(after: turn)
    }
  }

  // MARK: RunHost

  func record(_ started: RunStarted) async throws -> Int64 {
    try recording { state in
      state.started[started.run] = (started, state.now)
      return state.now
    }
  }

  func started(_ run: RunID) async throws -> RunStarted? { state.withLock { $0.started[run]?.0 } }

  func isKnown(run: RunID) async throws -> Bool { state.withLock { $0.started[run] != nil } }

  func ending(of run: RunID) async throws -> RunEnding? {
    state.withLock { state in
      guard let (finished, at) = state.finished[run] else { return nil }
      let words = state.endings[run] ?? .null
      return switch finished.outcome {
      case .result: RunEnding(at: at, outcome: .result(words))
      case .failure(let kind, _): RunEnding(at: at, outcome: .failure(kind: kind, message: words.string ?? ""))
      }
    }
  }

  func secret(of run: RunID) async throws -> [UInt8] { SHA256.hash(run.bytes).bytes }

  func manifest(of tool: SHA256Digest) async throws -> ToolManifest? { state.withLock { $0.manifests[tool] } }

  func record(_ called: RunCalled) async throws -> Int64 {
    try recording { state in
      precondition(Int(called.index) == state.called[called.run, default: []].count, "out of order")
      state.called[called.run, default: []].append((called, state.now))
      return state.now
    }
  }

  func record(_ resumed: RunResumed) async throws { try recording { $0.resumed.append(resumed) } }

  func finish(run: RunID, fuel: Int64, outcome: RunOutcome) async throws -> Int64 {
    try recording { state in
      guard let (started, at) = state.started[run], let manifest = state.manifests[started.tool] else { throw Dead() }
      var chain = RunChain()
      for (called, at) in state.called[run] ?? [] { chain.add(called, at: at) }
      let hash = ExecutionHash(
        manifest: manifest, community: started.community, engine: Machine.engine, input: started.input,
        seed: started.seed, start: at, chain: chain, fuel: fuel, outcome: outcome)
      state.finished[run] = (
        RunFinished(
          run: run, calls: chain.count, chain: chain.digest, fuel: fuel, outcome: outcome, execution: hash.digest),
        state.now
      )
      return state.now
    }
  }

  func propose(
    _ type: String, _ params: JSONObject, disclose: Set<String>, run: RunID, call: Int
  ) async throws -> SHA256Digest {
    let id = SHA256Digest.of(["run": .string(run.hex), "call": .integer(Int64(call))])
    _ = try recording { $0.proposals[id] = (type, params, run) }
    return id
  }

  func settlement(of proposal: SHA256Digest) async throws -> ProposalSettlement? {
    while !Task.isCancelled {
      let turn = changed.turn
      if let settlement = state.withLock({ $0.settled[proposal] }) { return settlement }
      await changed.wait(after: turn)
    }
    return nil
  }

  func openProposals(of run: RunID) async throws -> [SHA256Digest] {
    state.withLock { state in
      let open = state.proposals.filter { $0.value.run == run && state.settled[$0.key] == nil }
      return open.map(\.key).filter { !state.withdrawn.contains($0) }
    }
  }

  func openTasks(of run: RunID) async throws -> [RunID] {
    state.withLock { state in
      state.started.filter { $0.value.0.parent?.run == run && state.finished[$0.key] == nil }.map(\.key)
    }
  }

  func withdraw(_ proposal: SHA256Digest, run: RunID) async {
    state.withLock { _ = $0.withdrawn.insert(proposal) }
    changed.fire()
  }

  func tool(named text: String) async throws -> SHA256Digest? {
    state.withLock { state in state.manifests.first { $0.value.name == text }?.key }
  }

  func settings(of community: String) async throws -> CommunitySettings { CommunitySettings() }

  // MARK: RunStore

  func keep(_ beginning: RunPayloads.Beginning, of run: RunID, community: String) async throws {
    try recording { $0.beginnings[run] = beginning }
  }
  func keep(_ call: RunPayloads.Call, of run: RunID, community: String) async throws {
    try recording { $0.words[run, default: []].append(call) }
  }
  func keep(ending: JSON, of run: RunID, community: String) async throws {
    try recording { $0.endings[run] = ending }
  }
  func contents(of run: RunID, community: String) async throws -> RunPayloads.Contents {
    state.withLock { state in
      var contents = RunPayloads.Contents()
      contents.beginning = state.beginnings[run]
      contents.calls = state.words[run] ?? []
      contents.ending = state.endings[run]
      return contents
    }
  }
  func beginning(of run: RunID, community: String) async throws -> RunPayloads.Beginning? {
    state.withLock { $0.beginnings[run] }
  }
  func calls(of run: RunID) async throws -> [(called: RunCalled, at: Int64)] { state.withLock { $0.called[run] ?? [] } }
  func source(_ digest: SHA256Digest) async throws -> [UInt8]? { state.withLock { $0.sources[digest] } }
}

/// Wakes everybody at each change.
final class Signal: Sendable {
  private struct State {
    var turn = 0
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    var key = 0
  }
  private let state = Mutex(State())

  var turn: Int { state.withLock { $0.turn } }

  func fire() {
    let woken = state.withLock { state in
      state.turn += 1
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in woken { waiter.resume() }
  }

  func wait(after turn: Int) async {
    let key = state.withLock { state in
      state.key += 1
      return state.key
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDone = state.withLock { state -> Bool in
          if state.turn != turn || Task.isCancelled { return true }
          state.waiters[key] = continuation
          return false
        }
        if isDone { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: key) }?.resume()
    }
  }
}
