import CanonicalJSON
import Cryptography
import Governance

/// The steps about the file of an action's receipt, and about the rules of its epoch.
extension Verification {
  mutating func checkFormat() throws(CheckFailure) -> StepOutcome {
    let receipt = try Receipt(json: file.get())
    self.receipt = receipt
    base.proof = receipt.proof
    base.attested = receipt.attested
    return .passed("\(receipt.entries.count) entries, \(size) bytes.")
  }

  mutating func checkEntries() throws(CheckFailure) -> StepOutcome {
    let receipt = try need(receipt, .format)
    let entries = try LoggedEntries(receipt.entries)
    let roles = receipt.roles
    let genesis = try entries.part("genesis", roles.genesis, .boxCreated) { json throws(FieldError) in
      try BoxCreated(body: json)
    }
    let finish = { (json: JSON) throws(FieldError) in try ExecutionFinished(body: json) }
    let isFirst = try entries.kind(at: roles.epoch) == .boxCreated
    log = LoggedStory(
      genesis: genesis,
      epoch: isFirst ? .genesis : .change(try entries.part("epoch", roles.epoch, .executionFinished, finish)),
      opened: try entries.part("opened", roles.opened, .proposalOpened) { json throws(FieldError) in
        try ProposalOpened(body: json)
      },
      approvals: try Self.approvals(roles) { index throws(CheckFailure) in
        try entries.part("approvals", index, .proposalApproved) { json throws(FieldError) in
          try ProposalVote(verdict: .approve, body: json)
        }
      },
      started: try entries.part("started", roles.started, .executionStarted) { json throws(FieldError) in
        try ExecutionStarted(body: json)
      },
      finished: try entries.part("finished", roles.finished, .executionFinished, finish))
    base.genesis = genesis
    base.ended = log?.finished.at
    return .passed("Each is canonical, and their times never run backwards.")
  }

  private static func approvals<Body>(
    _ roles: Receipt.Roles, _ read: (UInt64) throws(CheckFailure) -> Logged<Body>
  ) throws(CheckFailure) -> [Logged<Body>] {
    var approvals: [Logged<Body>] = []
    for index in roles.approvals { approvals.append(try read(index)) }
    return approvals
  }

  mutating func checkConstitution() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let json = try need(receipt, .format).constitution
    let constitution: Constitution
    do { constitution = try Constitution(json: json) } catch {
      throw CheckFailure("constitution.form", expected: "\(error.field): \(error.expected)", actual: error.actual)
    }
    let named: SHA256Digest?
    let epoch: Int64?
    switch log.epoch {
    case .genesis: (named, epoch) = (log.genesis.body.constitution.digest, 1)
    case .change(let finished): (named, epoch) = (finished.body.constitution, finished.body.epoch)
    }
    guard constitution.digest == named else {
      throw CheckFailure(
        "constitution.digest", expected: named?.hex ?? "a digest in the epoch's entry", actual: constitution.digest.hex)
    }
    guard constitution.epoch == epoch else {
      throw CheckFailure(
        "constitution.epoch", expected: epoch.map(String.init) ?? "an epoch in its entry",
        actual: "\(constitution.epoch)")
    }
    guard constitution.box == log.genesis.body.box else {
      throw CheckFailure("constitution.box", expected: log.genesis.body.box, actual: constitution.box)
    }
    do { try constitution.validate() } catch {
      throw CheckFailure(error.code, expected: "a constitution fit to govern", actual: "\(error)")
    }
    self.constitution = constitution
    return .passed(
      "Epoch \(constitution.epoch), \(constitution.signers.count) signers, digest \(constitution.digest.hex).")
  }

  func checkSuccession() throws(CheckFailure) -> StepOutcome {
    let epoch = try need(constitution, .constitution).epoch
    guard epoch > 1 else { return .notApplicable("The rules are those the box was created with.") }
    return .notProved(
      "That epochs 2 to \(epoch) were opened by proper decisions is shown by their own receipts, or by an audit of the log."
    )
  }
}
