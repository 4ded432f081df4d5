import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import Receipts
import Storage
import TransparencyLog

/// Receipts of runs that are over.
struct RunReceiptRoutes: Sendable {
  let runs: @Sendable () throws -> BoxRuns
  let witnesses: WitnessKeeper?

  var endpoints: [Endpoint] {
    [
      Endpoint(
        method: "GET", path: "/v1/runs/{id}/receipt", operation: "getRunReceipt",
        summary: "The receipt of a run that is over", access: .scope(.read),
        parameters: [.init(name: "id", place: .path, schema: APISchemas.digest, description: "The run")],
        answers: [.init(status: 200, description: "The receipt", schema: APISchemas.reference("RunReceipt"))],
        handler: { try await receipt($0) })
    ]
  }

  private func receipt(_ call: Call) async throws -> HTTPResponse {
    let id = try RunRoutes.id(call)
    let runs = try runs()
    let (index, box) = (runs.host.index, runs.core)
    guard let row = try await box.blocking.run({ try index.row(id) }) else {
      throw Problem(status: 404, code: "no_run", detail: "there is no run \(id)")
    }
    guard let finished = row.finished else {
      throw Problem(
        status: 404, code: "no_receipt_yet", detail: "the run is under way; a receipt follows its end")
    }
    let checkpoint = try await ReceiptRoutes.checkpoint(covering: finished, of: box, witnesses)
    guard let checkpoint else {
      throw Problem(status: 404, code: "no_receipt_yet", detail: "no checkpoint covers the end of the run yet")
    }
    let reader = box.reader
    let started = try await box.blocking.run { () throws -> RunStarted in
      guard let stored = try reader.entry(row.started) else {
        throw LogReader.Failure.noEntry(index: row.started, size: try reader.size())
      }
      return try RunStarted(body: try Entry(parsing: stored.bytes).body)
    }
    let tool = try await box.sequencer.inspect { state, _ in state.tool(digest: started.tool) }
    let source = RunReceiptSource(reader: box.reader, runs: index, proposals: box.index)
    let attested = try await box.identities.attested(before: finished, checkpoint)
    do {
      return .json(
        try await box.blocking.run {
          try source.receipt(row, finished: finished, tool: tool, checkpoint, attested)
        }.bytes)
    } catch ReceiptComposer.Failure.tooLarge(let what) {
      throw Problem(
        status: 409, code: "receipt_too_large",
        detail: "no receipt can hold this run: \(what); an export of the log proves it"
      ).with("next_steps", ["safebox log export"])
    }
  }
}

/// Gathers what the receipt of a run consists of from the log.
struct RunReceiptSource: Sendable {
  let reader: LogReader
  let runs: RunIndex
  let proposals: ProposalIndex

  func receipt(
    _ row: RunIndex.Row, finished: UInt64, tool: RegisteredTool?, _ checkpoint: SignedCheckpoint,
    _ attested: Attested?
  ) throws -> RunReceipt {
    guard let tool, let proposed = try proposals.row(tool.proposal)?.opened else {
      throw LogReader.Failure.damaged("the tool of the run \(row.run) is not in the log")
    }
    let between = try runs.entries(started: row.started)
    try ReceiptComposer.checkFits(entries: between.count + 5)
    var items: [Receipt.Item] = []
    func add(_ index: UInt64) throws -> [UInt8] {
      guard let stored = try reader.entry(index) else {
        throw LogReader.Failure.noEntry(index: index, size: try reader.size())
      }
      let proof = try reader.inclusionProof(index: index, size: checkpoint.checkpoint.size)
      items.append(Receipt.Item(index: index, entry: stored.bytes, proof: proof.hashes))
      return stored.bytes
    }
    for index in [0, proposed, tool.index, row.started, finished] { _ = try add(index) }
    var (resumed, called): ([UInt64], [UInt64]) = ([], [])
    for index in between {
      switch try Entry(parsing: add(index)).kind {
      case .runResumed: resumed.append(index)
      default: called.append(index)
      }
    }
    let roles = RunReceipt.Roles(
      genesis: 0, proposed: proposed, registered: tool.index, started: row.started, resumed: resumed, called: called,
      finished: finished)
    return try ReceiptComposer.compose(run: roles, checkpoint: checkpoint, items: items, attested: attested)
  }
}
