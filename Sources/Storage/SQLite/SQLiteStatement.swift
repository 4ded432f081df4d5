import CSQLite

/// A prepared statement. Confined to the thread that uses its connection; finalized when released.
///
/// Every call that runs it leaves it reset, so a statement never keeps a read transaction open between calls.
public final class SQLiteStatement {
  private let handle: OpaquePointer
  /// Borrowed for error messages; `sqlite3_close_v2` keeps it until the last statement is finalized.
  private let database: OpaquePointer
  /// The SQL text as given.
  public let sql: String

  init(database: OpaquePointer, sql: String) throws(SQLiteError) {
    var handle: OpaquePointer?
    var consumedAll = true
    let status = sql.withCString { text in
      var tail: UnsafePointer<CChar>?
      let status = sqlite3_prepare_v3(database, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, &tail)
      consumedAll = tail.map { $0.pointee == 0 } ?? true
      return status
    }
    guard status == SQLITE_OK else { throw SQLiteError.last(on: database, operation: sql) }
    guard let handle else { throw SQLiteError.unexpected(sql, "the text holds no statement") }
    guard consumedAll else {
      sqlite3_finalize(handle)
      throw SQLiteError.unexpected(sql, "one statement expected, found text after it")
    }
    self.handle = handle
    self.database = database
    self.sql = sql
  }

  deinit { sqlite3_finalize(handle) }

  /// One row of a running statement; valid only inside the closure that receives it.
  public struct Row: ~Copyable {
    fileprivate let handle: OpaquePointer
    fileprivate let sql: String

    /// The integer in `column` (0 is the first). Throws when the column holds another type.
    public func integer(_ column: Int32) throws(SQLiteError) -> Int64 {
      try expect(SQLITE_INTEGER, "integer", column)
      return sqlite3_column_int64(handle, column)
    }

    /// The text in `column`. Throws when the column holds another type.
    public func text(_ column: Int32) throws(SQLiteError) -> String {
      try expect(SQLITE_TEXT, "text", column)
      guard let base = sqlite3_column_text(handle, column) else {
        throw SQLiteError.unexpected(sql, "out of memory reading column \(column)")
      }
      let count = Int(sqlite3_column_bytes(handle, column))
      return String(decoding: UnsafeBufferPointer(start: base, count: count), as: UTF8.self)
    }

    /// The bytes in `column`. Throws when the column holds another type.
    public func blob(_ column: Int32) throws(SQLiteError) -> [UInt8] {
      try expect(SQLITE_BLOB, "blob", column)
      let count = Int(sqlite3_column_bytes(handle, column))
      guard let base = sqlite3_column_blob(handle, column) else { return [] }
      return [UInt8](UnsafeRawBufferPointer(start: base, count: count))
    }

    /// True when `column` is NULL.
    public func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    private func expect(_ type: Int32, _ name: String, _ column: Int32) throws(SQLiteError) {
      let actual = sqlite3_column_type(handle, column)
      guard actual == type else {
        throw SQLiteError.unexpected(sql, "column \(column): expected \(name), found storage class \(actual)")
      }
    }
  }

  /// Runs to completion, ignoring rows.
  public func run(_ values: SQLiteValue...) throws(SQLiteError) {
    try run(values)
  }

  /// Runs to completion, ignoring rows.
  public func run(_ values: [SQLiteValue]) throws(SQLiteError) {
    try bind(values)
    defer { reset() }
    while true {
      switch sqlite3_step(handle) {
      case SQLITE_ROW: continue
      case SQLITE_DONE: return
      default: throw SQLiteError.last(on: database, operation: sql)
      }
    }
  }

  /// Gives every row to `body` in order; `body` returns false to stop early.
  public func forEachRow(
    _ values: [SQLiteValue] = [], _ body: (borrowing Row) throws -> Bool
  ) throws {
    try bind(values)
    defer { reset() }
    let row = Row(handle: handle, sql: sql)
    while true {
      switch sqlite3_step(handle) {
      case SQLITE_ROW: if try !body(row) { return }
      case SQLITE_DONE: return
      default: throw SQLiteError.last(on: database, operation: sql)
      }
    }
  }

  /// What `body` makes of the first row, or nil when there is none.
  public func first<Result>(
    _ values: SQLiteValue..., body: (borrowing Row) throws -> Result
  ) throws -> Result? {
    var result: Result?
    try forEachRow(values) { row in
      result = try body(row)
      return false
    }
    return result
  }

  private func bind(_ values: [SQLiteValue]) throws(SQLiteError) {
    let expected = Int(sqlite3_bind_parameter_count(handle))
    guard values.count == expected else {
      throw SQLiteError.unexpected(sql, "expected \(expected) values, got \(values.count)")
    }
    for (offset, value) in values.enumerated() where value.bind(to: handle, at: Int32(offset + 1)) != SQLITE_OK {
      throw SQLiteError.last(on: database, operation: sql)
    }
  }

  private func reset() {
    // The result repeats the error of the last step, which was reported already.
    _ = sqlite3_reset(handle)
    _ = sqlite3_clear_bindings(handle)
  }
}
