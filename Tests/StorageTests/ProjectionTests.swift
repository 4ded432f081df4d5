import TestSupport
import Testing
import TransparencyLog

@testable import Storage

@Suite struct ProjectionTests {
  private let scratch: TemporaryDirectory
  private let test: TestLog

  init() throws {
    scratch = try TemporaryDirectory()
    test = try TestLog(scratch.file("data"))
  }

  private static func lengths(version: Int64 = 1, factor: Int64 = 1) throws -> Projection {
    try Projection(
      name: "lengths", version: version,
      schema: ["CREATE TABLE p_lengths_rows(idx INTEGER PRIMARY KEY, length INTEGER NOT NULL)"]
    ) { entry, connection in
      try connection.statement("INSERT INTO p_lengths_rows VALUES (?, ?)")
        .run(.integer(Int64(entry.index)), .integer(Int64(entry.bytes.count) * factor))
    }
  }

  private func rows() throws -> [Int64] {
    let connection = try SQLiteConnection(path: test.directory + "/log.sqlite", access: .readOnly)
    var rows: [Int64] = []
    try connection.prepare("SELECT length FROM p_lengths_rows ORDER BY idx").forEachRow { row in
      rows.append(try row.integer(0))
      return true
    }
    return rows
  }

  private func append(_ texts: [String], with projections: [Projection]) async throws {
    let log = try test.unstarted(projections: projections)
    for text in texts { log.submit(.init(number: 0, text: text)) { _ in } }
    _ = log.drain(waiting: false)
    await log.close()
  }

  @Test func rowsAreWrittenWithTheirEntries() async throws {
    try await append(["a", "bb"], with: [Self.lengths()])
    try await append(["ccc"], with: [Self.lengths()])
    #expect(try rows() == [1, 2, 3])
  }

  @Test func aNewProjectionAndANewVersionAreBuiltFromTheLog() async throws {
    try await append(["a", "bb"], with: [])
    try await append(["ccc"], with: [Self.lengths()])
    #expect(try rows() == [1, 2, 3])
    try await append(["dddd"], with: [Self.lengths(version: 2, factor: 10)])
    #expect(try rows() == [10, 20, 30, 40])
  }

  @Test func aProjectionThatMissedEntriesIsRebuilt() async throws {
    try await append(["a"], with: [Self.lengths()])
    try await append(["bb"], with: [])
    try await append(["ccc"], with: [Self.lengths()])
    #expect(try rows() == [1, 2, 3])
  }

  @Test func aProjectionThatFailsStopsTheLogAndLeavesNothing() async throws {
    struct Broken: Error {}
    let broken = try Projection(name: "broken", version: 1, schema: []) { _, _ in throw Broken() }
    let faults = FaultList()
    let log = try test.unstarted(projections: [broken], faults: faults)
    let inbox = Inbox()
    log.submit(.init(number: 1, text: "a"), completion: inbox.receive)
    #expect(!log.drain(waiting: false))
    #expect(faults.steps == ["commit"])
    #expect(throws: SubmissionError.stopped) { try inbox.results[0].get() }
    #expect(try log.reader.size() == 0)
    await log.close()
  }

  @Test func sideWritesAreInTheSameTransaction() async throws {
    let side = try Projection(
      name: "side", version: 1, schema: ["CREATE TABLE p_side_seen(name TEXT PRIMARY KEY)"]
    ) { _, _ in }
    let log = try test.unstarted(
      projections: [side],
      decide: { _, request, _ in
        AppendPlan(entries: [try EntryDraft([1])], response: 0) { connection in
          try connection.statement("INSERT INTO p_side_seen VALUES (?)").run(.text(request.text))
        }
      })
    let inbox = Inbox()
    log.submit(.init(number: 0, text: "first"), completion: inbox.receive)
    #expect(log.drain(waiting: false))
    let connection = try SQLiteConnection(path: test.directory + "/log.sqlite", access: .readOnly)
    #expect(try connection.prepare("SELECT name FROM p_side_seen").first { try $0.text(0) } == "first")
    #expect(try inbox.results[0].get().entries.count == 1)
    await log.close()
  }

  @Test func namesAreChecked() throws {
    for name in ["", "1a", "A", "a-b", "a;b", String(repeating: "a", count: 33)] {
      #expect(throws: Projection.Failure.invalidName(name)) {
        try Projection(name: name, version: 1, schema: []) { _, _ in }
      }
    }
    #expect(throws: Projection.Failure.duplicate("lengths")) {
      try test.writer(projections: [Self.lengths(), Self.lengths()])
    }
  }
}
