import Synchronization
import TransparencyLog

/// What a request leads to: entries, an answer, and rows beside the log.
public struct AppendPlan<Response: Sendable>: Sendable {
  /// The entries to append, in order. None for a request that only needed an answer.
  public var entries: [EntryDraft]
  /// The answer, given to the caller once all this is durable.
  public var response: Response
  /// Writes further rows in the same transaction, on the writer thread. Only for tables of projections.
  public var sideWrite: (@Sendable (SQLiteConnection) throws -> Void)?

  /// A plan from its parts.
  public init(
    entries: [EntryDraft], response: Response, sideWrite: (@Sendable (SQLiteConnection) throws -> Void)? = nil
  ) {
    self.entries = entries
    self.response = response
    self.sideWrite = sideWrite
  }
}

/// The durable outcome of a request: all that its receipt needs.
public struct Committed<Response: Sendable>: Sendable {
  /// The decider's answer.
  public let response: Response
  /// The request's entries, each with its proof in `checkpoint`.
  public let entries: [CommittedEntry]
  /// The signed checkpoint of the batch; nil only while the log has never had an entry.
  public let checkpoint: SignedCheckpoint?
}

/// The log's sequencer: many callers, one writer thread, one transaction and one signed checkpoint for each batch.
///
/// The state is a value that only the writer thread touches. For every request the thread runs the decider, which reads
/// and changes the state and says which entries follow. Nothing leaves the thread - no answer, no refusal, no view of the
/// state - before the transaction that holds everything up to it has been committed and synced. When a write fails the
/// process stops.
///
/// There is no copy of the state and no undo. The decider's side of the contract: check everything first, then change the
/// state; a decider that throws has changed nothing.
public final class GroupCommitLog<State, Request: Sendable, Response: Sendable>: @unchecked Sendable {
  /// Turns a request into a plan. `nextIndex` is the index that its first entry will have. Runs on the writer thread.
  public typealias Decider =
    @Sendable (_ state: inout State, _ request: Request, _ nextIndex: UInt64) throws -> AppendPlan<Response>
  /// Receives the outcome of one request on the writer thread; must be quick.
  public typealias Completion = @Sendable (Result<Committed<Response>, any Error>) -> Void

  /// Bounds and hooks.
  public struct Configuration: Sendable {
    /// Requests that may wait; more are refused with `SubmissionError.overloaded`.
    public var maximumWaiting = 4096
    /// Requests taken into one transaction.
    public var maximumBatch = 512
    /// Write-ahead log frames (4 KiB each) after which they are moved into the database file.
    public var walFrames = 4096
    /// What to do when the log cannot go on. Tests replace it; returning from it leaves the log stopped.
    public var onFault: @Sendable (StorageFault) -> Void = StorageFault.stopProcess
    /// Told about every batch with entries, after the callers have their answers; must be quick. On the writer thread.
    public var onCommit: @Sendable (CommittedBatch) -> Void = { _ in }

    /// The defaults.
    public init() {}
  }

  private enum Item: Sendable {
    case request(Request, Completion)
    case inspection(run: @Sendable (borrowing State) -> Void, fail: @Sendable (SubmissionError) -> Void)
  }

  /// Reads the log.
  public let reader: LogReader

  private let queue: SubmissionQueue<Item>
  private let configuration: Configuration
  private let decide: Decider
  private let sign: @Sendable (Checkpoint) throws -> SignedCheckpoint
  private let finished = Latch()
  private let stopped = Atomic(false)
  private let hasThread: Bool
  // Only the writer thread touches these after init.
  private let writer: LogWriter
  private var state: State
  private var pace = BatchPace()
  private var mover: FrameMover?

  /// Takes the writer over and starts the writer thread.
  ///
  /// - Parameters:
  ///   - state: What the fold gives for all entries up to now.
  ///   - sign: Signs the checkpoint of a batch with every key of the log.
  public convenience init(
    writer: LogWriter, state: sending State, configuration: Configuration = Configuration(),
    sign: @escaping @Sendable (Checkpoint) throws -> SignedCheckpoint, decide: @escaping Decider
  ) throws {
    try self.init(
      writer: writer, state: state, configuration: configuration, hasThread: true, sign: sign, decide: decide)
    mover = try FrameMover(directory: reader.directory, vfs: reader.vfs) { [weak self] error in
      self?.stop("moving the write-ahead log into the database", error, [])
    }
    // The thread keeps the log alive until `close`.
    try WriterThread.start(name: "log-writer") { [self] in
      while drain(waiting: true) {}
      finish()
    }
  }

  /// Without a thread: the caller runs `drain` itself. For tests that must know which system call comes when.
  package convenience init(
    unstarted writer: LogWriter, state: sending State, configuration: Configuration,
    sign: @escaping @Sendable (Checkpoint) throws -> SignedCheckpoint, decide: @escaping Decider
  ) throws {
    try self.init(
      writer: writer, state: state, configuration: configuration, hasThread: false, sign: sign, decide: decide)
  }

  private init(
    writer: LogWriter, state: sending State, configuration: Configuration, hasThread: Bool,
    sign: @escaping @Sendable (Checkpoint) throws -> SignedCheckpoint, decide: @escaping Decider
  ) throws {
    guard writer.claim() else { throw SubmissionError.writerInUse }
    self.writer = writer
    self.state = state
    self.configuration = configuration
    self.hasThread = hasThread
    self.sign = sign
    self.decide = decide
    reader = writer.reader
    queue = SubmissionQueue(limit: configuration.maximumWaiting)
  }

