import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import TransparencyLog

/// The steps about the file and the log that it is from.
extension Verification {
  mutating func checkFormat() throws(CheckFailure) -> StepOutcome {
    let receipt = try Receipt(parsing: bytes)
    self.receipt = receipt
    return .passed("\(receipt.entries.count) entries, \(bytes.count) bytes.")
  }

  mutating func checkCheckpoint() throws(CheckFailure) -> StepOutcome {
    let text = try need(receipt, .format).checkpoint
    let note: SignedNote
    do { note = try SignedNote(parsing: Array(text.utf8)) } catch {
      throw CheckFailure("checkpoint.note", expected: "a signed note", actual: "\(error)")
    }
    let signed: SignedCheckpoint
    do { signed = try SignedCheckpoint(note: note) } catch {
      throw CheckFailure("checkpoint.body", expected: "origin, size and root", actual: "\(error)")
    }
    self.signed = signed
    return .passed("\(signed.checkpoint.origin), \(signed.checkpoint.size) entries.")
  }

  mutating func checkEntries() throws(CheckFailure) -> StepOutcome {
    let receipt = try need(receipt, .format)
    var entries: [UInt64: Entry] = [:]
    var last: Int64 = 0
    for item in receipt.entries {
      let entry = try Self.entry(item.entry)
      guard entry.at >= last else {
        throw CheckFailure("entries.time", expected: "a time not before \(last)", actual: "\(entry.at)")
      }
      last = entry.at
      entries[item.index] = entry
    }
    func part<Body>(
      _ role: String, _ index: UInt64, _ kind: EntryKind, _ read: (JSON) throws(FieldError) -> Body
    ) throws(CheckFailure) -> LoggedStory.Logged<Body> {
      let entry = try need(entries[index], .format)
      guard entry.kind == kind else {
        throw CheckFailure("entries.role-kind", expected: "\(role): \(kind.rawValue)", actual: entry.kind.rawValue)
      }
      do {
        return LoggedStory.Logged(index: index, at: entry.at, body: try read(entry.body))
      } catch {
        throw CheckFailure("entries.body", expected: "\(error.field): \(error.expected)", actual: error.actual)
      }
    }
    let roles = receipt.roles
    let genesis = try part("genesis", roles.genesis, .boxCreated) { json throws(FieldError) in
      try BoxCreated(body: json)
    }
    let finish = { (json: JSON) throws(FieldError) in try ExecutionFinished(body: json) }
    let isFirst = try need(entries[roles.epoch], .format).kind == .boxCreated
    log = LoggedStory(
      genesis: genesis,
      epoch: isFirst ? .genesis : .change(try part("epoch", roles.epoch, .executionFinished, finish)),
      opened: try part("opened", roles.opened, .proposalOpened) { json throws(FieldError) in
        try ProposalOpened(body: json)
      },
      approvals: try Self.approvals(roles) { index throws(CheckFailure) in
        try part("approvals", index, .proposalApproved) { json throws(FieldError) in
          try ProposalVote(verdict: .approve, body: json)
        }
      },
      started: try part("started", roles.started, .executionStarted) { json throws(FieldError) in
        try ExecutionStarted(body: json)
      },
      finished: try part("finished", roles.finished, .executionFinished, finish))
    return .passed("Each is canonical, and their times never run backwards.")
  }

  private static func approvals<Body>(
    _ roles: Receipt.Roles, _ read: (UInt64) throws(CheckFailure) -> LoggedStory.Logged<Body>
  ) throws(CheckFailure) -> [LoggedStory.Logged<Body>] {
    var approvals: [LoggedStory.Logged<Body>] = []
    for index in roles.approvals { approvals.append(try read(index)) }
    return approvals
  }

  private static func entry(_ bytes: [UInt8]) throws(CheckFailure) -> Entry {
    do { return try Entry(parsing: bytes) } catch {
      switch error {
      case .notJSON(let why): throw CheckFailure("entries.json", expected: "strict I-JSON", actual: why)
      case .notCanonical:
        throw CheckFailure("entries.canonical", expected: "RFC 8785 text", actual: "another spelling of it")
      case .field(let field):
        throw CheckFailure("entries.field", expected: "\(field.field): \(field.expected)", actual: field.actual)
      case .tooLarge(let limit, let actual):
        throw CheckFailure("entries.size", expected: "at most \(limit) bytes", actual: "\(actual)")
      }
    }
  }

