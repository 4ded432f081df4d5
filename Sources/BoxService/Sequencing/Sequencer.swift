import Attestation
import CanonicalJSON
import Cryptography
import Governance
import Storage
import TransparencyLog

/// The one way into the log: every request is put to the fold on the writer thread, and what the fold accepts is
/// appended. Answers come after the commit.
public final class Sequencer: Sendable {
  /// What a caller wants to happen next.
  enum Step: Sendable {
    case open(OpenStep)
    case vote(ProposalVote)
    case start(SHA256Digest)
    case finish(SHA256Digest, Outcome, JSONObject)
    case run(RunStep)
    case claim(IdentityClaimed)
    /// Code that is about to be measured; the first of a start of the machine begins with a fresh register.
    case measure(RuntimeEvent, isFirst: Bool)
  }

  /// What happened to a run. The fold checks all of it, and computes what the end says.
  enum RunStep: Sendable {
    case started(RunStarted)
    case resumed(RunResumed)
    case called(RunCalled)
    case finished(RunID, fuel: Int64, RunOutcome)
  }

  /// A proposal to open.
  struct OpenStep: Sendable {
    var action: Action
    var proposer: Proposer
    var salt: [UInt8]
    /// Absolute, Unix milliseconds.
    var expires: Expiry
    /// The proposer's claim where the proposer is a signer.
    var claim: JSON?
  }

  enum Expiry: Sendable {
    case at(Int64)
    /// Seconds from the moment of sequencing.
    case after(Int64)
    /// As long as the policy allows.
    case longest
  }

  /// What the fold made of it.
  enum Answer: Sendable {
    case opened(SHA256Digest)
    case voted
    case started(Started)
    case finished
    /// When (Unix milliseconds).
    case recorded(Int64)
  }

  /// An execution whose start is durable: the only thing that an executor is ever handed.
  struct Started: Sendable {
    let statement: Statement
    /// `nil` for `governance.recover`, which no policy covers.
    let policy: Policy?
  }

  private let log: GroupCommitLog<BoxState, Step, Answer>
  private let clock: @Sendable () -> Int64
  let reader: LogReader

  /// - Parameters:
  ///   - state: what the fold gives for the whole log.
  ///   - clock: wall time, Unix milliseconds. An entry's time never precedes the entry before it, whatever the clock says.
  ///   - epochs: told of every new constitution.
  ///   - onCommit: told the size of the log after each commit.
  ///   - onSettled: told the proposals that ended, as soon as the fold knows.
  init(
    writer: LogWriter, state: sending BoxState, signers: [NoteSigner], clock: @escaping @Sendable () -> Int64,
    epochs: EpochArchive, onCommit: @escaping @Sendable (UInt64) -> Void,
    onSettled: @escaping @Sendable ([SHA256Digest]) -> Void
  ) throws {
    self.clock = clock
    reader = writer.reader
    var configuration = GroupCommitLog<BoxState, Step, Answer>.Configuration()
    configuration.onCommit = { batch in
      if let size = batch.checkpoint?.checkpoint.size { onCommit(size) }
    }
    log = try GroupCommitLog(
      writer: writer, state: state, configuration: configuration,
      sign: { checkpoint in try SignedCheckpoint(checkpoint, signers: signers) },
      decide: { state, step, _ in
        let (plan, settled) = try Self.decide(&state, step, clock())
        onSettled(settled)
        if case .finish = step { epochs.note(state.constitution) }
        return plan
      })
  }

  /// Puts a step to the fold and waits until its entry is durable. Throws the fold's `Fault` or `Refusal`.
  @discardableResult
  func submit(_ step: Step) async throws -> Committed<Answer> { try await log.submit(step) }

  /// Looks at the state between two batches: everything seen is durable.
  func inspect<Result: Sendable>(
    _ body: @escaping @Sendable (borrowing BoxState, _ now: Int64) -> Result
  ) async throws -> Result {
    let clock = clock
    return try await log.inspect { state in body(state, max(clock(), state.lastAt)) }
  }

