import CanonicalJSON
import Cryptography
import Foundation
import Governance
import Storage
import Synchronization

@testable import AuditExport

/// Entries of every kind, and a log of them in memory.
enum TestEntries {
  static let box = "box.example/safebox"
  static let proposal = String(repeating: "ab", count: 32)
  static let run = String(repeating: "cd", count: 16)

  /// One body for everything that an export tells apart.
  static let bodies: [(EntryKind, JSON)] = {
    let digest = JSON.string(proposal)
    let id = JSON.string(run)
    let isolation: JSON = ["backend": "jail", "applied": ["seccomp"], "missing": []]
    return [
      (.boxCreated, ["format": "safebox/v1", "box": .string(box), "witnesses": nil]),
      (
        .proposalOpened,
        [
          "proposal": digest, "proposer": "client:agent", "salt": "00",
          "statement": ["action": ["type": "http.request", "params": [:]], "epoch": 3, "box": .string(box)],
        ]
      ),
      (
        .proposalOpened,
        ["proposal": digest, "proposer": "signer:alice", "statement": ["action": ["type": "model.install"]]]
      ),
      (.proposalApproved, ["proposal": digest, "signer": "alice", "claim": ["ocp": 1]]),
      (.proposalObjected, ["proposal": digest, "signer": "bob", "claim": [:]]),
      (.proposalWithdrawn, ["proposal": digest, "client": "agent"]),
      (.proposalWithdrawn, ["proposal": digest, "run": id]),
      (.executionStarted, ["proposal": digest, "approvals": ["alice", "bob"], "mode": "normal"]),
      (.executionStarted, ["proposal": digest, "approvals": [], "mode": "normal"]),
      (.executionStarted, ["proposal": digest, "approvals": ["alice"], "mode": "break-glass"]),
      (.executionFinished, ["proposal": digest, "outcome": "executed", "result": [:]]),
      (
        .executionFinished,
        ["proposal": digest, "outcome": "executed", "result": [:], "epoch": 4, "constitution": digest]
      ),
      (.executionFinished, ["proposal": digest, "outcome": "failed", "result": ["code": "refused"]]),
      (.executionFinished, ["proposal": digest, "outcome": "unknown", "result": [:]]),
      (
        .runStarted,
        [
          "run": id, "tool": digest, "community": "acme", "client": "client:agent", "engine": "quickjs-ng 0.17",
          "isolation": isolation,
        ]
      ),
      (.runResumed, ["run": id, "calls": 2, "engine": "quickjs-ng 0.17", "isolation": isolation]),
      (.runCalled, ["run": id, "index": 0, "call": 0, "method": "HTTP.get", "ok": true]),
      (.runCalled, ["run": id, "index": 1, "call": 1, "method": "SMTP.send", "ok": false, "proposal": digest]),
      (.runFinished, ["run": id, "calls": 2, "fuel": 7, "result": digest]),
      (.runFinished, ["run": id, "calls": 2, "fuel": 7, "failure": ["kind": "fuel", "message": digest]]),
      (.runFinished, ["run": id, "calls": 2, "fuel": 7, "failure": ["kind": "divergence", "message": digest]]),
      (.identityClaimed, ["claim": ["iss": .string(box), "sub": .string(box)]]),
      (.codeMeasured, ["boot": 1, "index": 0, "event": ["kind": "tool", "name": "greet 1", "digest": digest]]),
    ]
  }()

  static func stored(_ index: UInt64, at: Int64 = 1_790_000_000_000) throws -> StoredEntry {
    let (kind, body) = bodies[Int(index % UInt64(bodies.count))]
    return try stored(index, kind, body, at: at + Int64(index))
  }

  static func stored(_ index: UInt64, _ kind: EntryKind, _ body: JSON, at: Int64 = 0) throws -> StoredEntry {
    StoredEntry(index: index, bytes: try Entry(at: at, kind: kind, body: body).bytes)
  }

  static func event(_ index: UInt64) throws -> AuditEvent { try AuditEvent(stored(index), box: box) }

  static func batch(_ range: Range<UInt64>) throws -> ExportBatch {
    guard let batch = ExportBatch(events: try range.map(event), checkpoint: Array("note".utf8)) else {
      throw MemoryLog.Broken()
    }
    return batch
  }

  static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}

/// A log in memory that grows when a test says so, or breaks.
final class MemoryLog: EntrySource {
  struct Broken: Error {}

  private struct State {
    var entries: [StoredEntry] = []
    var isBroken = false
    var largestRead = 0
  }

  private let state = Mutex(State())

  init(_ count: UInt64 = 0) throws { try append(count) }

  var isBroken: Bool {
    get { state.withLock { $0.isBroken } }
    set { state.withLock { $0.isBroken = newValue } }
  }

  /// Most entries asked for at once.
  var largestRead: Int { state.withLock { $0.largestRead } }

  func append(_ count: UInt64, at: Int64 = 1_790_000_000_000) throws {
    try state.withLock { state in
      for _ in 0..<count { state.entries.append(try TestEntries.stored(UInt64(state.entries.count), at: at)) }
    }
  }

  func size() throws -> UInt64 {
    try state.withLock { state in
      guard !state.isBroken else { throw Broken() }
      return UInt64(state.entries.count)
    }
  }

  func entries(in range: Range<UInt64>) throws -> [StoredEntry] {
    try state.withLock { state in
      guard !state.isBroken else { throw Broken() }
      state.largestRead = max(state.largestRead, range.count)
      return Array(state.entries[Int(range.lowerBound)..<min(Int(range.upperBound), state.entries.count)])
    }
  }

  func checkpoint(covering index: UInt64) throws -> [UInt8]? {
    try size() > index ? Array("checkpoint of \(index + 1)\n".utf8) : nil
  }
}
