public import CanonicalJSON
public import Governance

/// What an entry says, in terms that every format of security events has: who, what, on what, how it went, how bad.
public struct AuditMeaning: Sendable, Hashable {
  /// How much it should worry somebody.
  public enum Severity: Int, Sendable, Hashable, Comparable {
    case informational, low, medium, high

    public static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
  }

  /// How it went.
  public enum Result: String, Sendable, Hashable {
    case success, failure, unknown
  }

  /// Who did it.
  public enum Actor: Sendable, Hashable {
    case signer(String)
    case client(String)
    case run(String)
    /// Several signers together, whose approvals a decision counts.
    case signers([String])
    case box
  }

  /// A few plain words, such as `Proposal approved`.
  public let title: String
  public let severity: Severity
  public let result: Result
  /// True for what a person should look at: an effect that nobody knows, a run that did something else when replayed.
  public let isAlarm: Bool
  public let actor: Actor
  /// The action's type or the called method.
  public let operation: String?
  /// Hex digest of the proposal.
  public let proposal: String?
  /// Hex identifier of the run.
  public let run: String?
  public let community: String?
  public let epoch: Int64?
  /// Why, or what else: an outcome, a failure's kind, an engine, a mode.
  public let detail: String?

  /// - Parameter body: of an entry of that kind. What is missing is left out: an export never stops over a field.
  public init(kind: EntryKind, body: JSON) {
    proposal = body["proposal"]?.string
    run = body["run"]?.string
    community = body["community"]?.string
    epoch = (body["statement"]?["epoch"] ?? body["epoch"])?.integer
    operation = Self.operation(kind, body)
    actor = Self.actor(kind, body)
    detail = Self.detail(kind, body)
    let failure = body["failure"]?["kind"]?.string
    let outcome = body["outcome"]?.string
    switch kind {
    case .boxCreated: (title, severity, result, isAlarm) = ("Box created", .medium, .success, false)
    case .proposalOpened: (title, severity, result, isAlarm) = ("Proposal opened", .informational, .success, false)
    case .proposalApproved: (title, severity, result, isAlarm) = ("Proposal approved", .informational, .success, false)
    case .proposalObjected: (title, severity, result, isAlarm) = ("Proposal objected to", .low, .success, false)
    case .proposalWithdrawn: (title, severity, result, isAlarm) = ("Proposal withdrawn", .low, .success, false)
    case .executionStarted:
      // The rule with fewer signers: somebody should hear of every use.
      let isBreakGlass = body["mode"]?.string == Mode.breakGlass.rawValue
      (title, severity) = ("Execution started", isBreakGlass ? .high : .informational)
      (result, isAlarm) = (.success, isBreakGlass)
    case .executionFinished:
      title = "Execution finished"
      switch outcome {
      case Outcome.executed.rawValue:
        (severity, result, isAlarm) = (body["constitution"] == nil ? .low : .medium, .success, false)
      case Outcome.failed.rawValue: (severity, result, isAlarm) = (.medium, .failure, false)
      default: (severity, result, isAlarm) = (.high, .unknown, true)
      }
    case .runStarted: (title, severity, result, isAlarm) = ("Run started", .informational, .success, false)
    case .identityClaimed: (title, severity, result, isAlarm) = ("Identity claimed", .low, .success, false)
    case .codeMeasured: (title, severity, result, isAlarm) = ("Code measured", .low, .success, false)
    case .runResumed: (title, severity, result, isAlarm) = ("Run resumed", .informational, .success, false)
    case .runCalled:
      title = "Host call answered"
      (severity, isAlarm) = (.informational, false)
      result = body["ok"]?.bool == false ? .failure : .success
    case .runFinished:
      title = "Run finished"
      let isAlarming = [RunFailureKind.divergence, .isolation, .worker].contains { $0.rawValue == failure }
      isAlarm = isAlarming
      severity = isAlarming ? .high : failure == nil ? .informational : .low
      result = failure == nil ? .success : .failure
    }
  }

  private static func operation(_ kind: EntryKind, _ body: JSON) -> String? {
    switch kind {
    case .proposalOpened: body["statement"]?["action"]?["type"]?.string
    case .runCalled: body["method"]?.string
    case .codeMeasured: body["event"]?["kind"]?.string
    default: nil
    }
  }

  private static func actor(_ kind: EntryKind, _ body: JSON) -> Actor {
    switch kind {
    case .proposalOpened: return proposer(body["proposer"]?.string)
    case .runStarted: return proposer(body["client"]?.string)
    case .proposalApproved, .proposalObjected, .proposalWithdrawn:
      if let signer = body["signer"]?.string { return .signer(signer) }
      if let client = body["client"]?.string { return .client(client) }
      return body["run"]?.string.map(Actor.run) ?? .box
    case .executionStarted:
      let names = (body["approvals"]?.array ?? []).compactMap(\.string)
      return names.isEmpty ? .box : .signers(names)
    case .runCalled, .runFinished: return body["run"]?.string.map(Actor.run) ?? .box
    case .boxCreated, .executionFinished, .runResumed, .identityClaimed, .codeMeasured: return .box
    }
  }

  private static func proposer(_ text: String?) -> Actor {
    switch text.flatMap({ try? Proposer(parsing: $0) }) {
    case .client(let name): .client(name)
    case .signer(let name): .signer(name)
    case .run(let id): .run(id.hex)
    case nil: .box
    }
  }

  private static func detail(_ kind: EntryKind, _ body: JSON) -> String? {
    switch kind {
    case .executionStarted: body["mode"]?.string
    case .executionFinished: body["outcome"]?.string
    case .runStarted, .runResumed: body["engine"]?.string
    case .runFinished: body["failure"]?["kind"]?.string
    case .codeMeasured: body["event"]?["name"]?.string
    case .boxCreated, .proposalOpened, .proposalApproved, .proposalObjected, .proposalWithdrawn, .runCalled,
      .identityClaimed:
      nil
    }
  }
}

extension AuditMeaning.Actor {
  /// `signer:NAME`, `client:NAME`, `run:ID`, `signers:A,B` or `box`.
  public var text: String {
    switch self {
    case .signer(let name): "signer:\(name)"
    case .client(let name): "client:\(name)"
    case .run(let id): "run:\(id)"
    case .signers(let names): "signers:\(names.joined(separator: ","))"
    case .box: "box"
    }
  }
}
