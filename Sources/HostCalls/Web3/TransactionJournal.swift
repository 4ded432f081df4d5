import Cryptography
import Ethereum
import Storage
import Synchronization

/// The signed transactions of this box, durable before they are sent: what makes a repetition after a crash the same bytes, and
/// so the same transaction. One row for each proposal. Calls block while the disk works.
///
/// The rows hold nothing secret (signed transactions are public once sent), but whoever has one that was not sent can send it.
public final class TransactionJournal: Sendable {
  /// One signed transaction.
  struct Record: Sendable, Hashable {
    var proposal: SHA256Digest
    var chain: Int64
    var account: EthereumAddress
    var nonce: UInt64
    /// The transaction's name on its chain.
    var hash: [UInt8]
    var raw: [UInt8]
    /// Whether an outcome was given: then it is never sent again by anything but its own reconciliation.
    var isClosed: Bool
  }

  public struct Failure: Error, Sendable, CustomStringConvertible {
    public let description: String
  }

  static let fileName = "transactions.sqlite"
  /// Closed rows are kept until the account has made so many further transactions: longer than anything is reconciled.
  static let keptNonces: UInt64 = 1024

  /// With the journal, so that all who sign by it take turns.
  let queue = AccountQueue()
  private let table: Mutex<Table>

  /// Opens the journal in the directory `path`, making it when it is absent.
  public init(path: String) throws {
    let directory = try Directory.make(path)
    table = Mutex(Table(connection: try Self.open(directory)))
  }

  private struct Table: @unchecked Sendable {
    let connection: SQLiteConnection
  }

  private static func open(_ directory: Directory) throws -> SQLiteConnection {
    let path = "\(directory.path)/\(fileName)"
    let connection = try SQLiteConnection(path: path, access: .create)
    try connection.setPragma("journal_mode", to: "truncate")
    try connection.setPragma("synchronous", to: "EXTRA", expecting: "3")
    if try connection.pragma("user_version") == "0", try connection.pragma("application_id") == "0" {
      try connection.transaction {
        try connection.execute(
          """
          CREATE TABLE transactions(proposal BLOB PRIMARY KEY, chain INTEGER NOT NULL, account BLOB NOT NULL,
            nonce INTEGER NOT NULL, hash BLOB NOT NULL, raw BLOB NOT NULL, closed INTEGER NOT NULL) WITHOUT ROWID;
          CREATE INDEX accounts ON transactions(chain, account, nonce);
          """)
        try connection.execute("PRAGMA application_id = \(applicationID)")
        try connection.execute("PRAGMA user_version = 1")
      }
      return connection
    }
    guard try connection.pragma("application_id") == String(applicationID),
      try connection.pragma("user_version") == "1"
    else { throw Failure(description: "\(path) is no journal of transactions of this version") }
    return connection
  }

  private static let applicationID: Int64 = 0x5342_5857
  private static let columns = "proposal, chain, account, nonce, hash, raw, closed"

  /// Keeps a transaction; durable on return. A proposal has one for ever: a second is refused.
  func keep(_ record: Record) throws {
    try table.withLock { held in
      try held.connection.statement("INSERT INTO transactions(\(Self.columns)) VALUES (?, ?, ?, ?, ?, ?, 0)")
        .run(
          .blob(record.proposal.bytes), .integer(record.chain), .blob(record.account.bytes),
          .integer(Int64(clamping: record.nonce)), .blob(record.hash), .blob(record.raw))
    }
  }

  /// The transaction of a proposal.
  func record(of proposal: SHA256Digest) throws -> Record? {
    try table.withLock { held in
      try held.connection.statement("SELECT \(Self.columns) FROM transactions WHERE proposal = ?")
        .first(.blob(proposal.bytes), body: Self.record)
    }
  }

  /// An outcome has been given.
  func close(_ proposal: SHA256Digest) throws {
    try table.withLock { held in
      try held.connection.statement("UPDATE transactions SET closed = 1 WHERE proposal = ?")
        .run(.blob(proposal.bytes))
    }
  }

  /// The transactions of an account from that nonce on, in order. Drops what is long closed.
  func records(chain: Int64, account: EthereumAddress, from nonce: UInt64) throws -> [Record] {
    try table.withLock { held in
      let old = nonce > Self.keptNonces ? nonce - Self.keptNonces : 0
      try held.connection.statement(
        "DELETE FROM transactions WHERE chain = ? AND account = ? AND nonce < ? AND closed = 1"
      )
      .run(.integer(chain), .blob(account.bytes), .integer(Int64(clamping: old)))
      var records: [Record] = []
      try held.connection.statement(
        "SELECT \(Self.columns) FROM transactions WHERE chain = ? AND account = ? AND nonce >= ? ORDER BY nonce"
      )
      .forEachRow([.integer(chain), .blob(account.bytes), .integer(Int64(clamping: nonce))]) { row in
        records.append(try Self.record(row))
        return true
      }
      return records
    }
  }

  private static func record(_ row: borrowing SQLiteStatement.Row) throws -> Record {
    guard let proposal = SHA256Digest(try row.blob(0)), let nonce = UInt64(exactly: try row.integer(3)) else {
      throw Failure(description: "a row of the journal of transactions is damaged")
    }
    return Record(
      proposal: proposal, chain: try row.integer(1), account: try EthereumAddress(bytes: try row.blob(2)),
      nonce: nonce, hash: try row.blob(4), raw: try row.blob(5), isClosed: try row.integer(6) != 0)
  }
}
