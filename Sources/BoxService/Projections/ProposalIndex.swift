import CanonicalJSON
import Cryptography
import Governance
import Storage

/// Where in the log each proposal's entries are: what lists and receipts need and the fold, which forgets what is over,
/// does not keep. Rebuilt from the log whenever `version` changes.
struct ProposalIndex: Sendable {
  static let version: Int64 = 2

  /// What the index knows of one proposal.
  struct Row: Sendable, Hashable {
    var proposal: SHA256Digest
    /// Index of `proposal.opened`.
    var opened: UInt64
    var started: UInt64?
    var finished: UInt64?
    var outcome: String?
    var withdrawn: Bool
  }

  /// One approval, objection or withdrawal.
  struct Vote: Sendable, Hashable {
    var kind: EntryKind
    var voice: String
    var index: UInt64
    var at: Int64
  }

  static func projection() throws -> Projection {
    try Projection(
      name: "proposals", version: version,
      schema: [
        """
        CREATE TABLE p_proposals_list(
          opened INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, nonce BLOB NOT NULL,
          started INTEGER, finished INTEGER, outcome TEXT, withdrawn INTEGER NOT NULL DEFAULT 0)
        """,
        """
        CREATE TABLE p_proposals_votes(
          idx INTEGER PRIMARY KEY, opened INTEGER NOT NULL, kind TEXT NOT NULL, voice TEXT NOT NULL, at INTEGER NOT NULL)
        """,
        // Not unique: a client that repeats its own salt opens two proposals under one nonce, and both are there.
        "CREATE INDEX p_proposals_by_nonce ON p_proposals_list(nonce, opened)",
        "CREATE INDEX p_proposals_by_opened ON p_proposals_votes(opened)",
        "CREATE TABLE p_proposals_epochs(epoch INTEGER PRIMARY KEY, idx INTEGER NOT NULL)",
      ],
      apply: { stored, connection in try apply(stored, to: connection) })
  }

  private static func apply(_ stored: StoredEntry, to connection: SQLiteConnection) throws {
    // An entry that is none is the auditor's to report; an index has nothing to say about it.
    guard let entry = try? Entry(parsing: stored.bytes) else { return }
    let index = SQLiteValue.integer(Int64(stored.index))
    switch entry.kind {
    case .boxCreated:
      try connection.statement("INSERT OR IGNORE INTO p_proposals_epochs(epoch, idx) VALUES (1, ?)").run(index)
    case .proposalOpened:
      guard let body = try? ProposalOpened(body: entry.body), let nonce = Hex.decode(body.statement.nonce.hex) else {
        return
      }
      try connection.statement("INSERT OR IGNORE INTO p_proposals_list(opened, id, nonce) VALUES (?, ?, ?)")
        .run(index, .blob(body.proposal.bytes), .blob(nonce))
    case .proposalApproved, .proposalObjected, .proposalWithdrawn:
      guard let verdict = Verdict.allCases.first(where: { $0.kind == entry.kind }),
        let body = try? ProposalVote(verdict: verdict, body: entry.body)
      else { return }
      let voice =
        switch body.voice {
        case .signer(let name, _): name
        case .client(let name): "client:\(name)"
        case .run(let id): "run:\(id)"
        }
      try connection.statement(
        """
        INSERT OR IGNORE INTO p_proposals_votes(idx, opened, kind, voice, at)
        SELECT ?, opened, ?, ?, ? FROM p_proposals_list WHERE id = ?
        """
      ).run(index, .text(entry.kind.rawValue), .text(voice), .integer(entry.at), .blob(body.proposal.bytes))
      if verdict == .withdraw {
        try connection.statement("UPDATE p_proposals_list SET withdrawn = 1 WHERE id = ?")
          .run(.blob(body.proposal.bytes))
      }
    case .executionStarted:
      guard let body = try? ExecutionStarted(body: entry.body) else { return }
      try connection.statement("UPDATE p_proposals_list SET started = ? WHERE id = ?")
        .run(index, .blob(body.proposal.bytes))
    case .executionFinished:
      guard let body = try? ExecutionFinished(body: entry.body) else { return }
      try connection.statement("UPDATE p_proposals_list SET finished = ?, outcome = ? WHERE id = ?")
        .run(index, .text(body.outcome.rawValue), .blob(body.proposal.bytes))
      if let epoch = body.epoch {
        try connection.statement("INSERT OR IGNORE INTO p_proposals_epochs(epoch, idx) VALUES (?, ?)")
          .run(.integer(epoch), index)
      }
    case .runStarted, .runResumed, .runCalled, .runFinished, .identityClaimed, .codeMeasured: return
    }
  }

  let reader: LogReader

  private static let columns = "opened, id, started, finished, outcome, withdrawn"

  /// The row of a proposal, or `nil`.
  func row(_ proposal: SHA256Digest) throws -> Row? {
    try reader.read { connection in
      try connection.statement("SELECT \(Self.columns) FROM p_proposals_list WHERE id = ?")
        .first(.blob(proposal.bytes)) { try Self.row($0) } ?? nil
    }
  }

  /// The first proposal that was opened with this nonce, or `nil`: a nonce is made from proposer and salt, so it also names a
  /// repeated request.
  func proposal(nonce: SHA256Digest) throws -> SHA256Digest? {
    try reader.read { connection in
      try connection.statement("SELECT id FROM p_proposals_list WHERE nonce = ? ORDER BY opened LIMIT 1")
        .first(.blob(nonce.bytes)) { SHA256Digest(try $0.blob(0)) } ?? nil
    }
  }

  /// Up to `limit` rows opened before entry `index`, newest first.
  func rows(before index: UInt64, limit: Int) throws -> [Row] {
    try reader.read { connection in
      var rows: [Row] = []
      try connection.statement(
        "SELECT \(Self.columns) FROM p_proposals_list WHERE opened < ? ORDER BY opened DESC LIMIT ?"
      ).forEachRow([.integer(Int64(index)), .integer(Int64(limit))]) { row in
        if let row = try Self.row(row) { rows.append(row) }
        return true
      }
      return rows
    }
  }

  /// All votes on the proposal that was opened at entry `opened`, in order.
  func votes(opened: UInt64) throws -> [Vote] {
    try reader.read { connection in
      var votes: [Vote] = []
      try connection.statement("SELECT idx, kind, voice, at FROM p_proposals_votes WHERE opened = ? ORDER BY idx")
        .forEachRow([.integer(Int64(opened))]) { row in
          if let kind = EntryKind(rawValue: try row.text(1)) {
            votes.append(
              Vote(kind: kind, voice: try row.text(2), index: UInt64(try row.integer(0)), at: try row.integer(3)))
          }
          return true
        }
      return votes
    }
  }

  /// The entry that opened an epoch, or `nil`.
  func opening(ofEpoch epoch: Int64) throws -> UInt64? {
    try reader.read { connection in
      try connection.statement("SELECT idx FROM p_proposals_epochs WHERE epoch = ?")
        .first(.integer(epoch)) { UInt64(try $0.integer(0)) }
    }
  }

  private static func row(_ row: borrowing SQLiteStatement.Row) throws -> Row? {
    guard let id = SHA256Digest(try row.blob(1)) else { return nil }
    return Row(
      proposal: id, opened: UInt64(try row.integer(0)), started: row.isNull(2) ? nil : UInt64(try row.integer(2)),
      finished: row.isNull(3) ? nil : UInt64(try row.integer(3)), outcome: row.isNull(4) ? nil : try row.text(4),
      withdrawn: try row.integer(5) != 0)
  }
}
