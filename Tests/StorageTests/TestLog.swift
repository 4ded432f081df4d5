import Cryptography
import Synchronization
import TestSupport
import Testing
import TransparencyLog

@testable import Storage

/// A log in a scratch directory, with fixed keys and a state that counts.
struct TestLog {
  /// Adds its number to the state and appends its text as an entry; a negative number is refused.
  struct Request: Sendable {
    var number: Int
    var text: String
  }
  struct Negative: Error, Equatable { let number: Int }

  typealias Log = GroupCommitLog<Int, Request, Int>

  let directory: String
  let origin = "storage.example/log"
  let signers: [NoteSigner]
  let keys: LogKeys

  init(_ directory: String) throws {
    self.directory = directory
    signers = [
      try NoteSigner(
        name: origin, ed25519: Ed25519.PrivateKey(seed: [UInt8](repeating: 1, count: 32))),
      try NoteSigner(
        name: origin, es256: P256.PrivateKey(rawScalar: [UInt8](repeating: 2, count: 32))),
    ]
    keys = try LogKeys(origin: origin, keys: signers.map(\.verifierKey))
  }

  var trust: StartupGate.Trust { StartupGate.Trust(log: keys, witnesses: []) }

  func sign(_ checkpoint: Checkpoint) throws -> SignedCheckpoint {
    try SignedCheckpoint(checkpoint, signers: signers)
  }

  static let decide: Log.Decider = { state, request, _ in
    guard request.number >= 0 else { throw Negative(number: request.number) }
    let draft = try EntryDraft(Array(request.text.utf8))
    state += request.number
    return AppendPlan(entries: [draft], response: state)
  }

  func store() throws -> LogStore { try LogStore(path: directory, origin: origin) }

  func writer(projections: [Projection] = [], vfs: String? = nil) throws -> LogWriter {
    let store = try LogStore(path: directory, origin: origin, vfs: vfs)
    switch try store.start(trust: trust, projections: projections) {
    case .ready(let writer): return writer
    case .readOnly(let reason): throw reason
    }
  }

  /// A log without a thread of its own: the test drains it.
  func unstarted(
    projections: [Projection] = [], vfs: String? = nil, faults: FaultList = FaultList(),
    configure: (inout Log.Configuration) -> Void = { _ in },
    sign: (@Sendable (Checkpoint) throws -> SignedCheckpoint)? = nil, decide: @escaping Log.Decider = Self.decide
  ) throws -> Log {
    var configuration = Log.Configuration()
    configuration.onFault = { faults.add($0) }
    configure(&configuration)
    return try Log(
      unstarted: writer(projections: projections, vfs: vfs), state: 0, configuration: configuration,
      sign: sign ?? { try self.sign($0) }, decide: decide)
  }

  /// Appends `count` entries "entry <n>" in one batch for each of `batches`, and returns the receipts.
  @discardableResult
  func fill(_ batches: [Int], from first: Int = 0) async throws -> [Committed<Int>] {
    let log = try unstarted(configure: {
      $0.maximumBatch = 100_000
      $0.maximumWaiting = 100_000
    })
    let inbox = Inbox()
    var next = first
    for batch in batches {
      for _ in 0..<batch {
        log.submit(Request(number: 1, text: "entry \(next)"), completion: inbox.receive)
        next += 1
      }
      #expect(log.drain(waiting: false))
    }
    await log.close()
    return try inbox.results.map { try $0.get() }
  }
}

/// Collects outcomes.
final class Inbox: Sendable {
  private let list = Mutex<[Result<Committed<Int>, any Error>]>([])
  var results: [Result<Committed<Int>, any Error>] { list.withLock { $0 } }
  var receive: TestLog.Log.Completion { { result in self.list.withLock { $0.append(result) } } }
}

/// Collects the faults that would have stopped the process.
final class FaultList: Sendable {
  private let list = Mutex<[String]>([])
  var steps: [String] { list.withLock { $0 } }
  func add(_ fault: StorageFault) { list.withLock { $0.append(fault.step) } }
}
