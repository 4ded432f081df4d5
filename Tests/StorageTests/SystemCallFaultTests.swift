import Cryptography
import Foundation
import TestSupport
import Testing
import TransparencyLog

@testable import Storage

/// For every system call on the log's files during open, append, checkpoint and close: the call fails with EIO, or the
/// process is killed at it. Whether the append succeeded does not matter. That the log is whole afterwards, and holds
/// everything that anyone was told, does.
@Suite(.enabled(if: FaultProbe.canTrace, FaultProbe.absence), .serialized)
struct SystemCallFaultTests {
  /// An occurrence of a call in an undisturbed run.
  private struct Point: Sendable, CustomStringConvertible {
    let call: String
    let occurrence: Int
    let fault: Fault
    var description: String { "\(fault) at \(call) number \(occurrence)" }
  }

  private enum Fault: String, Sendable, CaseIterable {
    case failed = "error=EIO"
    case killed = "signal=SIGKILL"
  }

  private static let before = 500
  private static let added = 20

  private let scratch: TemporaryDirectory
  private let template: TestLog
  private let revealed: Checkpoint

  /// A log of 500 entries: the batch of 20 fills a tile.
  init() async throws {
    scratch = try TemporaryDirectory()
    template = try TestLog(scratch.file("template"))
    let receipts = try await template.fill([200, Self.before - 200])
    revealed = try #require(receipts.last?.checkpoint).checkpoint
  }

  private func copy(_ name: String) throws -> TestLog {
    try FileManager.default.copyItem(atPath: template.directory, toPath: scratch.file(name))
    return try TestLog(scratch.file(name))
  }

  @Test(.timeLimit(.minutes(5))) func theLogSurvivesAFaultAtEveryCall() async throws {
    let points = try await undisturbedCalls().flatMap { call, count in
      (1...count).flatMap { occurrence in
        Fault.allCases.map { Point(call: call, occurrence: occurrence, fault: $0) }
      }
    }
    // Fewer would mean that the trace does not show what it is meant to show.
    #expect(points.count > 200)
    try await withThrowingTaskGroup(of: Void.self) { group in
      // Two at a time: the machine is shared.
      var waiting = points.enumerated().makeIterator()
      for _ in 0..<2 {
        if let (number, point) = waiting.next() { group.addTask { try await check(point, "run-\(number)") } }
      }
      while try await group.next() != nil {
        if let (number, point) = waiting.next() { group.addTask { try await check(point, "run-\(number)") } }
      }
    }
  }

  /// Which calls an undisturbed run makes on the log's files, and how often.
  private func undisturbedCalls() async throws -> [(String, Int)] {
    let log = try copy("undisturbed")
    let run = try await onThread {
      try FaultProbe.append(Self.before..<Self.before + Self.added, to: log.directory, calls: "all", inject: nil)
    }
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.receipts.count == Self.added)
    var counts: [String: Int] = [:]
    var threads: Set<Substring> = []
    for line in run.trace {
      // "<thread>  <call>(...": the columns are padded.
      guard let thread = line.split(separator: " ").first else { continue }
      let rest = line.dropFirst(thread.count).drop { $0 == " " }
      guard let parenthesis = rest.firstIndex(of: "("), !rest.hasPrefix("+++") else { continue }
      threads.insert(thread)
      counts[String(rest[..<parenthesis]), default: 0] += 1
    }
    // Occurrences are counted for each thread, so there must be only one.
    #expect(threads.count == 1)
    for call in ["openat", "flock", "pwrite64", "fdatasync", "fcntl", "mmap"] { #expect(counts[call, default: 0] > 0) }
    return counts.sorted { $0.key < $1.key }
  }

  private func check(_ point: Point, _ name: String) async throws {
    let log = try copy(name)
    let run = try await onThread {
      try FaultProbe.append(
        Self.before..<Self.before + Self.added, to: log.directory, calls: point.call,
        inject: "\(point.call):\(point.fault.rawValue):when=\(point.occurrence)")
    }
    switch point.fault {
    case .failed:
      #expect(run.trace.contains { $0.hasSuffix("(INJECTED)") }, "\(point): the call was not reached")
      // Done in spite of it, stopped, not opened, or read-only because the tail could not be read; nothing else.
      #expect([0, 70, 71, 72].contains(run.status), "\(point): \(run.status) \(run.errors)")
      // A batch is revealed as a whole.
      #expect([0, Self.added].contains(run.receipts.count), "\(point)")
      if run.status == 0 { #expect(run.receipts.count == Self.added, "\(point)") }
    case .killed:
      #expect(run.wasKilled, "\(point): the call was not reached")
    }
    try await audit(log, run, "\(point)")
    try FileManager.default.removeItem(atPath: log.directory)
  }

  /// What an auditor finds in the log afterwards.
  private func audit(_ log: TestLog, _ run: FaultProbe.Run, _ point: String) async throws {
    let writer: LogWriter
    do { writer = try log.writer() } catch {
      Issue.record("\(point): the log cannot be continued: \(error)")
      return
    }
    let reader = writer.reader
    let size = try reader.size()
    #expect([UInt64(Self.before), UInt64(Self.before + Self.added)].contains(size), "\(point): size \(size)")
    #expect(try TreeRebuild.check(reader).faults == [], "\(point)")
    for line in run.receipts {
      let fields = line.split(separator: " ")
      let index = try #require(UInt64(fields[1]))
      let signedSize = try #require(UInt64(fields[3]))
      #expect(try reader.leafHash(index)?.hex == String(fields[2]), "\(point): a receipt's entry is gone")
      #expect(
        try reader.checkpoint(size: signedSize)?.checkpoint.root.hex == String(fields[4]),
        "\(point): a revealed checkpoint is gone")
    }
    #expect(try reader.checkpoint(size: revealed.size)?.checkpoint == revealed)
    if size > revealed.size {
      try reader.consistencyProof(from: revealed.size, to: size)
        .verify(oldRoot: revealed.root, newRoot: #require(try reader.latestCheckpoint()).checkpoint.root)
    }
    writer.close()
    // And it goes on.
    try await log.fill([1], from: Int(size))
    #expect(try LogReader(path: log.directory).size() == size + 1, "\(point)")
  }
}
