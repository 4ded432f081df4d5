import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import HostCalls
import Keychain
import Storage
import TransparencyLog

/// What the routes share: the sequencer, the indexes beside it, and the few operations that take both.
struct BoxCore: Sendable {
  let sequencer: Sequencer
  let executors: ExecutorTable
  let scheduler: ExecutionScheduler
  let openings: OpeningStore
  let keychain: Keychain
  let index: ProposalIndex
  let epochs: EpochArchive
  let events: EventHub
  let metrics: Metrics
  let blocking: BlockingWork
  let tools: ToolProposals
  let system: SystemProposals
  let keys: KeyProposals
  let identities: IdentityIndex
  /// From which the salts of repeated requests are derived.
  let idempotencySecret: SecretBytes
  /// Requests under one idempotency key, one after the other.
  let turns = Turns()

  var reader: LogReader { sequencer.reader }

  func idempotencyKey(client: String, key: String) -> SecretBytes {
    // Length-prefixed, so that no two pairs give one input.
    let input = Array("\(client.utf8.count):\(client)\(key)".utf8)
    return SecretBytes(copying: HMACSHA256.authenticationCode(for: input, key: idempotencySecret))
  }

  /// The proposal that was opened with this nonce.
  func earlier(nonce: SHA256Digest) async throws -> (opened: ProposalOpened, at: Int64)? {
    let index = index
    guard let id = try await blocking.run({ try index.proposal(nonce: nonce) }) else { return nil }
    let view = try await view(id)
    return (view.opened, view.openedAt)
  }

  /// Opens what `json` asks for; with derived salts a repetition is the same proposal.
  func open(_ json: JSON, by proposer: Proposer, salts: SaltSource) async throws -> SHA256Digest {
    let request = try ProposalRequest(json: json, by: proposer, executors: executors, salts: salts)
    guard case .derived = salts else { return try await open(request) }
    let nonce = Statement.nonce(proposer: request.proposer, salt: request.salt)
    // Two of one key at one time would both find nothing and open two proposals.
    return try await turns.run(nonce) {
      if let earlier = try await earlier(nonce: nonce) { return try request.repeating(earlier) }
      return try await open(request)
    }
  }

  /// Keeps the openings, then opens the proposal: a crash in between leaves openings that nothing cites.
  private func open(_ request: ProposalRequest) async throws -> SHA256Digest {
    try await tools.check(request.action)
    try await system.check(request.action)
    try await keys.check(request.action, by: request.proposer)
    let step = Sequencer.OpenStep(
      action: request.action, proposer: request.proposer, salt: request.salt, expires: request.expires,
      claim: request.claim)
    if !request.openings.isEmpty {
      // What is refused must not leave its private values behind: a client over its quota would fill the disk.
      try await sequencer.check(step)
      try await openings.keep(request.openings)
    }
    guard case .opened(let id) = try await timed({ try await sequencer.submit(.open(step)) }).response else {
      throw Problem(status: 500, code: "internal")
    }
    await scheduler.watch(id, request.action)
    await scheduler.consider(id)
    return id
  }

  /// The openings of an action that may be shown: those of its secrets are for the executor alone.
  func shownOpenings(of action: Action) async throws -> [SHA256Digest: Opening] {
    var shown = try await openings.openings(of: action)
    for digest in action.commitments(in: executors[action.type]?.secretParams ?? []) { shown[digest] = nil }
    return shown
  }

  func vote(_ vote: ProposalVote) async throws {
    _ = try await timed { try await sequencer.submit(.vote(vote)) }
    await scheduler.consider(vote.proposal)
  }

  private func timed<Result>(_ body: () async throws -> Result) async throws -> Result {
    let clock = ContinuousClock()
    let start = clock.now
    let result = try await body()
    metrics.observe("safebox_append_seconds", seconds: (clock.now - start) / .seconds(1))
    return result
  }

  func rows(before: UInt64, limit: Int) async throws -> [ProposalIndex.Row] {
    let index = index
    return try await blocking.run { try index.rows(before: before, limit: limit) }
  }

  func view(_ id: SHA256Digest) async throws -> ProposalView {
    let index = index
    guard let row = try await blocking.run({ try index.row(id) }) else {
      throw Problem(status: 404, code: "no_proposal", detail: "there is no proposal \(id)")
    }
    guard let view = try await views([row]).first else { throw Problem(status: 500, code: "internal") }
    return view
  }

  /// Views of several rows, from one look at the state.
  func views(_ rows: [ProposalIndex.Row]) async throws -> [ProposalView] {
    let ids = rows.map(\.proposal)
    let statuses = try await sequencer.inspect { state, now in ids.map { state.status(of: $0, at: now) } }
    var views: [ProposalView] = []
    for (row, status) in zip(rows, statuses) { views.append(try await view(row, status: status)) }
    return views
  }

  private func view(_ row: ProposalIndex.Row, status: Status?) async throws -> ProposalView {
    let (index, reader, epochs) = (index, reader, epochs)
    // Read after the state, so that a row is never older than the status beside it.
    return try await blocking.run {
      guard let row = try index.row(row.proposal), let stored = try reader.entry(row.opened) else {
        throw LogReader.Failure.damaged("the entry that opened \(row.proposal) is missing")
      }
      let entry = try Entry(parsing: stored.bytes)
      var result: JSON?
      var mode: String?
      if let started = row.started, let stored = try reader.entry(started) {
        mode = try Entry(parsing: stored.bytes).body["mode"]?.string
      }
      if let finished = row.finished, let stored = try reader.entry(finished) {
        result = try Entry(parsing: stored.bytes).body["result"]
      }
      let opened = try ProposalOpened(body: entry.body)
      return ProposalView(
        row: row, opened: opened, openedAt: entry.at,
        policyName: epochs.policyName(digest: opened.statement.policy, epoch: opened.statement.epoch),
        status: status, votes: try index.votes(opened: row.opened), result: result, mode: mode)
    }
  }

  /// Waits until the proposal satisfies `condition`, `seconds` have passed, or the caller goes away.
  func wait(
    for id: SHA256Digest, seconds: Int64, until condition: @escaping @Sendable (ProposalView) -> Bool
  ) async throws -> ProposalView {
    let now = try await sequencer.inspect { _, now in now }
    // What expires does so without an entry: the log's growth would not tell.
    let untilExpiry = try await view(id).opened.statement.expires - now
    return try await withThrowingTaskGroup(of: ProposalView?.self) { group in
      group.addTask {
        var size = try await blocking.run { [reader] in try reader.size() }
        while true {
          let view = try await view(id)
          if condition(view) { return view }
          guard let grown = await events.growth(beyond: size) else { return view }
          size = grown
        }
      }
      group.addTask {
        let wait = seconds * 1000
        let first = min(wait, max(0, untilExpiry) + 1)
        try await Task.sleep(for: .milliseconds(first))
        if first < wait {
          let view = try await view(id)
          if condition(view) { return view }
          try await Task.sleep(for: .milliseconds(wait - first))
        }
        return nil
      }
      defer { group.cancelAll() }
      if let view = try await group.next() ?? nil { return view }
      return try await view(id)
    }
  }
}
