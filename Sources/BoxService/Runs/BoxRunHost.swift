import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import HostCalls
import Runs
import Storage

/// The box as its runs see it: log, proposals, payloads and time.
struct BoxRunHost: Sendable {
  let core: BoxCore
  let index: RunIndex
  let payloads: RunPayloads
  let sources: ContentStore
  let settlements: Settlements
  let clock: @Sendable () -> Int64
}

extension BoxRunHost: RunHost {
  var now: Int64 { clock() }

  func record(_ started: RunStarted) async throws -> Int64 { try await submit(.started(started)) }

  func record(_ called: RunCalled) async throws -> Int64 { try await submit(.called(called)) }

  func record(_ resumed: RunResumed) async throws { _ = try await submit(.resumed(resumed)) }

  func finish(run: RunID, fuel: Int64, outcome: RunOutcome) async throws -> Int64 {
    try await submit(.finished(run, fuel: fuel, outcome))
  }

  private func submit(_ step: Sequencer.RunStep) async throws -> Int64 {
    guard case .recorded(let at) = try await patiently({ try await core.sequencer.submit(.run(step)) }).response else {
      throw Problem(status: 500, code: "internal")
    }
    return at
  }

  /// A busy moment of the log must not cost a run what it was just told, or a change that it asks for.
  private func patiently<Result>(_ body: () async throws -> Result) async throws -> Result {
    while true {
      do {
        return try await body()
      } catch SubmissionError.overloaded, SubmissionError.busy {
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }

  func isKnown(run: RunID) async throws -> Bool {
    let index = index
    return try await core.blocking.run { try index.row(run) != nil }
  }

  func started(_ run: RunID) async throws -> RunStarted? { try await outline(of: run)?.started }

  func ending(of run: RunID) async throws -> RunEnding? {
    guard let outline = try await outline(of: run) else { return nil }
    return try await ending(of: outline)
  }

  func ending(of outline: Outline) async throws -> RunEnding? {
    guard let (finished, at) = outline.finished else { return nil }
    let (payloads, run, community) = (payloads, outline.started.run, outline.started.community)
    let ending = try await core.blocking.run { try payloads.frame(of: run, community: community).ending } ?? .null
    return switch finished.outcome {
    case .result: RunEnding(at: at, outcome: .result(ending))
    case .failure(let kind, _): RunEnding(at: at, outcome: .failure(kind: kind, message: ending.string ?? ""))
    }
  }

  func secret(of run: RunID) async throws -> [UInt8] {
    HMACSHA256.authenticationCode(for: Array("run \(run.hex)".utf8), key: core.idempotencySecret)
  }

  func manifest(of tool: SHA256Digest) async throws -> ToolManifest? {
    try await core.sequencer.inspect { state, _ in state.tool(digest: tool)?.manifest }
  }

  func tool(named text: String) async throws -> SHA256Digest? {
    try await core.sequencer.inspect { state, _ in state.toolToStart(named: text)?.digest }
  }

  func settings(of community: String) async throws -> CommunitySettings {
    let json = try await core.sequencer.inspect { state, _ in state.settings(of: community) }
    guard let json else { return CommunitySettings() }
    return try CommunitySettings(json: .object(json))
  }

  func propose(
    _ type: String, _ params: JSONObject, disclose: Set<String>, run: RunID, call: Int
  ) async throws -> SHA256Digest {
    let key = HMACSHA256.authenticationCode(
      for: Array("run \(run.hex) call \(call)".utf8), key: core.idempotencySecret)
    let json: JSON = [
      "action": ["type": .string(type), "params": .object(params)],
      "disclose": .array(disclose.sorted().map(JSON.string)),
    ]
    do {
      return try await patiently {
        try await core.open(json, by: .run(run), salts: .derived(SecretBytes(copying: key)))
      }
    } catch let error as FieldError {
      throw HostCallError(error)
    } catch let fault as Fault {
      throw HostCallError("denied", "\(fault)", details: ["fault": .string(fault.code)])
    } catch let error as EntryError {
      throw HostCallError("too_large", "\(error)")
    }
  }

  func settlement(of proposal: SHA256Digest) async throws -> ProposalSettlement? {
    while true {
      let settlement = try await settlements.withSubscription(to: proposal) { subscription -> ProposalSettlement? in
        let view = try await core.view(proposal)
        if view.isFinal { return try await self.settlement(view) }
        // What expires does so without an entry.
        let left = max(0, view.opened.statement.expires - clock()) + 1
        await withTaskGroup(of: Void.self) { group in
          group.addTask { await subscription.wait() }
          group.addTask { try? await Task.sleep(for: .milliseconds(left)) }
          await group.next()
          group.cancelAll()
        }
        return nil
      }
      if let settlement { return settlement }
      if Task.isCancelled || settlements.isClosed { return nil }
    }
  }

  private func settlement(_ view: ProposalView) async throws -> ProposalSettlement {
    ProposalSettlement(status: view.statusName, result: try await opened(view.result ?? .null))
  }

  /// What the executor committed to, in words, as far as it is kept.
  private func opened(_ value: JSON) async throws -> JSON {
    if let commitment = Commitment(json: value) {
      return try await core.openings.opening(commitment.digest)?.value ?? value
    }
    guard let members = value.object else { return value }
    var object: JSONObject = [:]
    for (name, member) in members { object[name] = try await opened(member) }
    return .object(object)
  }

  func openProposals(of run: RunID) async throws -> [SHA256Digest] {
    try await core.sequencer.inspect { state, now in
      state.openProposals(at: now).filter { state.proposal($0)?.proposer == .run(run) }
    }
  }

  func openTasks(of run: RunID) async throws -> [RunID] {
    let index = index
    return try await core.blocking.run {
      try index.children(of: run, limit: .max).filter { try index.row($0)?.finished == nil }
    }
  }

  func withdraw(_ proposal: SHA256Digest, run: RunID) async {
    // What is over or has begun stays as it is.
    try? await core.vote(ProposalVote(verdict: .withdraw, proposal: proposal, voice: .run(run)))
  }
}

extension BoxRunHost: RunStore {
  func keep(_ beginning: RunPayloads.Beginning, of run: RunID, community: String) async throws {
    let payloads = payloads
    try await core.blocking.run { try payloads.keep(beginning, of: run, community: community) }
  }

  func keep(_ call: RunPayloads.Call, of run: RunID, community: String) async throws {
    let payloads = payloads
    try await core.blocking.run { try payloads.keep(call, of: run, community: community) }
  }

  func keep(ending: JSON, of run: RunID, community: String) async throws {
    let payloads = payloads
    try await core.blocking.run { try payloads.keep(ending: ending, of: run, community: community) }
  }

  func contents(of run: RunID, community: String) async throws -> RunPayloads.Contents {
    let payloads = payloads
    return try await core.blocking.run { try payloads.contents(of: run, community: community) }
  }

  func beginning(of run: RunID, community: String) async throws -> RunPayloads.Beginning? {
    let payloads = payloads
    return try await core.blocking.run { try payloads.frame(of: run, community: community).beginning }
  }

  func calls(of run: RunID) async throws -> [(called: RunCalled, at: Int64)] {
    let (index, reader) = (index, core.reader)
    return try await core.blocking.run {
      guard let row = try index.row(run) else { return [] }
      var calls: [(called: RunCalled, at: Int64)] = []
      for number in try index.entries(started: row.started) {
        let entry = try Self.entry(number, of: run, reader)
        guard entry.kind == .runCalled else { continue }
        calls.append((try RunCalled(body: entry.body), entry.at))
      }
      return calls
    }
  }

  func source(_ digest: SHA256Digest) async throws -> [UInt8]? { try await sources.document(digest) }
}

extension BoxRunHost {
  /// What the log has of one run, without its calls, of which there may be thousands.
  struct Outline: Sendable {
    var row: RunIndex.Row
    var started: RunStarted
    var startedAt: Int64
    /// Calls that were delivered.
    var calls: Int
    var finished: (RunFinished, at: Int64)?
  }

  /// The entries about a run, or `nil`.
  func outline(of run: RunID) async throws -> Outline? {
    let (index, reader) = (index, core.reader)
    return try await core.blocking.run {
      guard let row = try index.row(run) else { return nil }
      let first = try Self.entry(row.started, of: run, reader)
      var finished: (RunFinished, at: Int64)?
      if let number = row.finished {
        let entry = try Self.entry(number, of: run, reader)
        finished = (try RunFinished(body: entry.body), entry.at)
      }
      return Outline(
        row: row, started: try RunStarted(body: first.body), startedAt: first.at,
        calls: try index.calls(started: row.started), finished: finished)
    }
  }

  private static func entry(_ number: UInt64, of run: RunID, _ reader: LogReader) throws -> Entry {
    guard let stored = try reader.entry(number) else {
      throw LogReader.Failure.damaged("entry \(number) of run \(run) is missing")
    }
    return try Entry(parsing: stored.bytes)
  }
}

extension BoxState {
  /// The tool version that a caller means by `NAME` (the one registered last), `NAME@VERSION` or a manifest's digest; `nil`
  /// where there is none of which a run may start.
  func toolToStart(named text: String) -> RegisteredTool? {
    if let digest = SHA256Digest(hex: text) {
      return tool(digest: digest).flatMap { $0.isRetired ? nil : $0 }
    }
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else { return latestTool(named: text) }
    return tool(named: parts[0], version: parts[1]).flatMap { $0.isRetired ? nil : $0 }
  }
}
