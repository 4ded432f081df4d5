import CSQLite

/// A failed SQLite call: what was being done, the result code with its extended form, and SQLite's own words.
public struct SQLiteError: Error, Hashable, CustomStringConvertible {
  /// What was being done, for example `"commit"` or the SQL text.
  public var operation: String
  /// The extended result code, for example 1034 (`SQLITE_IOERR_FSYNC`). https://www.sqlite.org/rescode.html
  public var extendedCode: Int32
  /// SQLite's message, or ours where SQLite was content and we were not.
  public var message: String

  /// An error from its parts.
  public init(operation: String, extendedCode: Int32, message: String) {
    self.operation = operation
    self.extendedCode = extendedCode
    self.message = message
  }

  /// The primary result code: the low byte of the extended one.
  public var code: Int32 { extendedCode & 0xff }

  /// True when another connection held the lock for longer than the busy timeout.
  public var isBusy: Bool { code == SQLITE_BUSY || code == SQLITE_LOCKED }

  public var description: String { "sqlite error \(extendedCode) in \(operation): \(message)" }

  /// Builds the error of the last call on `database`.
  static func last(on database: OpaquePointer?, operation: String) -> SQLiteError {
    SQLiteError(
      operation: operation,
      extendedCode: sqlite3_extended_errcode(database),
      message: String(cString: sqlite3_errmsg(database)))
  }

  /// Builds an error that we found ourselves in an answer of SQLite.
  static func unexpected(_ operation: String, _ message: String) -> SQLiteError {
    SQLiteError(operation: operation, extendedCode: SQLITE_ERROR, message: message)
  }
}
