import Foundation
import TestSupport
import Testing
import TransparencyLog

@testable import Storage

/// Faults below SQLite: writes and syncs that fail, with or without effect, and power cuts that lose or reorder whatever
/// was not synced.
@Suite struct PowerCutTests {
  private let scratch: TemporaryDirectory
  private let test: TestLog

  init() throws {
    FaultVFS.register
    scratch = try TemporaryDirectory()
    test = try TestLog(scratch.file("data"))
  }

  /// What the process knew when it stopped, and what a successor finds.
  private struct Outcome {
    var faults: [String]
    var receipts: [Committed<Int>]
    var others: [any Error]
  }

  /// Appends one batch of 20 to a log of 500 that fails once; the WAL is moved after it.
  private func append(_ fault: FaultVFS.Fault?) async throws -> Outcome {
    let faults = FaultList()
    let log = try test.unstarted(vfs: FaultVFS.name, faults: faults, configure: { $0.walFrames = 0 })
    if let fault { FaultVFS.arm(fault, in: test.directory) }
    let inbox = Inbox()
    for number in 500..<520 { log.submit(.init(number: 1, text: "entry \(number)"), completion: inbox.receive) }
    _ = log.drain(waiting: false)
    await log.close()
    var outcome = Outcome(faults: faults.steps, receipts: [], others: [])
    for result in inbox.results {
      switch result {
      case .success(let receipt): outcome.receipts.append(receipt)
      case .failure(let error): outcome.others.append(error)
      }
    }
    return outcome
  }

  /// The log at `directory` is whole, holds what was revealed, and goes on.
  private func audit(_ log: TestLog, revealed: [Committed<Int>], _ context: String) async throws {
    let writer: LogWriter
    do { writer = try log.writer() } catch {
      Issue.record("\(context): the log cannot be continued: \(error)")
      return
    }
    let reader = writer.reader
    let size = try reader.size()
    #expect([500, 520].contains(size), "\(context): size \(size)")
    #expect(try TreeRebuild.check(reader).faults == [], "\(context)")
    for receipt in revealed {
      let entry = try #require(receipt.entries.first)
      #expect(try reader.entry(entry.index)?.bytes == entry.bytes, "\(context): a revealed entry is gone")
      let signed = try #require(receipt.checkpoint)
      #expect(try reader.checkpoint(size: signed.checkpoint.size) == signed, "\(context): a checkpoint is gone")
    }
    writer.close()
    try await log.fill([1], from: Int(size))
  }

  /// The matrix of Sunlight's TestSequenceErrors: each write and each sync, lost or kept, reported as failed.
  @Test func aReportedFailureStopsTheLogWhateverBecameOfTheWrite() async throws {
    for kept in [false, true] {
      for isSync in [false, true] {
        for number in 0..<200 {
          try? FileManager.default.removeItem(atPath: test.directory)
          try await test.fill([200, 300])
          let fault: FaultVFS.Fault = isSync ? .sync(number: number, kept: kept) : .write(number: number, kept: kept)
          let outcome = try await append(fault)
          let didNotStrike = FaultVFS.disarm(test.directory)
          if didNotStrike {
            // Past the last write or sync of the append: every one before it was tried.
            #expect(number >= (isSync ? 3 : 8), "the append writes less than it must")
            #expect(outcome.faults == [])
            #expect(outcome.receipts.count == 20)
            break
          }
          // Stopped, exactly once, and nobody was told anything that the step did not make durable.
          #expect(outcome.faults.count == 1, "\(fault)")
          if outcome.faults.first == "commit" {
            #expect(outcome.receipts.isEmpty, "\(fault)")
            #expect(outcome.others.count == 20)
            #expect(outcome.others.allSatisfy { $0 as? SubmissionError == .stopped }, "\(fault)")
          } else {
            #expect(outcome.receipts.count == 20, "\(fault)")
          }
          try await audit(test, revealed: outcome.receipts, "\(fault)")
        }
      }
    }
  }