  mutating func checkLogSignature() throws(CheckFailure) -> StepOutcome {
    let keys = try need(log, .entries).genesis.body.keys
    let note = try need(signed, .checkpoint).note
    guard let es256 = try? ClaimKey(parsing: keys.es256).publicKey, let named = try? VerifierKey(parsing: keys.ed25519),
      let ecdsa = try? VerifierKey(name: named.name, es256: es256)
    else { throw CheckFailure("log-signature.keys", expected: "the box's two keys", actual: "\(keys)") }
    guard let raw = Base64.decode(try need(receipt, .format).es256), raw.count == 64 else {
      throw CheckFailure("log-signature.es256-encoding", expected: "base64 of 64 bytes", actual: "other text")
    }
    guard let signature = try? ECDSASignature(p1363: raw), es256.isValid(signature, for: note.textBytes) else {
      throw CheckFailure(
        "log-signature.es256", expected: "the box's ES256 signature over the checkpoint", actual: "another")
    }
    for (key, name) in [(ecdsa, "note-es256"), (named, "ed25519")] {
      let lines = note.signatures.filter { $0.claims(key) }
      guard !lines.isEmpty else {
        throw CheckFailure("log-signature.\(name)-missing", expected: "a line of the box's key", actual: "none")
      }
      guard lines.allSatisfy({ key.isValid($0.signature, for: note.textBytes) }) else {
        throw CheckFailure("log-signature.\(name)", expected: "a line that verifies", actual: "one that does not")
      }
    }
    return .passed("ES256 and Ed25519.")
  }

  func checkBoxKey() throws(CheckFailure) -> StepOutcome {
    let keys = try need(log, .entries).genesis.body.keys
    switch expected {
    case .anyBox:
      return .notProved(
        "No key of the box was given: whoever wrote this log signed it, and nobody says here who that is.")
    case .es256(let key):
      guard (try? ClaimKey(parsing: keys.es256).publicKey) == key else {
        throw CheckFailure("box-key.mismatch", expected: "the expected ES256 key", actual: keys.es256)
      }
    case .ed25519(let key):
      guard (try? VerifierKey(parsing: keys.ed25519)) == key else {
        throw CheckFailure("box-key.mismatch", expected: key.text, actual: keys.ed25519)
      }
    }
    return .passed("The key you gave is the box's.")
  }

  func checkWitnesses() throws(CheckFailure) -> StepOutcome {
    guard let text = try need(log, .entries).genesis.body.witnesses else {
      return .notProved("The box names no witnesses: it could show another log to somebody else.")
    }
    let note = try need(signed, .checkpoint).note
    let policy: WitnessPolicy
    do { policy = try WitnessPolicy(parsing: Array(text.utf8)) } catch {
      throw CheckFailure("witnesses.policy", expected: "a witness policy", actual: "\(error)")
    }
    var cosigned: Set<Int> = []
    for (index, witness) in policy.witnesses.enumerated() {
      for line in note.signatures where line.claims(witness.key) {
        guard witness.key.isValid(line.signature, for: note.textBytes) else {
          throw CheckFailure(
            "witnesses.cosignature", expected: "a cosignature of \(witness.name) that verifies",
            actual: "one that does not")
        }
        cosigned.insert(index)
      }
    }
    guard policy.quorum != nil else {
      return .notProved("The box's witness policy asks for none: it could show another log to somebody else.")
    }
    guard policy.isSatisfied(cosigners: cosigned) else {
      return .notProved(
        "\(cosigned.count) of \(policy.witnesses.count) witnesses cosigned, fewer than the box's own policy asks for.")
    }
    return .passed("Cosigned by \(cosigned.map { policy.witnesses[$0].name }.sorted().joined(separator: ", ")).")
  }

  func checkInclusion() throws(CheckFailure) -> StepOutcome {
    let checkpoint = try need(signed, .checkpoint).checkpoint
    let items = try need(receipt, .format).entries
    for item in items {
      guard item.index < checkpoint.size else {
        throw CheckFailure("inclusion.index", expected: "an index below \(checkpoint.size)", actual: "\(item.index)")
      }
      let proof = InclusionProof(index: item.index, size: checkpoint.size, hashes: item.proof)
      guard let root = try? proof.computedRoot(leafHash: MerkleTree.leafHash(item.entry)) else {
        throw CheckFailure(
          "inclusion.proof-length", expected: "the length of a proof for entry \(item.index)",
          actual: "\(item.proof.count) hashes")
      }
      guard root == checkpoint.root else {
        throw CheckFailure(
          "inclusion.root", expected: "\(Base64.encode(checkpoint.root.bytes)) from entry \(item.index)",
          actual: Base64.encode(root.bytes))
      }
    }
    return .passed("All \(items.count) lead to the checkpoint's root.")
  }

  func checkGenesis() throws(CheckFailure) -> StepOutcome {
    let genesis = try need(log, .entries).genesis
    let origin = try need(signed, .checkpoint).checkpoint.origin
    guard genesis.index == 0 else { throw CheckFailure("genesis.index", expected: "0", actual: "\(genesis.index)") }
    guard origin.utf8.elementsEqual(genesis.body.box.utf8) else {
      throw CheckFailure("genesis.origin", expected: origin, actual: genesis.body.box)
    }
    return .passed("\(genesis.body.box), since \(PlainWords.time(genesis.at)).")
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
