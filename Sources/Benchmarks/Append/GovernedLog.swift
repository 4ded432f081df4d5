import Cryptography
import Governance
import Storage
import TransparencyLog

/// A log whose entries the fold decides on, put together as the box's sequencer does it: nothing is appended that the fold
/// does not accept.
struct GovernedLog: Sendable {
  enum Request: Sendable {
    case create(BoxCreated)
    case open(Action, salt: [UInt8])
    case vote(ProposalVote)
    case start(SHA256Digest)
    case finish(SHA256Digest)
  }

  private typealias Log = GroupCommitLog<BoxState, Request, Statement?>
  private let log: Log

  /// An empty log in `directory` with entry 0.
  init(directory: String, box: BenchmarkBox) async throws {
    let store = try LogStore(path: "\(directory)/log", origin: BenchmarkBox.origin)
    guard case .ready(let writer) = try store.start(trust: .init(log: box.log, witnesses: [])) else {
      throw BenchmarkFailure.wrongResult("a new log is read-only")
    }
    let signers = box.signers
    log = try Log(
      writer: writer, state: BoxState(), sign: { try SignedCheckpoint($0, signers: signers) },
      decide: { state, request, _ in
        try Self.decide(&state, request, at: max(Stopwatch.unixMilliseconds, state.lastAt))
      })
    _ = try await log.submit(.create(box.created))
  }

  func submit(_ request: Request) async throws -> Committed<Statement?> { try await log.submit(request) }

  /// Opens a proposal by the client `app`.
  func open(_ action: Action) async throws -> Committed<Statement?> {
    try await submit(.open(action, salt: SecureRandom.bytes(16)))
  }

  func close() async { await log.close() }

  private static func decide(_ state: inout BoxState, _ request: Request, at: Int64) throws -> AppendPlan<Statement?> {
    switch request {
    case .create(let created): return try append(created, to: &state, at: at)
    case .open(let action, let salt):
      let opened = try state.openStatement(action: action, proposer: .client("app"), salt: salt, expires: nil, at: at)
      return try append(opened, to: &state, at: at, opened.statement)
    case .vote(let vote): return try append(vote, to: &state, at: at)
    case .start(let id):
      let decision = try state.approvedDecision(for: id, at: at)
      return try append(decision.started, to: &state, at: at)
    case .finish(let id):
      let finished = try state.finishDraft(for: id, outcome: .executed, result: ["status": 200], at: at)
      return try append(finished, to: &state, at: at)
    }
  }

  private static func append(
    _ body: some EntryBody, to state: inout BoxState, at: Int64, _ statement: Statement? = nil
  ) throws -> AppendPlan<Statement?> {
    let entry = try body.entry(at: at)
    let draft = try EntryDraft(entry.bytes)
    try state.apply(entry)
    return AppendPlan(entries: [draft], response: statement)
  }
}