  /// The power goes after the answers were given, or in the middle of the commit; of the unsynced writes an arbitrary
  /// part reaches the disk.
  @Test(
    arguments: [nil, .sync(number: 0, kept: false), .sync(number: 1, kept: false), .sync(number: 2, kept: false)]
      as [FaultVFS.Fault?])
  func aPowerCutLosesNothingThatWasRevealed(fault: FaultVFS.Fault?) async throws {
    try await test.fill([200, 300])
    let faults = FaultList()
    // Not closed before the cut: closing would sync.
    let log = try test.unstarted(
      vfs: FaultVFS.name, faults: faults, configure: { $0.walFrames = fault == nil ? 9999 : 0 })
    if let fault { FaultVFS.arm(fault, in: test.directory) }
    let inbox = Inbox()
    for number in 500..<520 { log.submit(.init(number: 1, text: "entry \(number)"), completion: inbox.receive) }
    _ = log.drain(waiting: false)
    let revealed = inbox.results.compactMap { try? $0.get() }
    #expect(fault != nil || revealed.count == 20)
    let pending = FaultVFS.pendingCount(test.directory)
    var random = SystemRandomNumberGenerator()
    for trial in 0..<24 {
      // None, all, each one alone missing, then any.
      let picks = (0..<max(pending, 1)).map { number in
        switch trial {
        case 0: false
        case 1: true
        case 2..<10: number % 8 != trial - 2
        default: Bool.random(using: &random)
        }
      }
      let files = FaultVFS.powerCut(test.directory) { $0 < picks.count && picks[$0] }
      let name = "cut-\(trial)"
      for (path, bytes) in files where !path.hasSuffix("-shm") && !bytes.isEmpty {
        try scratch.write(bytes, to: name + path.dropFirst(test.directory.count))
      }
      try await audit(
        try TestLog(scratch.file(name)), revealed: revealed, "\(String(describing: fault)) \(trial) \(picks)")
    }
    await log.close()
    FaultVFS.disarm(test.directory)
  }
}

/// The thread that moves the write-ahead log into the database.
@Suite struct FrameMoverTests {
  private let scratch: TemporaryDirectory
  private let test: TestLog

  init() throws {
    FaultVFS.register
    scratch = try TemporaryDirectory()
    test = try TestLog(scratch.file("data"))
  }

  @Test func theWriteAheadLogStaysSmall() async throws {
    var configuration = TestLog.Log.Configuration()
    configuration.walFrames = 32
    let log = try TestLog.Log(
      writer: test.writer(), state: 0, configuration: configuration, sign: test.sign, decide: TestLog.decide)
    for number in 0..<400 { _ = try await log.submit(.init(number: 1, text: "entry \(number)")) }
    // About 1,200 frames of 4,120 bytes were written.
    let size = try FileManager.default.attributesOfItem(atPath: test.directory + "/log.sqlite-wal")[.size] as? Int
    #expect(try #require(size) < 300 * 4120)
    await log.close()
    #expect(try TreeRebuild.check(LogReader(path: test.directory)).faults == [])
  }

  /// A move that cannot be synced stops the log from the other thread.
  @Test func aFailedMoveStopsTheLog() async throws {
    try await test.fill([10])
    let faults = FaultList()
    var configuration = TestLog.Log.Configuration()
    configuration.walFrames = 0
    configuration.onFault = { faults.add($0) }
    let log = try TestLog.Log(
      writer: test.writer(vfs: FaultVFS.name), state: 0, configuration: configuration, sign: test.sign,
      decide: TestLog.decide)
    // The first sync is the commit's; every later one may be the mover's.
    FaultVFS.arm(.sync(number: 1, kept: false), in: test.directory)
    var revealed: [Committed<Int>] = []
    while faults.steps.isEmpty {
      do { revealed.append(try await log.submit(.init(number: 1, text: "entry"))) } catch {
        #expect(error as? SubmissionError == .stopped)
        break
      }
    }
    await log.close()
    FaultVFS.disarm(test.directory)
    #expect(faults.steps.count == 1)
    let reader = try test.writer().reader
    #expect(try reader.size() >= UInt64(10 + revealed.count))
    for receipt in revealed { #expect(try reader.entry(receipt.entries[0].index)?.bytes == receipt.entries[0].bytes) }
    #expect(try TreeRebuild.check(reader).faults == [])
  }
}
