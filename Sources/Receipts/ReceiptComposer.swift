import CanonicalJSON
import Cryptography
import Governance
import TransparencyLog

/// Makes receipts. What it makes has passed ``ReceiptVerifier``: a box never hands out a receipt that it would not accept.
public enum ReceiptComposer {
  /// Why no receipt can be made.
  public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The checkpoint has no ES256 line of its own origin; browsers could not check it.
    case noES256Signature
    /// No item for an index that plays a part.
    case missingItem(UInt64)
    /// More than one file may hold: entries or bytes, of those allowed.
    case tooLarge(String)
    /// What was put together does not hold.
    case rejected([CheckFailure])

    public var description: String {
      switch self {
      case .noES256Signature: "the checkpoint has no ES256 signature of the box"
      case .missingItem(let index): "entry \(index) plays a part and is missing"
      case .tooLarge(let what): "a receipt cannot hold it: \(what)"
      case .rejected(let failures):
        "the receipt would not be accepted: \(failures.map(\.description).joined(separator: "; "))"
      }
    }
  }

  /// Composes the receipt of an execution.
  ///
  /// - Parameters:
  ///   - checkpoint: A signed checkpoint over a tree that holds every item, with whatever cosignatures it has.
  ///   - items: An item for every index of `roles`; further ones are left out.
  ///   - roles: Approvals that had lapsed by the start or that repeat another are left out.
  ///   - constitution: That of the statement's epoch.
  ///   - openings: The private values to disclose; those of other actions are left out.
  ///   - attested: The newest identity before the end of the execution, and its evidence.
  public static func compose(
    checkpoint: SignedCheckpoint, items: [Receipt.Item], roles: Receipt.Roles, constitution: Constitution,
    openings: [Opening], attested: Attested? = nil
  ) throws(Failure) -> Receipt {
    let es256 = try es256(of: checkpoint)
    let byIndex = Dictionary(items.map { ($0.index, $0) }) { first, _ in first }
    for index in roles.indices.sorted() where byIndex[index] == nil { throw .missingItem(index) }
    let counting = counting(roles, byIndex, constitution)
    let roles = Receipt.Roles(
      genesis: roles.genesis, epoch: roles.epoch, opened: roles.opened, approvals: counting, started: roles.started,
      finished: roles.finished)
    let committed = commitments(roles, byIndex)
    let disclosed = openings.map { ($0.commitment.digest, $0) }.filter { committed.contains($0.0) }
    let receipt = Receipt(
      checkpoint: checkpoint.note.description, es256: es256,
      entries: roles.indices.sorted().compactMap { byIndex[$0] }, roles: roles, constitution: constitution.json,
      openings: Dictionary(disclosed) { first, _ in first }, attested: attested)
    let report = ReceiptVerifier(expecting: .anyBox).verify(receipt)
    guard report.verdict == .accepted else { throw .rejected(report.failures) }
    return receipt
  }

  /// The box's ES256 signature in the form that browsers verify.
  static func es256(of checkpoint: SignedCheckpoint) throws(Failure) -> String {
    let origin = checkpoint.checkpoint.origin
    let es256 = checkpoint.note.signatures.lazy
      .filter { $0.name.utf8.elementsEqual(origin.utf8) }
      .compactMap { try? ECDSASignature(strictDER: $0.signature) }.first
    guard let es256 else { throw .noES256Signature }
    return Base64.encode(es256.p1363)
  }

  /// Of the approvals given, those that count at the start: not lapsed, and each for a side on which its signer did not
  /// count before. What cannot be read stays, for the verifier to name.
  private static func counting(
    _ roles: Receipt.Roles, _ items: [UInt64: Receipt.Item], _ constitution: Constitution
  ) -> [UInt64] {
    guard let start = body(of: roles.started, items)?.at, let entry = body(of: roles.opened, items),
      let opened = try? ProposalOpened(body: entry.body),
      let procedure = try? constitution.procedure(for: opened.statement.action)
    else { return roles.approvals }
    let proposed: Constitution? = if case .committees(let new) = procedure.effect { new } else { nil }
    var counted: [String: Approval.Sides] = [:]
    return roles.approvals.sorted().filter { index in
      let check = ClaimCheck(step: .approvals)
      guard let entry = body(of: index, items),
        let vote = try? ProposalVote(verdict: .approve, body: entry.body),
        case .signer(let name, let json) = vote.voice,
        let claim = try? check.read(json, .approve, opened.statement, by: name, at: entry.at),
        let sides = try? check.sides(claim, current: constitution, proposed: proposed, at: entry.at)
      else { return true }
      guard start < claim.lapses, !(counted[name] ?? []).isSuperset(of: sides) else { return false }
      counted[name, default: []].formUnion(sides)
      return true
    }
  }

  private static func commitments(_ roles: Receipt.Roles, _ items: [UInt64: Receipt.Item]) -> Set<SHA256Digest> {
    let bodies = [roles.opened, roles.finished].compactMap { body(of: $0, items)?.body }
    return Set(bodies.flatMap { Commitment.all(in: $0) }.map(\.commitment.digest))
  }

  private static func body(of index: UInt64, _ items: [UInt64: Receipt.Item]) -> Entry? {
    items[index].flatMap { try? Entry(parsing: $0.entry) }
  }
}

extension Receipt {
  /// The C2SP tlog-proof of the `execution.finished` leaf, for tools that know logs but not boxes.
  public func tlogProof() throws(TLogProof.Failure) -> TLogProof {
    let checkpoint: SignedCheckpoint
    do { checkpoint = try SignedCheckpoint(parsing: Array(self.checkpoint.utf8)) } catch { throw .checkpoint(error) }
    guard let item = entry(at: roles.finished) else { throw .invalidIndex }
    return TLogProof(index: item.index, hashes: item.proof, checkpoint: checkpoint)
  }
}
