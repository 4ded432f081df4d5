import CanonicalJSON
import Cryptography
import Governance
import Storage

/// Where in the log each run's entries are: what lists, journals and receipts need and the fold, which forgets what is
/// over, does not keep. Rebuilt from the log whenever `version` changes.
struct RunIndex: Sendable {
  static let version: Int64 = 2

  struct Row: Sendable, Hashable {
    var run: RunID
    /// Index of `run.started`.
    var started: UInt64
    var finished: UInt64?
    /// `result`, or the kind of the failure.
    var outcome: String?
    var parent: RunID?
  }

  static func projection() throws -> Projection {
    try Projection(
      name: "runs", version: version,
      schema: [
        """
        CREATE TABLE p_runs_list(
          started INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, parent BLOB, finished INTEGER, outcome TEXT)
        """,
        "CREATE INDEX p_runs_by_parent ON p_runs_list(parent, started) WHERE parent IS NOT NULL",
        "CREATE INDEX p_runs_by_outcome ON p_runs_list(outcome, started)",
        // The run's entries between its start and its end: calls and resumptions.
        """
        CREATE TABLE p_runs_entries(
          started INTEGER NOT NULL, idx INTEGER NOT NULL, called INTEGER NOT NULL, PRIMARY KEY(started, idx))
        WITHOUT ROWID
        """,
      ],
      apply: { stored, connection in try apply(stored, to: connection) })
  }

  private static func apply(_ stored: StoredEntry, to connection: SQLiteConnection) throws {
    // An entry that is none is the auditor's to report; an index has nothing to say about it.
    guard let entry = try? Entry(parsing: stored.bytes) else { return }
    let index = SQLiteValue.integer(Int64(stored.index))
    switch entry.kind {
    case .runStarted:
      guard let body = try? RunStarted(body: entry.body) else { return }
      try connection.statement("INSERT OR IGNORE INTO p_runs_list(started, id, parent) VALUES (?, ?, ?)")
        .run(index, .blob(body.run.bytes), body.parent.map { .blob($0.run.bytes) } ?? .null)
    case .runCalled, .runResumed:
      guard let hex = entry.body["run"]?.string, let run = RunID(hex: hex) else { return }
      try connection.statement(
        "INSERT OR IGNORE INTO p_runs_entries(started, idx, called) SELECT started, ?, ? FROM p_runs_list WHERE id = ?"
      ).run(index, .integer(entry.kind == .runCalled ? 1 : 0), .blob(run.bytes))
    case .runFinished:
      guard let body = try? RunFinished(body: entry.body) else { return }
      let outcome = if case .failure(let kind, _) = body.outcome { kind.rawValue } else { "result" }
      try connection.statement("UPDATE p_runs_list SET finished = ?, outcome = ? WHERE id = ?")
        .run(index, .text(outcome), .blob(body.run.bytes))
    default: return
    }
  }

  let reader: LogReader

  private static let columns = "id, started, finished, outcome, parent"

  /// The row of a run, or `nil`.
  func row(_ run: RunID) throws -> Row? {
    try reader.read { connection in
      try connection.statement("SELECT \(Self.columns) FROM p_runs_list WHERE id = ?")
        .first(.blob(run.bytes)) { try Self.row($0) } ?? nil
    }
  }

  /// Which runs a list shows.
  enum Filter: Sendable, Hashable {
    case all
    case live
    /// Ended with this outcome: `result` or the kind of a failure.
    case outcome(String)
    /// Ended with any failure.
    case failed
  }

  /// Up to `limit` rows begun before entry `index`, newest first.
  func rows(_ filter: Filter, before index: UInt64, limit: Int) throws -> [Row] {
    let (condition, values): (String, [SQLiteValue]) =
      switch filter {
      case .all: ("", [])
      case .live: ("AND finished IS NULL", [])
      case .outcome(let outcome): ("AND outcome = ?", [.text(outcome)])
      case .failed: ("AND outcome IS NOT NULL AND outcome <> 'result' AND outcome <> 'cancelled'", [])
      }
    return try reader.read { connection in
      var rows: [Row] = []
      try connection.statement(
        "SELECT \(Self.columns) FROM p_runs_list WHERE started < ? \(condition) ORDER BY started DESC LIMIT ?"
      ).forEachRow([.integer(Int64(index))] + values + [.integer(Int64(limit))]) { row in
        if let row = try Self.row(row) { rows.append(row) }
        return true
      }
      return rows
    }
  }

  /// The tasks that a run started, oldest first, at most `limit`.
  func children(of run: RunID, limit: Int) throws -> [RunID] {
    try reader.read { connection in
      var children: [RunID] = []
      try connection.statement("SELECT id FROM p_runs_list WHERE parent = ? ORDER BY started LIMIT ?")
        .forEachRow([.blob(run.bytes), .integer(Int64(limit))]) { row in
          if let id = RunID(try row.blob(0)) { children.append(id) }
          return true
        }
      return children
    }
  }

  /// How many calls of a run were delivered.
  func calls(started: UInt64) throws -> Int {
    try reader.read { connection in
      try connection.statement("SELECT count(*) FROM p_runs_entries WHERE started = ? AND called")
        .first(.integer(Int64(started))) { Int(try $0.integer(0)) } ?? 0
    }
  }

  /// The entries between a run's start and its end, in order: calls and resumptions.
  func entries(started: UInt64) throws -> [UInt64] {
    try reader.read { connection in
      var entries: [UInt64] = []
      try connection.statement("SELECT idx FROM p_runs_entries WHERE started = ? ORDER BY idx")
        .forEachRow([.integer(Int64(started))]) { row in
          entries.append(UInt64(try row.integer(0)))
          return true
        }
      return entries
    }
  }

  private static func row(_ row: borrowing SQLiteStatement.Row) throws -> Row? {
    guard let id = RunID(try row.blob(0)) else { return nil }
    return Row(
      run: id, started: UInt64(try row.integer(1)), finished: row.isNull(2) ? nil : UInt64(try row.integer(2)),
      outcome: row.isNull(3) ? nil : try row.text(3), parent: row.isNull(4) ? nil : RunID(try row.blob(4)))
  }
}
