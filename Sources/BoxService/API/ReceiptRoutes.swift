import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import Receipts
import Storage
import TransparencyLog

/// Receipts of finished executions, and the tlog-proof beside each.
struct ReceiptRoutes: Sendable {
  /// Throws the problem that says why the box takes nothing.
  let core: @Sendable () throws -> BoxCore
  let witnesses: WitnessKeeper?
  private var box: BoxCore { get throws { try core() } }

  var endpoints: [Endpoint] {
    let id = Endpoint.Parameter(name: "id", place: .path, schema: APISchemas.digest, description: "Action digest")
    let disclose = Endpoint.Parameter(
      name: "disclose", place: .query, schema: APISchemas.text,
      description: "Commitments to open in the receipt, separated by commas, or `all`; needs the scope openings")
    let answers: [Endpoint.Answer] = [
      .init(status: 200, description: "The receipt", schema: APISchemas.reference("Receipt"))
    ]
    return [
      Endpoint(
        method: "GET", path: "/v1/proposals/{id}/receipt", operation: "getProposalReceipt",
        summary: "The receipt of a finished execution", access: .scope(.read), parameters: [id, disclose],
        answers: answers, handler: { try await receipt($0) }),
      Endpoint(
        method: "GET", path: "/v1/receipts/{id}", operation: "getReceipt", summary: "The same, by action digest",
        access: .scope(.read), parameters: [id, disclose], answers: answers, handler: { try await receipt($0) }),
      Endpoint(
        method: "GET", path: "/v1/receipts/{id}/tlog-proof", operation: "getTLogProof",
        summary: "The C2SP tlog-proof of the execution.finished leaf", access: .scope(.read), parameters: [id],
        answers: [.init(status: 200, description: "The proof", mediaType: "text/plain", schema: APISchemas.text)],
        handler: { try await proof($0) }),
    ]
  }

  private func receipt(_ call: Call) async throws -> HTTPResponse {
    let view = try await finished(call)
    return .json(try await compose(view, disclosing: try await disclosed(call, view)).bytes)
  }

  private func proof(_ call: Call) async throws -> HTTPResponse {
    .text(try await compose(try await finished(call), disclosing: []).tlogProof().text)
  }

  private func compose(_ view: ProposalView, disclosing openings: [Opening]) async throws -> Receipt {
    let checkpoint = try await checkpoint(covering: view)
    let box = try box
    let source = ReceiptSource(reader: box.reader, index: box.index, epochs: box.epochs)
    let attested = try await box.identities.attested(before: view.row.finished ?? 0, checkpoint)
    return try await box.blocking.run {
      try source.receipt(row: view.row, opened: view.opened, votes: view.votes, checkpoint, openings, attested)
    }
  }

  private func finished(_ call: Call) async throws -> ProposalView {
    let view = try await box.view(try ProposalRoutes.id(call))
    guard view.row.finished != nil else { throw Self.noReceipt(view) }
    return view
  }

  private static func noReceipt(_ view: ProposalView) -> Problem {
    Problem(
      status: 404, code: "no_receipt_yet", detail: "the proposal is \(view.statusName); a receipt follows its execution"
    ).with("action_digest", .string(view.row.proposal.hex))
      .with("missing_approvals", .array(view.missing.map(ProposalView.missingJSON)))
      .with("next_steps", .array(view.nextSteps.map { .string($0) }))
  }

  private func disclosed(_ call: Call, _ view: ProposalView) async throws -> [Opening] {
    guard let wanted = call.request.query("disclose"), !wanted.isEmpty else { return [] }
    guard let client = call.client, client.scopes.contains(.openings) else {
      throw Problem(status: 403, code: "scope_missing", detail: "disclosing needs the scope openings")
    }
    var available = try await box.shownOpenings(of: view.opened.statement.action)
    for (_, commitment) in Commitment.all(in: view.result ?? .null, path: "result") {
      available[commitment.digest] = try await box.openings.opening(commitment.digest)
    }
    if wanted == "all" { return available.sorted { $0.key < $1.key }.map(\.value) }
    return try wanted.split(separator: ",").map { text throws(FieldError) in
      guard let digest = SHA256Digest(hex: String(text)), let opening = available[digest] else {
        throw FieldError(
          field: "disclose", expected: "digests of this proposal's commitments that are still kept",
          actual: String(text))
      }
      return opening
    }
  }

  private func checkpoint(covering view: ProposalView) async throws -> SignedCheckpoint {
    guard let finished = view.row.finished,
      let signed = try await Self.checkpoint(covering: finished, of: box, witnesses)
    else { throw Self.noReceipt(view) }
    return signed
  }

  /// The newest cosigned checkpoint that covers the finish; without witnesses the first that the box signed over it, so
  /// that a receipt asked for twice is the same receipt. `nil` where none does yet.
  static func checkpoint(
    covering finished: UInt64, of box: BoxCore, _ witnesses: WitnessKeeper?
  ) async throws -> SignedCheckpoint? {
    if let cosigned = await witnesses?.newest, cosigned.checkpoint.size > finished { return cosigned }
    let reader = box.reader
    return try await box.blocking.run { try reader.checkpoint(covering: finished) }
  }
}

/// Gathers what a receipt consists of from the log.
struct ReceiptSource: Sendable {
  let reader: LogReader
  let index: ProposalIndex
  let epochs: EpochArchive

  func receipt(
    row: ProposalIndex.Row, opened: ProposalOpened, votes: [ProposalIndex.Vote], _ checkpoint: SignedCheckpoint,
    _ openings: [Opening], _ attested: Attested?
  ) throws -> Receipt {
    guard let started = row.started, let finished = row.finished,
      let epoch = try index.opening(ofEpoch: opened.statement.epoch),
      let constitution = epochs[opened.statement.epoch], let start = try reader.entry(started)
    else { throw LogReader.Failure.damaged("the entries of \(row.proposal) are incomplete") }
    let counted = Set(try ExecutionStarted(body: try Entry(parsing: start.bytes).body).approvals)
    // Those that had lapsed are for the composer to leave out.
    let approvals = votes.filter { $0.kind == .proposalApproved && $0.index < started && counted.contains($0.voice) }
      .map(\.index)
    let roles = Receipt.Roles(
      genesis: 0, epoch: epoch, opened: row.opened, approvals: approvals, started: started, finished: finished)
    let items = try roles.indices.sorted().map { index in
      guard let stored = try reader.entry(index) else {
        throw LogReader.Failure.noEntry(index: index, size: try reader.size())
      }
      let proof = try reader.inclusionProof(index: index, size: checkpoint.checkpoint.size)
      return Receipt.Item(index: index, entry: stored.bytes, proof: proof.hashes)
    }
    return try ReceiptComposer.compose(
      checkpoint: checkpoint, items: items, roles: roles, constitution: constitution, openings: openings,
      attested: attested)
  }
}