  /// Submits a request and waits until it is durable.
  ///
  /// Throws what the decider threw, or a `SubmissionError`. Cancelling the calling task does not take the request back.
  public func submit(_ request: Request) async throws -> Committed<Response> {
    try await withCheckedThrowingContinuation { continuation in
      submit(request) { continuation.resume(with: $0) }
    }
  }

  /// Submits a request; `completion` is called once, on the writer thread or, when it is not taken up, at once.
  public func submit(_ request: Request, completion: @escaping Completion) {
    switch queue.push(.request(request, completion)) {
    case .accepted: break
    case .full: completion(.failure(SubmissionError.overloaded(limit: configuration.maximumWaiting)))
    case .closed: completion(.failure(whyClosed))
    }
  }

  /// Runs `body` over the state on the writer thread between two batches: it sees exactly what is durable. Must be quick,
  /// for every caller waits.
  public func inspect<Answer: Sendable>(
    _ body: @escaping @Sendable (borrowing State) -> Answer
  ) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
      inspect {
        continuation.resume(returning: body($0))
      } orFail: {
        continuation.resume(throwing: $0)
      }
    }
  }

  /// Like the other `inspect`: exactly one of the two functions is called.
  func inspect(
    _ run: @escaping @Sendable (borrowing State) -> Void, orFail fail: @escaping @Sendable (SubmissionError) -> Void
  ) {
    switch queue.push(.inspection(run: run, fail: fail)) {
    case .accepted: break
    case .full: fail(.overloaded(limit: configuration.maximumWaiting))
    case .closed: fail(whyClosed)
    }
  }

  /// Takes no more requests, finishes those that wait, ends the thread, and gives the data directory free.
  public func close() async {
    if hasThread { queue.close() } else { closeUnstarted() }
    await finished.wait()
  }

  /// `close` for a log without a thread.
  package func closeUnstarted() {
    queue.close()
    while drain(waiting: false) {}
    finish()
  }

  private var whyClosed: SubmissionError { stopped.load(ordering: .acquiring) ? .stopped : .closed }

  /// Processes one batch; false when there is none and there will be none, or the log has stopped.
  package func drain(waiting: Bool) -> Bool {
    let items =
      waiting
      ? queue.take(upTo: configuration.maximumBatch, hopingFor: pace.callers, patience: pace.patience)
      : queue.takeNow(upTo: configuration.maximumBatch)
    guard !items.isEmpty else { return false }
    let start = ContinuousClock.now
    process(items)
    pace.note(callers: items.count, took: start.duration(to: .now))
    return !stopped.load(ordering: .relaxed)
  }

  /// One batch, from the requests to the answers.
  private func process(_ items: [Item]) {
    let batch: CommittedBatch
    var pending: [(completion: Completion, plan: Result<AppendPlan<Response>, any Error>)] = []
    do {
      // Before the state changes: a lock that cannot be had costs nothing but this batch's patience.
      try writer.begin()
    } catch {
      if let error = error as? SQLiteError, error.isBusy { return refuse(items, with: .busy) }
      return stop("begin", error, items)
    }
    pending.reserveCapacity(items.count)
    var drafts: [EntryDraft] = []
    var sideWrites: [@Sendable (SQLiteConnection) throws -> Void] = []
    for case .request(let request, let completion) in items {
      do {
        let plan = try decide(&state, request, writer.size + UInt64(drafts.count))
        drafts.append(contentsOf: plan.entries)
        if let write = plan.sideWrite { sideWrites.append(write) }
        pending.append((completion, .success(plan)))
      } catch {
        // Not answered yet: the refusal may rest on an entry of this very batch.
        pending.append((completion, .failure(error)))
      }
    }
    do {
      if drafts.isEmpty && sideWrites.isEmpty {
        try writer.abandon()
        batch = CommittedBatch(entries: [], checkpoint: writer.latestCheckpoint)
      } else {
        batch = try writer.commit(drafts, sideWrites: sideWrites, sign: sign)
      }
    } catch {
      return stop("commit", error, items)
    }
    // Durable. From here on it may be known.
    var next = 0
    for (completion, plan) in pending {
      switch plan {
      case .success(let plan):
        let entries = Array(batch.entries[next..<next + plan.entries.count])
        next += plan.entries.count
        completion(.success(Committed(response: plan.response, entries: entries, checkpoint: batch.checkpoint)))
      case .failure(let error): completion(.failure(error))
      }
    }
    for case .inspection(let run, _) in items { run(state) }
    if !batch.entries.isEmpty { configuration.onCommit(batch) }
    do {
      if writer.frames > configuration.walFrames, mover?.shouldFinish() ?? true { try writer.moveFrames() }
    } catch {
      // The batch is safe in the write-ahead log, but the database file may now be anything until it is recovered.
      stop("moving the write-ahead log into the database", error, [])
    }
  }

  private func refuse(_ items: [Item], with error: SubmissionError) {
    for item in items {
      switch item {
      case .request(_, let completion): completion(.failure(error))
      case .inspection(_, let fail): fail(error)
      }
    }
  }

  /// Ends the process, or where a test caught that, everything that this log does. Nothing of the batch is revealed.
  private func stop(_ step: String, _ cause: any Error, _ items: [Item]) {
    configuration.onFault(StorageFault(step: step, cause: cause))
    stopped.store(true, ordering: .releasing)
    queue.close()
    refuse(items, with: .stopped)
  }

  private func finish() {
    refuse(queue.takeNow(upTo: .max), with: whyClosed)
    // Before the lock goes.
    mover?.close()
    writer.close()
    finished.open()
  }
}
