import Cryptography
import Governance

/// Entries as a box records them, made without storing them.
struct SampleLog {
  /// Which entries stand in the log.
  enum Mix {
    /// Proposals by signers and their approvals: every entry carries an ECDSA signature.
    case signed
    /// Whole actions by a client: opened, three approvals, started, finished. Three of six entries are signed.
    case actions
  }

  static let start: Int64 = 1_800_000_000_000

  let box: BenchmarkBox
  /// The stored bytes of each entry, entry 0 first.
  private(set) var entries: [[UInt8]] = []
  /// How many entries carry a claim.
  private(set) var signatures = 0
  /// The statements of the proposals that are still open.
  private(set) var open: [Statement] = []
  /// What the fold gives for all of them.
  private(set) var state: BoxState
  private(set) var now = SampleLog.start

  /// At least `count` entries. Signatures are made here and checked by the fold, so this takes about 75 us for each.
  init(_ mix: Mix, count: Int) throws {
    box = try BenchmarkBox()
    let (state, entry) = try box.begin(at: now)
    self.state = state
    entries.append(entry.bytes)
    var number = 0
    while entries.count < count {
      now += 5
      let statement = try propose(number, mix)
      for name in ["ben", "cleo", "dora"] { try append(box.approval(of: statement, by: name, at: now)) }
      switch mix {
      case .signed: open.append(statement)
      case .actions:
        let decision = try self.state.approvedDecision(for: statement.digest, at: now)
        try append(decision.started)
        try append(
          self.state.finishDraft(for: statement.digest, outcome: .executed, result: ["status": 200], at: now))
      }
      number += 1
    }
  }

  private mutating func propose(_ number: Int, _ mix: Mix) throws -> Statement {
    var opened = try state.openStatement(
      action: try BenchmarkBox.payment(number), proposer: mix == .signed ? .signer("ana") : .client("app"),
      salt: Array(SHA256.hash(utf8: "salt \(number)").bytes.prefix(16)), expires: nil, at: now)
    if mix == .signed { opened.claim = try box.claim(.propose, opened.statement, by: "ana", at: now) }
    try append(opened)
    return opened.statement
  }

  private mutating func append(_ body: some EntryBody) throws {
    let entry = try body.entry(at: now)
    try state.apply(entry)
    entries.append(entry.bytes)
    if entry.body["claim"] != nil { signatures += 1 }
  }
}
