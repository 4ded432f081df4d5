import CSQLite

/// A value bound to a statement. SQLite's five storage classes without REAL, which the log has no use for.
public enum SQLiteValue: Sendable, Hashable {
  case null
  case integer(Int64)
  case text(String)
  case blob([UInt8])
}

extension SQLiteValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByNilLiteral {
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(stringLiteral value: String) { self = .text(value) }
  public init(nilLiteral: ()) { self = .null }
}

extension SQLiteValue {
  /// Tells SQLite to copy the bytes before the call returns: Swift may move or free them afterwards.
  private static var transient: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

  /// Binds this value as parameter `position` (1 is the first) and returns SQLite's result code.
  func bind(to statement: OpaquePointer, at position: Int32) -> Int32 {
    switch self {
    case .null:
      return sqlite3_bind_null(statement, position)
    case .integer(let value):
      return sqlite3_bind_int64(statement, position, value)
    case .text(var value):
      return value.withUTF8 { utf8 in
        guard let base = utf8.baseAddress else { return sqlite3_bind_text(statement, position, "", 0, Self.transient) }
        return base.withMemoryRebound(to: CChar.self, capacity: utf8.count) {
          sqlite3_bind_text64(
            statement, position, $0, sqlite3_uint64(utf8.count), Self.transient, UInt8(SQLITE_UTF8))
        }
      }
    case .blob(let value):
      return value.withUnsafeBytes { raw in
        // A nil pointer would bind NULL instead of an empty blob.
        guard let base = raw.baseAddress, raw.count > 0 else { return sqlite3_bind_zeroblob(statement, position, 0) }
        return sqlite3_bind_blob64(statement, position, base, sqlite3_uint64(raw.count), Self.transient)
      }
    }
  }
}
