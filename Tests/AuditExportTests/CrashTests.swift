import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import AuditExport

/// Exports killed with SIGKILL at moments that nobody chose, and begun again: nothing may be missing.
@Suite(
  .enabled(if: PythonPeer.isReady, PythonPeer.absence),
  .enabled(if: ExportProbe.isBuilt, "AuditExportProbe is not built: swift build --build-tests makes it"),
  .timeLimit(.minutes(5)))
struct CrashTests {
  private static let count = 4000

  @Test func nothingIsMissingAfterKills() async throws {
    let directory = try TemporaryDirectory()
    let posts = try PythonPeer("http_peer", ["answers": [["status": 200]]])
    let syslog = try PythonPeer("syslog_peer", ["transport": "unix", "path": .string(directory.file("log"))])
    let configuration: JSON = [
      [
        "name": "file", "type": "file", "path": .string(directory.file("audit")), "rotateBytes": 65536,
        "batch": ["entries": 7],
      ],
      [
        "name": "post", "type": "http", "batch": ["entries": 11],
        "url": .string("http://127.0.0.1:\(posts.ready["port"]?.integer ?? 0)/"),
      ],
      [
        "name": "syslog", "type": "syslog", "transport": "unix", "path": .string(directory.file("log")),
        "batch": ["entries": 5],
      ],
    ]
    // The receiver tells when; where the other two are then, and how far the kill is from that moment, is chance.
    var posted: [Int64] = []
    var kills = 0
    for wanted in [1, 2, 3, 5, 8, 4] {
      let probe = try ExportProbe(Self.count, directory.file("cursors"), configuration)
      for _ in 0..<wanted { posted += try Self.indexes(await posts.next()) }
      if probe.kill() { kills += 1 }
    }
    #expect(kills > 0)
    let last = try ExportProbe(Self.count, directory.file("cursors"), configuration)
    while Set(posted).count < Self.count { posted += try Self.indexes(await posts.next()) }
    #expect(await last.finished() == 0)

    #expect(Self.hasNoGap(posted), "\(posted)")
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    let files = names.filter { $0.hasPrefix("audit.") }.sorted() + ["audit"]
    let written = try files.flatMap { try FileSinkTests.indexes(directory.read($0)) }
    #expect(files.count > 1 && Self.hasNoGap(written), "\(written)")
    var heard: [Int64] = []
    while Set(heard).count < Self.count { heard.append(try await SyslogTests.index(syslog.next())) }
    #expect(Self.hasNoGap(heard), "\(heard)")
  }

  /// From 0 to the end: every next is at most one further than all before. What comes again is no gap.
  private static func hasNoGap(_ indexes: [Int64]) -> Bool {
    var end: Int64 = 0
    for index in indexes {
      guard index <= end else { return false }
      end = max(end, index + 1)
    }
    return end == Int64(count)
  }

  private static func indexes(_ request: JSON) throws -> [Int64] {
    try FileSinkTests.indexes(#require(request["body"]?.string.flatMap { Base64.decode($0) }))
  }
}

/// One run of the process that is killed.
final class ExportProbe: Sendable {
  private static let path: String? = {
    let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return [bundle, CommandLine.arguments[0]].map {
      URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("AuditExportProbe").path
    }.first(where: FileManager.default.isExecutableFile(atPath:))
  }()

  static let isBuilt = path != nil

  private let process: ChildProcess

  init(_ count: Int, _ directory: String, _ configuration: JSON) throws {
    process = try ChildProcess(
      try #require(Self.path), [String(count), directory], input: .pipe, output: .nothing)
    process.write(configuration.canonicalBytes() + [0x0A])
  }

  /// Kills it and waits until it is gone. False if it had ended before.
  func kill() -> Bool {
    process.signal(SIGKILL)
    return process.wait() == 128 + SIGKILL
  }

  /// Its exit status, when it has ended by itself.
  func finished() async -> Int32 { await process.end() }
}
