import CanonicalJSON
import Governance
import Storage
import TestSupport
import Testing

@testable import BoxService

/// The box's own exports: a file that takes everything, and a collector that is not there.
@Suite(.timeLimit(.minutes(5)))
struct ExportTests {
  @Test func theLogIsExportedWhileAnotherExportFails() async throws {
    let sinks = try TemporaryDirectory()
    var box = try await TestBox.make(configuration: try Self.configuration(sinks))
    _ = try await box.open("note.write", ["text": "a"])
    try await Self.wait(for: box) { size, exports in
      exports[0]["acknowledged"] == .integer(size) && exports[1]["alarm"] == true
    }
    let exports = try await box.get("/v1/exports", as: "reader").json["exports"]?.array ?? []
    #expect(exports.map { $0["name"]?.string } == ["lines", "collector"])
    #expect(exports[0]["fault"] == nil && exports[0]["alarm"] == false && exports[0]["entriesBehind"] == 0)
    #expect(exports[1]["acknowledged"] == 0 && exports[1]["faults"]?.integer ?? 0 > 0)
    #expect(exports[1]["fault"]?.string?.hasPrefix("no connection") == true)
    #expect(try await box.get("/v1/status").json["exports"] == ["total": 2, "alarmed": 1])
    let page = try await box.call("GET", "/metrics", as: nil, at: box.admin).text
    #expect(page.contains("\nsafebox_exports_alarmed 1\n"))
    #expect(box.home.reports.lines.contains { $0.hasPrefix("export collector is ") })
    // Only whoever may read: an export's name and address are the operator's.
    #expect(try await box.get("/v1/exports", as: nil).status == 401)
    #expect(try await box.get("/v1/exports", as: "eraser").status == 403)

    // The box goes on, and so does the good one, from where it was.
    box = try await box.restarted()
    _ = try await box.open("note.write", ["text": "b"])
    try await Self.wait(for: box) { size, exports in exports[0]["acknowledged"] == .integer(size) }
    let size = try box.box.reader.size()
    let lines = try sinks.read("audit.jsonl").split(separator: 0x0A)
    let entries = try lines.map { try JSON(parsing: Array($0), limits: .document(maxBytes: 1 << 20)) }
    #expect(entries.map { $0["index"]?.integer } == (0..<Int64(size)).map { $0 })
    for (index, entry) in entries.enumerated() {
      let stored = try #require(try box.box.reader.entry(UInt64(index)))
      #expect(entry["entry"]?.canonicalBytes() == stored.bytes && entry["leaf"]?.string == stored.leafHash.hex)
    }
    // What doctor says of it, with nobody running: one that is behind, and nothing of the other.
    await box.stop()
    let directory = box.home.directory
    #expect {
      try DoctorInspection.exports(directory)
    } throws: {
      "\($0)".hasPrefix("export collector is ") && !"\($0)".contains("lines")
    }
  }

  @Test func aBoxWithoutTheSecretOfAnExportDoesNotStart() async throws {
    let sinks = try TemporaryDirectory()
    let exports: JSON = [
      [
        "name": "a", "type": "http", "url": "https://127.0.0.1:1/", "tokenFile": .string(sinks.file("absent")),
      ]
    ]
    let home = try await TestBox.Home(configuration: try Self.configuration(exports))
    await #expect(throws: FieldError.self) { _ = try await TestBox(home) }
  }

  @Test func theConfigurationIsWrittenAsItWasRead() throws {
    let sinks = try TemporaryDirectory()
    let configuration = try Self.configuration(sinks)
    #expect(try BoxConfiguration(parsing: configuration.bytes) == configuration)
    #expect {
      try Self.configuration([["name": "a", "type": "file"]])
    } throws: {
      ($0 as? FieldError)?.field == "exports[0].path"
    }
  }

  private static func configuration(_ sinks: TemporaryDirectory) throws -> BoxConfiguration {
    try configuration([
      ["name": "lines", "type": "file", "path": .string(sinks.file("audit.jsonl"))],
      [
        "name": "collector", "type": "syslog", "transport": "tcp", "host": "127.0.0.1", "port": 1,
        "alarm": ["entries": 1],
      ],
    ])
  }

  private static func configuration(_ exports: JSON) throws -> BoxConfiguration {
    let json: JSON = [
      "format": "safebox-config/v1", "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "exports": exports,
    ]
    return try BoxConfiguration(parsing: json.canonicalBytes())
  }

  /// Asks until it holds; fails the test after a minute.
  private static func wait(
    for box: TestBox, sourceLocation: SourceLocation = #_sourceLocation, _ holds: (Int64, [JSON]) -> Bool
  ) async throws {
    let end = ContinuousClock.now.advanced(by: .seconds(60))
    while true {
      let exports = try await box.get("/v1/exports").json["exports"]?.array ?? []
      if holds(Int64(try box.box.reader.size()), exports) { return }
      guard ContinuousClock.now < end else {
        Issue.record("did not come about within a minute: \(exports)", sourceLocation: sourceLocation)
        return
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
