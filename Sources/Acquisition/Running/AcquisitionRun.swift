import Cryptography
import Glibc
import Models
import Synchronization

/// One acquisition under its lock: opens what an earlier run left, fetches all files, several at once, and hands the verified
/// directory to the store.
struct AcquisitionRun: Sendable {
  let manifest: SHA256Digest
  let wanted: [WantedFile]
  /// Directory of the unfinished model.
  let directoryPath: String
  let journalPath: String
  let fetch: PieceFetch
  let progress: @Sendable (AcquisitionProgress) -> Void
  let alert: @Sendable (AcquisitionAlert) -> Void
  let reached: @Sendable (AcquisitionStep) -> Void
  private var limits: AcquisitionLimits { fetch.configuration.limits }

  /// What is ready for the store.
  struct Fetched: Sendable {
    /// In the manifest's order.
    var reports: [AcquisitionReport.File]
    /// The state of each file when it was hashed.
    var hashed: [String: FileIdentity]
  }

  /// Every byte is verified and durable when it returns, and no file is open any more.
  func run() async throws(AcquisitionFault) -> Fetched {
    let (directory, journal, files) = try await open()
    defer { for file in files { file.close() } }
    let reporter = ProgressReporter(
      total: wanted.reduce(0) { $0 + $1.size }, files: files, clock: fetch.clock, report: progress)
    reporter.tell()
    let result = await transfer(files, journal, reporter)
    // Also after a failure: the next attempt goes on from what is written here.
    try await blocking("") { () throws(SystemCallFault) in journal.drain() }
    let reports = try result.get()
    if let fault = journal.failure { throw .from(fault, file: journalPath, needed: 0, available: nil) }
    reached(.allVerified)
    try await blocking("") { () throws(SystemCallFault) in try directory.sync() }
    reached(.namesDurable)
    reporter.tell()
    var hashed: [String: FileIdentity] = [:]
    for file in files { hashed[file.path] = file.identity }
    return Fetched(reports: reports, hashed: hashed)
  }

  // MARK: Opening

  private func open() async throws(AcquisitionFault) -> (PartialDirectory, JournalFile, [PartialFile]) {
    let directory = try await blocking("") { () throws(SystemCallFault) in
      let directory = try PartialDirectory(directoryPath)
      try directory.prune(keeping: wanted.map(\.path))
      return directory
    }
    reached(.directoryMade)
    try await checkSpace(directory)
    var opened: [PartialDirectory.Opened] = []
    for file in wanted {
      opened.append(
        try await blocking(file.path) { () throws(SystemCallFault) in
          try directory.openFile(file.path, size: file.size)
        })
      reached(.fileOpened)
    }
    let isThere = opened.map(\.isThere)
    let journal = try await blocking("") { () throws(SystemCallFault) in
      try JournalFile(journalPath, manifest: manifest, reached: reached) { file, range in
        isThere.indices.contains(file) && isThere[file] && range.upperBound <= wanted[file].size
      }
    }
    reached(.journalOpened)
    let files = zip(wanted, opened).map { wanted, opened in
      PartialFile(
        path: wanted.path, index: wanted.index, size: wanted.size, descriptor: opened.descriptor,
        received: opened.isSealed ? ByteRanges([0..<wanted.size]) : journal.held(wanted.index)
      ) { file in
        journal.checkpoint(file)
      }
    }
    for (file, opened) in zip(files, opened) where !opened.isSealed {
      try await blocking(file.path) { () throws(SystemCallFault) in try file.allocate() }
      reached(.fileAllocated)
    }
    return (directory, journal, files)
  }

  private func checkSpace(_ directory: PartialDirectory) async throws(AcquisitionFault) {
    var available = try await blocking("") { () throws(SystemCallFault) in try directory.availableBytes() }
    available -= limits.spareBytes
    for file in wanted {
      let there = try await blocking(file.path) { () throws(SystemCallFault) in try directory.allocatedBytes(file.path)
      }
      let needed = max(0, file.size - there)
      guard needed <= available else {
        throw .outOfSpace(file: file.path, needed: needed, available: max(0, available))
      }
      available -= needed
    }
  }

  // MARK: Fetching

  private typealias Outcome = Result<AcquisitionReport.File?, AcquisitionFault>

  private func transfer(
    _ files: [PartialFile], _ journal: JournalFile, _ reporter: ProgressReporter
  ) async -> Result<[AcquisitionReport.File], AcquisitionFault> {
    var reports: [String: AcquisitionReport.File] = [:]
    // The largest first: what is left at the end is then small.
    var waiting = zip(wanted, files).sorted { $0.0.size > $1.0.size }[...]
    let failure: AcquisitionFault? = await withTaskGroup(of: Outcome.self) { group in
      group.addTask {
        await reporter.run(every: limits.progressPeriod)
        return .success(nil)
      }
      group.addTask {
        guard (try? await fetch.clock.sleep(limits.total)) != nil else { return .success(nil) }
        return .failure(.tookTooLong(limit: limits.total))
      }
      func beginNext() {
        guard let (wanted, file) = waiting.popFirst() else { return }
        let transfer = FileTransfer(
          wanted: wanted, file: file, fetch: fetch, journal: journal, alert: alert, reached: reached)
        group.addTask {
          do throws(AcquisitionFault) {
            let report = try await transfer.run()
            return .success(report)
          } catch {
            return .failure(error)
          }
        }
      }
      for _ in 0..<max(1, limits.files) { beginNext() }
      var failure: AcquisitionFault?
      while reports.count < wanted.count, failure == nil, let outcome = await group.next() {
        switch outcome {
        case .success(let report?):
          reports[report.path] = report
          reporter.tell()
          beginNext()
        case .success(nil): if Task.isCancelled { failure = .cancelled }
        case .failure(let fault): failure = fault
        }
      }
      group.cancelAll()
      return failure
    }
    if let failure { return .failure(failure) }
    return .success(wanted.compactMap { reports[$0.path] })
  }

  // MARK: Disk

  private func blocking<Value: Sendable>(
    _ file: String, _ work: @escaping @Sendable () throws(SystemCallFault) -> Value
  ) async throws(AcquisitionFault) -> Value {
    do throws(SystemCallFault) {
      return try await BlockingWork.run(work)
    } catch {
      throw .from(error, file: file.isEmpty ? directoryPath : file, needed: 0, available: nil)
    }
  }
}