  /// Throws what `submit` of the same step would throw now, and changes nothing.
  func check(_ step: OpenStep) async throws {
    let refusal: (any Error)? = try await inspect { state, now in
      do {
        try state.check(try Self.opened(step, state, at: now).entry(at: now))
        return nil
      } catch {
        return error
      }
    }
    if let refusal { throw refusal }
  }

  func close() async { await log.close() }

  private typealias Decided = (plan: AppendPlan<Answer>, settled: [SHA256Digest])

  /// Nothing here may throw once the state has changed: `apply` comes last, and throws before it changes anything.
  private static func decide(_ state: inout BoxState, _ step: Step, _ wall: Int64) throws -> Decided {
    let at = max(wall, state.lastAt)
    switch step {
    case .open(let open):
      let opened = try opened(open, state, at: at)
      return try append(opened, to: &state, at: at, .opened(opened.proposal))
    case .vote(let vote):
      return try append(vote, to: &state, at: at, .voted)
    case .start(let id):
      let decision = try state.approvedDecision(for: id, at: at)
      let started = Started(statement: decision.statement, policy: state.policy(of: id))
      return try append(decision.started, to: &state, at: at, .started(started))
    case .finish(let id, let outcome, var result):
      // What changed during the effect cannot undo it; whoever reads the outcome learns of it.
      if case .changed(let why) = state.stillValid(try state.startedDecision(for: id, at: at), at: at) {
        result["changed"] = .string(why)
      }
      let finished = try state.finishDraft(for: id, outcome: outcome, result: result, at: at)
      return try append(finished, to: &state, at: at, .finished)
    case .run(.started(let body)): return try append(body, to: &state, at: at, .recorded(at))
    case .run(.resumed(let body)): return try append(body, to: &state, at: at, .recorded(at))
    case .run(.called(let body)): return try append(body, to: &state, at: at, .recorded(at))
    case .run(.finished(let id, let fuel, let outcome)):
      let finished = try state.finishRunDraft(for: id, fuel: fuel, outcome: outcome)
      return try append(finished, to: &state, at: at, .recorded(at))
    case .claim(let body): return try append(body, to: &state, at: at, .recorded(at))
    case .measure(let event, let isFirst):
      let measured = state.measured
      let body = CodeMeasured(
        boot: isFirst ? measured.boot + 1 : measured.boot, index: isFirst ? 0 : Int64(measured.events.count),
        event: event)
      return try append(body, to: &state, at: at, .recorded(at))
    }
  }

  private static func opened(
    _ open: OpenStep, _ state: borrowing BoxState, at: Int64
  ) throws(Fault) -> ProposalOpened {
    let expires: Int64? =
      switch open.expires {
      case .at(let time): time
      case .after(let seconds): at + seconds * 1000
      case .longest: nil
      }
    var opened = try state.openStatement(
      action: open.action, proposer: open.proposer, salt: open.salt, expires: expires, at: at)
    opened.claim = open.claim
    return opened
  }

  private static func append(
    _ body: some EntryBody, to state: inout BoxState, at: Int64, _ answer: Answer
  ) throws -> Decided {
    let entry = try body.entry(at: at)
    let draft = try EntryDraft(entry.bytes)
    let applied = try state.apply(entry)
    return (AppendPlan(entries: [draft], response: answer), applied.settled.map(\.proposal))
  }
}

extension BoxState {
  /// The policy that decides a live proposal, if it is still in force; `nil` for the root rule and after a new epoch.
  func policy(of id: SHA256Digest) -> Policy? {
    guard let proposal = proposal(id), let constitution, proposal.statement.epoch == constitution.epoch,
      let name = proposal.procedure.policyName
    else { return nil }
    return constitution.policies[name]
  }

  /// Proposals on which an execution may still start, oldest first.
  func openProposals(at now: Int64) -> [SHA256Digest] {
    proposals.filter { $0.phase == .open && now < $0.statement.expires }.sorted { $0.openedIndex < $1.openedIndex }
      .map(\.id)
  }
}
