import Cryptography
import Glibc
import Models

/// Brings one file here: does what its ``TransferPlan`` says, tells it what happened, and holds the digest against the
/// manifest's.
struct FileTransfer: Sendable {
  let wanted: WantedFile
  let file: PartialFile
  let fetch: PieceFetch
  let journal: JournalFile
  let alert: @Sendable (AcquisitionAlert) -> Void
  let reached: @Sendable (AcquisitionStep) -> Void

  private typealias Piece = TransferPlan.Piece
  private enum Event: Sendable {
    case opened(Piece, asWhole: Bool)
    case ended(Piece, PieceFetch.End)
  }

  /// What goes on while the plan is carried out.
  private struct Run {
    var plan: TransferPlan
    var tasks: [Int: Task<Void, Never>] = [:]
    var used: [String] = []
    var attempts: [AcquisitionFault.Attempt] = []
  }

  /// - Returns: Only when every byte is on the disk, durably, and hashes to the manifest's digest.
  func run() async throws(AcquisitionFault) -> AcquisitionReport.File {
    let resumed = file.received
    let whole = Set(wanted.sources.indices.filter { wanted.sources[$0].target.isLocal })
    var run = Run(
      plan: TransferPlan(
        size: wanted.size, sources: wanted.sources.count, whole: whole, held: resumed,
        bounds: fetch.configuration.limits.transfer))
    let (events, continuation) = AsyncStream.makeStream(of: Event.self)
    let result: Result<Void, AcquisitionFault>
    do throws(AcquisitionFault) {
      try await drive(&run, events, continuation)
      result = .success(())
    } catch {
      result = .failure(error)
    }
    // Nothing may write once this returns: the file may be removed next.
    for task in run.tasks.values { task.cancel() }
    for task in run.tasks.values { await task.value }
    try result.get()
    return AcquisitionReport.File(
      path: wanted.path, bytes: wanted.size, resumedBytes: resumed.count, sources: run.used)
  }

  private func drive(
    _ run: inout Run, _ events: AsyncStream<Event>, _ continuation: AsyncStream<Event>.Continuation
  ) async throws(AcquisitionFault) {
    var iterator = events.makeAsyncIterator()
    while true {
      if let fault = journal.failure { throw failed(fault) }
      switch run.plan.next() {
      case .fetch(let piece): begin(piece, &run, continuation)
      case .wait:
        // Nil when this task is cancelled.
        guard let event = await iterator.next() else { throw .cancelled }
        try take(event, &run)
      case .startOver: try startOver()
      case .verify: if try await verify(&run) { return }
      case .exhausted: throw .sourcesExhausted(file: wanted.path, attempts: run.attempts)
      }
    }
  }

  private func begin(_ piece: Piece, _ run: inout Run, _ continuation: AsyncStream<Event>.Continuation) {
    let source = wanted.sources[piece.source]
    if !run.used.contains(source.text) { run.used.append(source.text) }
    reached(.pieceBegun)
    run.tasks[piece.id] = Task {
      let end = await fetch.fetch(piece, from: source.target, into: file) { asWhole in
        continuation.yield(.opened(piece, asWhole: asWhole))
      }
      continuation.yield(.ended(piece, end))
    }
  }

  private func take(_ event: Event, _ run: inout Run) throws(AcquisitionFault) {
    switch event {
    case .opened(let piece, let asWhole): run.plan.opened(piece, asWhole: asWhole)
    case .ended(let piece, let end):
      run.tasks[piece.id] = nil
      switch end {
      case .complete:
        run.plan.ended(piece)
        reached(.pieceEnded)
        journal.checkpoint(file)
      case .cancelled(let received): run.plan.cancelled(piece, after: received)
      case .storage(let fault): throw failed(fault)
      case .failed(let fault, let received):
        run.plan.broke(piece, after: received, fault.weight)
        note(fault, of: piece.source, &run)
        if fault.isMismatch { run.plan.lied(piece.source) }
        if received > 0 { journal.checkpoint(file) }
      }
    }
    for piece in run.plan.superfluous { run.tasks[piece.id]?.cancel() }
  }

  private func note(_ fault: SourceFault, of source: Int, _ run: inout Run) {
    // A change of manner, not a failure.
    if case .rangesIgnored = fault { return }
    let text = wanted.sources[source].text
    run.attempts.append(AcquisitionFault.Attempt(source: text, fault: fault))
    if fault.isAlert { alert(AcquisitionAlert(file: wanted.path, source: text, fault: fault)) }
  }

  private func startOver() throws(AcquisitionFault) {
    do throws(SystemCallFault) { try file.startOver() } catch { throw failed(error) }
    journal.dropped(file.index)
  }

  /// False when the bytes are not the file; the plan knows then.
  private func verify(_ run: inout Run) async throws(AcquisitionFault) -> Bool {
    do throws(SystemCallFault) {
      let digest = try await file.digest()
      guard digest == wanted.sha256 else {
        let blame = run.plan.mismatched()
        let source: Int? = if case .source(let index) = blame { index } else { nil }
        let fault = SourceFault.digest(expected: wanted.sha256, actual: digest, isSole: source != nil)
        if let source {
          note(fault, of: source, &run)
        } else {
          let text = run.used.isEmpty ? "what an earlier run left" : run.used.joined(separator: ", ")
          alert(AcquisitionAlert(file: wanted.path, source: text, fault: fault))
        }
        return false
      }
      reached(.fileVerified)
      try await BlockingWork.run { () throws(SystemCallFault) in try file.syncWhole() }
      journal.checkpoint(file)
      reached(.fileDurable)
      return true
    } catch {
      throw error.errno == ECANCELED ? .cancelled : failed(error)
    }
  }

  private func failed(_ fault: SystemCallFault) -> AcquisitionFault {
    .from(fault, file: wanted.path, needed: wanted.size, available: nil)
  }
}
