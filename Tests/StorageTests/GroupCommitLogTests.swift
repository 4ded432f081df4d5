import Cryptography
import Synchronization
import TestSupport
import Testing
import TransparencyLog

@testable import Storage

@Suite struct GroupCommitLogTests {
  private let scratch: TemporaryDirectory
  private let test: TestLog

  init() throws {
    scratch = try TemporaryDirectory()
    test = try TestLog(scratch.file("data"))
  }

  @Test func everyReceiptOfABatchVerifies() async throws {
    let receipts = try await test.fill([1, 300, 2, 600])
    #expect(receipts.count == 903)
    for (position, receipt) in receipts.enumerated() {
      let entry = try #require(receipt.entries.first)
      let checkpoint = try #require(receipt.checkpoint).verified(log: test.keys, requiring: .everyKey).checkpoint
      #expect(entry.index == UInt64(position))
      #expect(entry.bytes == Array("entry \(position)".utf8))
      #expect(entry.leafHash == MerkleTree.leafHash(entry.bytes))
      try entry.proof.verify(leafHash: entry.leafHash, root: checkpoint.root)
    }
    #expect(Set(receipts.compactMap { $0.checkpoint?.checkpoint.size }) == [1, 301, 303, 903])
  }

  @Test func aRefusedRequestFailsAloneAndLeavesTheStateAsItWas() async throws {
    let log = try test.unstarted()
    let inbox = Inbox()
    for number in [5, -1, 7] { log.submit(.init(number: number, text: "n\(number)"), completion: inbox.receive) }
    #expect(log.drain(waiting: false))
    let results = inbox.results
    #expect(try results[0].get().response == 5)
    #expect(throws: TestLog.Negative(number: -1)) { try results[1].get() }
    #expect(try results[2].get().response == 12)
    #expect(try results[2].get().entries.map(\.index) == [1])
    #expect(try log.reader.size() == 2)
    await log.close()
  }

  @Test func anOversizeEntryFailsBeforeTheStateChanges() async throws {
    let log = try test.unstarted()
    let inbox = Inbox()
    log.submit(
      .init(number: 5, text: String(repeating: "x", count: EntryDraft.maximumBytes + 1)), completion: inbox.receive)
    log.submit(.init(number: 1, text: "next"), completion: inbox.receive)
    #expect(log.drain(waiting: false))
    #expect(throws: EntryDraft.Failure.tooLarge(bytes: 65_536, limit: 65_535)) { try inbox.results[0].get() }
    #expect(try inbox.results[1].get().response == 1)
    #expect(throws: EntryDraft.Failure.empty) { try EntryDraft([]) }
    await log.close()
  }

