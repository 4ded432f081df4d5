import TestSupport
import Testing

@testable import Storage

@Suite struct SQLiteTests {
  private let scratch: TemporaryDirectory

  init() throws { scratch = try TemporaryDirectory() }

  private func open() throws -> SQLiteConnection {
    try SQLiteConnection(path: scratch.file("test.sqlite"), access: .create)
  }

  @Test func everyValueComesBackAsItWasBound() throws {
    let connection = try open()
    try connection.execute("CREATE TABLE t(a, b, c, d, e, f)")
    let long = [UInt8](repeating: 7, count: 100_000)
    try connection.prepare("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)")
      .run(.integer(.min), .text("caf\u{e9} \0 end"), .blob([0, 255]), .null, .blob([]), .blob(long))
    let read = try connection.prepare("SELECT a, b, c, d, e, f FROM t").first { row in
      let value0 = try row.integer(0)
      #expect(value0 == .min)
      let value1 = try row.text(1)
      #expect(value1 == "caf\u{e9} \0 end")
      let value2 = try row.blob(2)
      #expect(value2 == [0, 255])
      let isNull = row.isNull(3)
      #expect(isNull)
      let value4 = try row.blob(4)
      #expect(value4 == [])
      let value5 = try row.blob(5)
      #expect(value5 == long)
      return true
    }
    #expect(read == true)
  }

  @Test func aColumnOfAnotherTypeIsRefused() throws {
    let connection = try open()
    #expect(throws: SQLiteError.self) { try connection.prepare("SELECT 'x'").first { try $0.integer(0) } }
    #expect(throws: SQLiteError.self) { try connection.prepare("SELECT 1").first { try $0.blob(0) } }
    #expect(throws: SQLiteError.self) { try connection.prepare("SELECT NULL").first { try $0.text(0) } }
  }

  @Test func aWrongNumberOfValuesIsRefused() throws {
    let connection = try open()
    try connection.execute("CREATE TABLE t(a, b)")
    let insert = try connection.prepare("INSERT INTO t VALUES (?, ?)")
    #expect(throws: SQLiteError.self) { try insert.run(1) }
    #expect(throws: SQLiteError.self) { try insert.run(1, 2, 3) }
    try insert.run(1, 2)
  }

  @Test func aStatementIsExactlyOne() throws {
    let connection = try open()
    #expect(throws: SQLiteError.self) { try connection.prepare("SELECT 1; SELECT 2") }
    #expect(throws: SQLiteError.self) { try connection.prepare("  ") }
    #expect(throws: SQLiteError.self) { try connection.prepare("SELEC 1") }
  }

  @Test func anErrorCarriesTheExtendedCode() throws {
    let connection = try open()
    try connection.execute("CREATE TABLE t(a INTEGER PRIMARY KEY)")
    try connection.execute("INSERT INTO t VALUES (1)")
    let error = #expect(throws: SQLiteError.self) { try connection.execute("INSERT INTO t VALUES (1)") }
    // SQLITE_CONSTRAINT_PRIMARYKEY
    #expect(error?.extendedCode == 1555)
    #expect(error?.code == 19)
  }

  @Test func aFailedTransactionLeavesNothing() throws {
    let connection = try open()
    try connection.execute("CREATE TABLE t(a)")
    struct Refusal: Error {}
    #expect(throws: Refusal.self) {
      try connection.transaction {
        try connection.execute("INSERT INTO t VALUES (1)")
        throw Refusal()
      }
    }
    #expect(!connection.isInTransaction)
    #expect(try connection.prepare("SELECT count(*) FROM t").first { try $0.integer(0) } == 0)
  }

  @Test func aPragmaThatDoesNotTakeEffectIsAnError() throws {
    // A database in memory has no write-ahead log: SQLite answers "memory" and carries on.
    let connection = try SQLiteConnection(path: ":memory:", access: .create)
    #expect(throws: SQLiteError.self) { try connection.setPragma("journal_mode", to: "wal") }
    try connection.setPragma("synchronous", to: "FULL", expecting: "2")
  }

  @Test func theLogIsOpenedDurably() throws {
    let connection = try LogDatabase.openWriter(in: Directory(opening: scratch.path), vfs: nil)
    #expect(try connection.pragma("journal_mode") == "wal")
    #expect(try connection.pragma("synchronous") == "2")
    #expect(try connection.pragma("wal_autocheckpoint") == "0")
  }

  @Test func aReadOnlyConnectionDoesNotWrite() throws {
    try open().execute("CREATE TABLE t(a)")
    let reader = try SQLiteConnection(path: scratch.file("test.sqlite"), access: .readOnly)
    #expect(throws: SQLiteError.self) { try reader.execute("INSERT INTO t VALUES (1)") }
  }

  @Test func theSchemaCannotBeRewritten() throws {
    let connection = try open()
    try connection.execute("CREATE TABLE t(a)")
    try connection.execute("PRAGMA writable_schema = ON")
    #expect(throws: SQLiteError.self) { try connection.execute("UPDATE sqlite_schema SET sql = 'x'") }
  }
}
