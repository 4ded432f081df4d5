import CanonicalJSON
import Governance

/// What the entries of a run's receipt say, by the parts that they play.
public struct LoggedRun: Sendable {
  public let genesis: Logged<BoxCreated>
  public let proposed: Logged<ProposalOpened>
  public let registered: Logged<ExecutionFinished>
  public let started: Logged<RunStarted>
  public let resumed: [Logged<RunResumed>]
  public let called: [Logged<RunCalled>]
  public let finished: Logged<RunFinished>

  /// Reads the entries of a receipt. Failures have the codes `entries.*`; whether anything of it holds is
  /// ``ReceiptVerifier``'s to say.
  public init(_ receipt: RunReceipt) throws(CheckFailure) {
    let entries = try LoggedEntries(receipt.entries)
    let roles = receipt.roles
    genesis = try entries.part("genesis", roles.genesis, .boxCreated) { json throws(FieldError) in
      try BoxCreated(body: json)
    }
    proposed = try entries.part("proposed", roles.proposed, .proposalOpened) { json throws(FieldError) in
      try ProposalOpened(body: json)
    }
    registered = try entries.part("registered", roles.registered, .executionFinished) { json throws(FieldError) in
      try ExecutionFinished(body: json)
    }
    started = try entries.part("started", roles.started, .runStarted) { json throws(FieldError) in
      try RunStarted(body: json)
    }
    var resumed: [Logged<RunResumed>] = []
    for index in roles.resumed {
      resumed.append(
        try entries.part("resumed", index, .runResumed) { json throws(FieldError) in try RunResumed(body: json) })
    }
    self.resumed = resumed
    var called: [Logged<RunCalled>] = []
    for index in roles.called {
      called.append(
        try entries.part("called", index, .runCalled) { json throws(FieldError) in try RunCalled(body: json) })
    }
    self.called = called
    finished = try entries.part("finished", roles.finished, .runFinished) { json throws(FieldError) in
      try RunFinished(body: json)
    }
  }

  /// The engine of the last session, which computed everything from the beginning.
  public var engine: String { resumed.last?.body.engine ?? started.body.engine }

  /// The isolation of every session.
  var isolations: [RunIsolation] { [started.body.isolation] + resumed.map(\.body.isolation) }
}