  @Test func nothingIsRevealedBeforeItIsDurable() async throws {
    let log = try test.unstarted()
    let reader = log.reader
    let seen = Mutex<[UInt64]>([])
    for number in [1, -1, 1] {
      log.submit(.init(number: number, text: "e")) { result in
        // Refusals too: they may rest on an entry of the same batch.
        let size = (try? reader.size()) ?? .max
        seen.withLock { $0.append(size) }
        if let receipt = try? result.get() { #expect(receipt.entries[0].index < size) }
      }
    }
    #expect(seen.withLock { $0 } == [])
    #expect(log.drain(waiting: false))
    #expect(seen.withLock { $0 } == [2, 2, 2])
    await log.close()
  }

  @Test func inspectionSeesWholeBatches() async throws {
    let log = try test.unstarted()
    let seen = Mutex<[Int]>([])
    log.inspect { state in
      seen.withLock { $0.append(state) }
    } orFail: {
      Issue.record($0)
    }
    #expect(log.drain(waiting: false))
    log.submit(.init(number: 40, text: "a")) { _ in }
    log.inspect { state in
      seen.withLock { $0.append(state) }
    } orFail: {
      Issue.record($0)
    }
    log.submit(.init(number: 2, text: "b")) { _ in }
    #expect(log.drain(waiting: false))
    #expect(seen.withLock { $0 } == [0, 42])
    await log.close()
  }

  @Test func aRequestWithoutEntriesIsAnsweredWithoutACommit() async throws {
    try await test.fill([3])
    let log = try test.unstarted(decide: { state, _, next in AppendPlan(entries: [], response: Int(next)) })
    let inbox = Inbox()
    log.submit(.init(number: 0, text: ""), completion: inbox.receive)
    #expect(log.drain(waiting: false))
    let receipt = try inbox.results[0].get()
    #expect(receipt.response == 3)
    #expect(receipt.entries.isEmpty)
    #expect(receipt.checkpoint?.checkpoint.size == 3)
    #expect(try log.reader.checkpoints(from: 0, limit: 10).count == 1)
    await log.close()
  }

  @Test func oneRequestMayAppendSeveralEntries() async throws {
    let log = try test.unstarted(decide: { state, request, next in
      let drafts = try (next..<next + 3).map { try EntryDraft(Array("\(request.text) \($0)".utf8)) }
      return AppendPlan(entries: drafts, response: Int(next))
    })
    let inbox = Inbox()
    for name in ["a", "b"] { log.submit(.init(number: 0, text: name), completion: inbox.receive) }
    #expect(log.drain(waiting: false))
    let receipts = try inbox.results.map { try $0.get() }
    #expect(receipts[0].entries.map { String(decoding: $0.bytes, as: UTF8.self) } == ["a 0", "a 1", "a 2"])
    #expect(receipts[1].entries.map(\.index) == [3, 4, 5])
    for entry in receipts.flatMap(\.entries) {
      try entry.proof.verify(leafHash: entry.leafHash, root: #require(receipts[0].checkpoint).checkpoint.root)
    }
    await log.close()
  }

  @Test func tooManyWaitingRequestsAreRefusedAtOnce() async throws {
    let log = try test.unstarted(configure: { $0.maximumWaiting = 2 })
    let inbox = Inbox()
    for number in 0..<3 { log.submit(.init(number: number, text: "e"), completion: inbox.receive) }
    #expect(inbox.results.count == 1)
    #expect(throws: SubmissionError.overloaded(limit: 2)) { try inbox.results[0].get() }
    await #expect(throws: SubmissionError.overloaded(limit: 2)) { try await log.inspect { $0 } }
    await log.close()
    #expect(inbox.results.count == 3)
  }

  @Test func aWriterServesOneLog() async throws {
    let writer = try test.writer()
    let log = try TestLog.Log(
      unstarted: writer, state: 0, configuration: .init(), sign: test.sign, decide: TestLog.decide)
    #expect(throws: SubmissionError.writerInUse) {
      try TestLog.Log(unstarted: writer, state: 0, configuration: .init(), sign: test.sign, decide: TestLog.decide)
    }
    await log.close()
  }

  @Test func closingFinishesWhatWaitsAndFreesTheDirectory() async throws {
    let log = try TestLog.Log(writer: test.writer(), state: 0, sign: test.sign, decide: TestLog.decide)
    let inbox = Inbox()
    for number in 0..<100 { log.submit(.init(number: number, text: "e\(number)"), completion: inbox.receive) }
    await log.close()
    #expect(try inbox.results.map { try $0.get().entries[0].index } == Array(0..<100))
    await #expect(throws: SubmissionError.closed) { try await log.submit(.init(number: 1, text: "late")) }
    let again = try test.writer()
    #expect(try again.reader.size() == 100)
    again.close()
  }

  @Test func manyTasksAppendAtOnce() async throws {
    let committed = Mutex<[UInt64]>([])
    var configuration = TestLog.Log.Configuration()
    configuration.walFrames = 64
    configuration.onCommit = { batch in committed.withLock { $0.append(contentsOf: batch.entries.map(\.index)) } }
    let log = try TestLog.Log(
      writer: test.writer(), state: 0, configuration: configuration, sign: test.sign, decide: TestLog.decide)
    let indices = try await withThrowingTaskGroup(of: [UInt64].self) { group in
      for task in 0..<32 {
        group.addTask {
          var indices: [UInt64] = []
          for number in 0..<50 {
            let receipt = try await log.submit(.init(number: 1, text: "\(task)/\(number)"))
            let entry = receipt.entries[0]
            try entry.proof.verify(
              leafHash: MerkleTree.leafHash(Array("\(task)/\(number)".utf8)),
              root: #require(receipt.checkpoint).checkpoint.root)
            indices.append(entry.index)
          }
          // One caller's entries stay in the order in which it submitted them.
          #expect(indices == indices.sorted())
          return indices
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(indices.sorted() == Array(0..<1600))
    #expect(try await log.inspect { $0 } == 1600)
    await log.close()
    #expect(committed.withLock { $0 } == Array(0..<1600))
    let report = try TreeRebuild.check(LogReader(path: test.directory))
    #expect(report.size == 1600)
    #expect(report.faults == [])
  }
}
