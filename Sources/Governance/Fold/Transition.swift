import CanonicalJSON
import Cryptography

/// What an entry that may stand in the log does to the state. The functions that make one cannot change the state, so an
/// entry that is refused leaves it as it was.
enum Transition {
  case created(BoxCreated)
  case opened(Proposal)
  case approved(SHA256Digest, Approval)
  case objected(SHA256Digest, Objection)
  case withdrawn(SHA256Digest)
  case started(SHA256Digest, Proposal.Start)
  case finished(SHA256Digest, Outcome)
  case ran(RunTransition)
  case claimed(ClaimedIdentity)
  case measured(CodeMeasured)
}

/// What folding an entry did.
public struct Applied: Sendable, Hashable {
  /// Index of the entry.
  public var index: UInt64
  /// The proposal that the entry is about; nil for `box.created` and for entries about runs.
  public var proposal: SHA256Digest?
  /// The run that the entry is about; nil for all others.
  public var run: RunID?
  /// Proposals that the entry ended: its own, those whose epoch has passed, the one whose outcome was settled.
  public var settled: [Settlement]
  /// True when the entry opened a new epoch.
  public var opensEpoch: Bool

  /// A proposal and how it ended.
  public struct Settlement: Sendable, Hashable {
    public var proposal: SHA256Digest
    public var status: Status
  }
}

extension BoxState {
  /// Folds one entry. Everything is checked first: when this throws, the state is unchanged.
  @discardableResult
  public mutating func apply(_ entry: Entry) throws(Fault) -> Applied {
    let transition = try transition(for: entry)
    return perform(transition, at: entry.at)
  }

  /// Checks whether an entry may come next, without folding it.
  public func check(_ entry: Entry) throws(Fault) { _ = try transition(for: entry) }

  private func transition(for entry: Entry) throws(Fault) -> Transition {
    let now = entry.at
    guard now >= lastAt else { throw .order(.timeReversed(last: lastAt, actual: now)) }
    guard let constitution else {
      guard entry.kind == .boxCreated else { throw .order(.notCreated(first: entry.kind)) }
      return .created(try checkCreated(Self.read(entry, BoxCreated.init(body:))))
    }
    switch entry.kind {
    case .boxCreated: throw .order(.createdTwice)
    case .proposalOpened:
      return .opened(try checkOpened(Self.read(entry, ProposalOpened.init(body:)), constitution, at: now))
    case .proposalApproved:
      return try checkApproved(Self.vote(entry, .approve), constitution, at: now)
    case .proposalObjected:
      return try checkObjected(Self.vote(entry, .object), constitution, at: now)
    case .proposalWithdrawn:
      return try checkWithdrawn(Self.vote(entry, .withdraw), constitution, at: now)
    case .executionStarted: return try checkStarted(Self.read(entry, ExecutionStarted.init(body:)), at: now)
    case .executionFinished: return try checkFinished(Self.read(entry, ExecutionFinished.init(body:)), at: now)
    case .runStarted:
      let body = try Self.read(entry, RunStarted.init(body:))
      return try Self.run { () throws(RunFault) in try checkRunStarted(body, at: now) }
    case .runResumed:
      let body = try Self.read(entry, RunResumed.init(body:))
      return try Self.run { () throws(RunFault) in try checkRunResumed(body) }
    case .runCalled:
      let body = try Self.read(entry, RunCalled.init(body:))
      return try Self.run { () throws(RunFault) in try checkRunCalled(body) }
    case .runFinished:
      let body = try Self.read(entry, RunFinished.init(body:))
      return try Self.run { () throws(RunFault) in try checkRunFinished(body) }
    case .identityClaimed:
      let body = try Self.read(entry, IdentityClaimed.init(body:))
      do {
        return try checkIdentity(body, at: now)
      } catch {
        throw .identity(error)
      }
    case .codeMeasured:
      let body = try Self.read(entry, CodeMeasured.init(body:))
      do {
        return try checkMeasured(body)
      } catch {
        throw .measurement(error)
      }
    }
  }

  /// A check of a run's entry, with its fault as one of the log.
  private static func run(_ check: () throws(RunFault) -> Transition) throws(Fault) -> Transition {
    do {
      return try check()
    } catch {
      throw .run(error)
    }
  }

  private static func vote(_ entry: Entry, _ verdict: Verdict) throws(Fault) -> ProposalVote {
    try read(entry) { body throws(FieldError) in try ProposalVote(verdict: verdict, body: body) }
  }

  private static func read<Body>(_ entry: Entry, _ make: (JSON) throws(FieldError) -> Body) throws(Fault) -> Body {
    do {
      return try make(entry.body)
    } catch {
      throw .body(entry.kind, error)
    }
  }

  private func checkCreated(_ body: BoxCreated) throws(Fault) -> BoxCreated {
    do throws(ConstitutionRefusal) {
      let constitution = body.constitution
      guard constitution.box == body.box else {
        throw ConstitutionRefusal.wrongBox(expected: body.box, actual: constitution.box)
      }
      guard constitution.epoch == 1 else {
        throw ConstitutionRefusal.wrongEpoch(expected: 1, actual: constitution.epoch)
      }
      try constitution.validate(with: signatures)
      return body
    } catch {
      throw .constitution(error)
    }
  }
}
