import CanonicalJSON
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import AuditExport

/// A receiver that does what a test says and remembers what it got.
final class ScriptedSink: ExportSink {
  enum Answer { case take, refuse, hang }

  private struct State {
    var answer: Answer
    var attempts = 0
    var ranges: [Range<UInt64>] = []
    var checkpoints: [[UInt8]] = []
    var largestBytes = 0
    var hanging: [CheckedContinuation<Void, Never>] = []
  }

  let destination = "test"
  private let state: Mutex<State>

  init(_ answer: Answer = .take) { state = Mutex(State(answer: answer)) }

  var attempts: Int { state.withLock { $0.attempts } }
  var ranges: [Range<UInt64>] { state.withLock { $0.ranges } }
  var checkpoints: [[UInt8]] { state.withLock { $0.checkpoints } }
  var largestBytes: Int { state.withLock { $0.largestBytes } }

  /// Answers like that from now on; what hangs goes on.
  func change(to answer: Answer) {
    let hanging = state.withLock { state in
      state.answer = answer
      defer { state.hanging = [] }
      return state.hanging
    }
    for continuation in hanging { continuation.resume() }
  }

  func deliver(_ batch: ExportBatch) async throws(ExportFault) {
    let answer = state.withLock { state in
      state.attempts += 1
      return state.answer
    }
    switch answer {
    case .refuse: throw .refused("by the script")
    case .hang:
      await withCheckedContinuation { continuation in
        let isHanging = state.withLock { state in
          guard state.answer == .hang else { return false }
          state.hanging.append(continuation)
          return true
        }
        if !isHanging { continuation.resume() }
      }
    case .take: break
    }
    state.withLock { state in
      state.ranges.append(batch.first..<batch.last + 1)
      state.checkpoints.append(batch.checkpoint)
      state.largestBytes = max(state.largestBytes, batch.events.reduce(0) { $0 + $1.bytes.count })
    }
  }

  func close() async {}
}

/// Alarms in order.
final class AlarmList: Sendable {
  private let list = Mutex<[ExportAlarm]>([])
  var all: [ExportAlarm] { list.withLock { $0 } }
  func add(_ alarm: ExportAlarm) { list.withLock { $0.append(alarm) } }
}

@Suite(.timeLimit(.minutes(5)))
struct PumpTests {
  static let pace = ExportPace(
    interval: .milliseconds(5), firstPause: .milliseconds(5), longestPause: .milliseconds(40))

  @Test func everythingArrivesInOrderAndOnce() async throws {
    let log = try MemoryLog(1000)
    let sink = ScriptedSink()
    let directory = try TemporaryDirectory()
    let pump = Self.pump(log, [.init(name: "a", sink: sink, batch: .init(entries: 64))], directory)
    try await pump.start()
    await Self.wait { sink.ranges.last?.upperBound == 1000 }
    try log.append(77)
    await Self.wait { sink.ranges.last?.upperBound == 1077 }
    await Self.wait { await pump.status()[0].acknowledged == 1077 }
    await pump.stop()
    #expect(Self.joined(sink.ranges) == 0..<1077)
    #expect(sink.ranges.allSatisfy { $0.count <= 64 } && log.largestRead <= 64)
    // Each batch with the checkpoint that covers it.
    #expect(
      sink.checkpoints.map { String(decoding: $0, as: UTF8.self) }
        == sink.ranges.map { "checkpoint of \($0.upperBound)\n" })

    // And on from there, not from the beginning.
    try log.append(3)
    let later = ScriptedSink()
    let again = Self.pump(log, [.init(name: "a", sink: later)], directory)
    try await again.start()
    await Self.wait { later.ranges.last?.upperBound == 1080 }
    await again.stop()
    #expect(Self.joined(later.ranges) == 1077..<1080)
  }

  @Test func batchesKeepToTheirBytes() async throws {
    let log = try MemoryLog(300)
    let sink = ScriptedSink()
    let pump = try Self.pump(log, [.init(name: "a", sink: sink, batch: .init(entries: 4096, bytes: 1000))])
    try await pump.start()
    await Self.wait { sink.ranges.last?.upperBound == 300 }
    await pump.stop()
    #expect(sink.largestBytes <= 1000 && Self.joined(sink.ranges) == 0..<300)
  }

  @Test func aSinkThatHangsHoldsUpNoOther() async throws {
    let log = try MemoryLog(100)
    let (good, hanging, refusing) = (ScriptedSink(), ScriptedSink(.hang), ScriptedSink(.refuse))
    let alarms = AlarmList()
    let limits = LagLimits(entries: 50, milliseconds: .max)
    let pump = try Self.pump(
      log,
      [
        .init(name: "hanging", sink: hanging, batch: .init(entries: 10), alarm: limits),
        .init(name: "good", sink: good, batch: .init(entries: 10), alarm: .init(entries: .max, milliseconds: .max)),
        .init(name: "refusing", sink: refusing, batch: .init(entries: 10), alarm: limits),
      ], alarms: alarms)
    try await pump.start()
    await Self.wait { good.ranges.last?.upperBound == 100 }
    try log.append(100)
    await Self.wait { good.ranges.last?.upperBound == 200 && refusing.attempts > 3 && alarms.all.count == 2 }
    #expect(hanging.attempts == 1 && hanging.ranges.isEmpty && refusing.ranges.isEmpty)
    #expect(Set(alarms.all.map(\.status.name)) == ["hanging", "refusing"] && alarms.all.allSatisfy(\.isRaised))
    let status = await pump.status()
    #expect(status.map(\.phase)[0] == .delivering && status.map(\.acknowledged) == [0, 200, 0])
    #expect(status[2].fault == .refused("by the script") && status[2].faults > 3 && status[2].entriesBehind == 200)
    #expect(status.map(\.isAlarmed) == [true, false, true])

    // They come back: nothing is missing, and the alarms are taken back once.
    hanging.change(to: .take)
    refusing.change(to: .take)
    await Self.wait { alarms.all.count == 4 && hanging.ranges.last?.upperBound == 200 }
    await Self.wait { refusing.ranges.last?.upperBound == 200 }
    await pump.stop()
    #expect(Set(alarms.all.suffix(2).map(\.status.name)) == ["hanging", "refusing"])
    #expect(alarms.all.suffix(2).allSatisfy { !$0.isRaised })
    #expect(Self.joined(hanging.ranges) == 0..<200 && Self.joined(refusing.ranges) == 0..<200)
  }

  @Test func whatIsOldRaisesTheAlarm() async throws {
    let log = try MemoryLog(1)
    let sink = ScriptedSink(.refuse)
    let alarms = AlarmList()
    let directory = try TemporaryDirectory()
    let recorded: Int64 = 1_790_000_000_000
    let now = Held(recorded)
    let pump = ExportPump(
      box: TestEntries.box, source: log,
      exports: [.init(name: "a", sink: sink, alarm: .init(entries: 1000, milliseconds: 60_000))],
      directory: directory.file("cursors"), pace: Self.pace, clock: { now.value },
      alarm: { alarms.add($0) })
    try await pump.start()
    await Self.wait { sink.attempts > 2 }
    #expect(alarms.all.isEmpty)
    now.value = recorded + 60_001
    await Self.wait { alarms.all.count == 1 }
    #expect(alarms.all.first?.status.millisecondsBehind == 60_001)
    sink.change(to: .take)
    await Self.wait { alarms.all.count == 2 }
    await pump.stop()
    #expect(alarms.all.map(\.isRaised) == [true, false])
  }

  /// The place reached must not be written before the receiver has the batch.
  @Test func theCursorFollowsTheAcknowledgement() async throws {
    let log = try MemoryLog(10)
    let sink = ScriptedSink(.hang)
    let directory = try TemporaryDirectory()
    let pump = Self.pump(log, [.init(name: "a", sink: sink, batch: .init(entries: 5))], directory)
    try await pump.start()
    await Self.wait { sink.attempts == 1 }
    #expect(!FileManager.default.fileExists(atPath: directory.file("cursors/a.cursor")))
    sink.change(to: .take)
    await Self.wait { sink.ranges.count == 2 }
    await pump.stop()
    let cursor = try #require(try ExportCursor.load(directory.file("cursors/a.cursor"), box: TestEntries.box))
    #expect(try cursor == ExportCursor(next: 10, leaf: TestEntries.event(9).leafHash))
  }

  @Test func aCursorOfAnotherLogStopsTheExport() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("cursors/a.cursor")
    let log = try MemoryLog(10)
    try FileManager.default.createDirectory(atPath: directory.file("cursors"), withIntermediateDirectories: true)
    let good = try ExportCursor(next: 5, leaf: TestEntries.event(4).leafHash)
    let other = try ExportCursor(next: 5, leaf: TestEntries.event(3).leafHash)
    let ahead = try ExportCursor(next: 11, leaf: TestEntries.event(4).leafHash)
    for write in [
      { try other.save(path, box: TestEntries.box) }, { try ahead.save(path, box: TestEntries.box) },
      { try good.save(path, box: "another.example/box") },
      { try directory.write(Array("{\"next\":5,".utf8), to: "cursors/a.cursor") },
      {
        try directory.write(Array(#"{"box":"box.example/safebox","next":5,"version":1}"#.utf8), to: "cursors/a.cursor")
      },
    ] as [() throws -> Void] {
      try write()
      let sink = ScriptedSink()
      let pump = Self.pump(log, [.init(name: "a", sink: sink)], directory)
      try await pump.start()
      await Self.wait { await pump.status()[0].faults > 1 }
      let status = await pump.status()[0]
      guard case .cursor? = status.fault, sink.attempts == 0 else {
        Issue.record("went on: \(status)")
        continue
      }
      await pump.stop()
    }
    try good.save(path, box: TestEntries.box)
    let sink = ScriptedSink()
    let pump = Self.pump(log, [.init(name: "a", sink: sink)], directory)
    try await pump.start()
    await Self.wait { sink.ranges == [5..<10] }
    await pump.stop()
  }

  /// The disk of the cursor is full: what was acknowledged is not sent over and over while the place cannot be written.
  @Test func aCursorThatCannotBeWrittenSendsNothingTwice() async throws {
    let log = try MemoryLog(4)
    let sink = ScriptedSink()
    let directory = try TemporaryDirectory()
    // A directory in its place cannot be replaced by a file, whoever tries.
    let obstacle = directory.file("cursors/a.cursor/x")
    let pump = Self.pump(log, [.init(name: "a", sink: sink, batch: .init(entries: 2))], directory)
    sink.change(to: .hang)
    try await pump.start()
    await Self.wait { sink.attempts == 1 }
    try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
    sink.change(to: .take)
    await Self.wait { await pump.status()[0].faults > 3 }
    #expect(sink.ranges == [0..<2])
    try FileManager.default.removeItem(atPath: directory.file("cursors/a.cursor"))
    await Self.wait { sink.ranges == [0..<2, 2..<4] }
    await pump.stop()
  }

  @Test func aLogThatCannotBeReadIsAskedAgain() async throws {
    let log = try MemoryLog(3)
    log.isBroken = true
    let sink = ScriptedSink()
    let pump = try Self.pump(log, [.init(name: "a", sink: sink)])
    try await pump.start()
    await Self.wait { await pump.status()[0].faults > 1 }
    guard case .source? = await pump.status()[0].fault else {
      Issue.record("\(await pump.status())")
      return
    }
    log.isBroken = false
    await Self.wait { sink.ranges == [0..<3] }
    await pump.stop()
    #expect(await pump.status()[0].phase == .stopped)
  }

  @Test func aBatchWaitsForMoreWhereItMay() async throws {
    let log = try MemoryLog(3)
    let (patient, eager) = (ScriptedSink(), ScriptedSink())
    let pump = try Self.pump(
      log,
      [
        .init(name: "patient", sink: patient, batch: .init(entries: 5, linger: .seconds(3600))),
        .init(name: "eager", sink: eager),
      ])
    try await pump.start()
    await Self.wait { eager.ranges == [0..<3] }
    #expect(patient.ranges.isEmpty)
    try log.append(3)
    await Self.wait { patient.ranges == [0..<5] }
    await pump.stop()
    #expect(patient.ranges == [0..<5])
  }

  @Test func pausesGrowToALimit() {
    let pace = ExportPace(firstPause: .milliseconds(500), longestPause: .seconds(30))
    #expect(
      [1, 2, 3, 6, 7, 8, 1_000_000].map { pace.pause(after: $0) } == [
        .milliseconds(500), .seconds(1), .seconds(2), .seconds(16), .seconds(30), .seconds(30), .seconds(30),
      ])
  }

  static func pump(
    _ log: MemoryLog, _ exports: [ExportPump.Export], _ directory: TemporaryDirectory, alarms: AlarmList = AlarmList()
  ) -> ExportPump {
    ExportPump(
      box: TestEntries.box, source: log, exports: exports, directory: directory.file("cursors"), pace: pace,
      clock: TestEntries.now,
      alarm: { [directory] in
        // The directory lives as long as the pump.
        _ = directory
        alarms.add($0)
      })
  }

  static func pump(
    _ log: MemoryLog, _ exports: [ExportPump.Export], alarms: AlarmList = AlarmList()
  ) throws -> ExportPump {
    pump(log, exports, try TemporaryDirectory(), alarms: alarms)
  }

  /// The ranges as one, or nil where there is a gap, an overlap or disorder.
  static func joined(_ ranges: [Range<UInt64>]) -> Range<UInt64>? {
    guard let first = ranges.first else { return nil }
    var end = first.lowerBound
    for range in ranges {
      guard range.lowerBound == end else { return nil }
      end = range.upperBound
    }
    return first.lowerBound..<end
  }

  /// Looks again and again until it holds; fails the test after a minute.
  static func wait(
    _ holds: () async -> Bool, sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    let end = ContinuousClock.now.advanced(by: .seconds(60))
    while !(await holds()) {
      guard ContinuousClock.now < end else {
        Issue.record("did not come about within a minute", sourceLocation: sourceLocation)
        return
      }
      try? await Task.sleep(for: .milliseconds(2))
    }
  }
}

/// A value that a test changes while others read it.
final class Held<Value: Sendable>: Sendable {
  private let mutex: Mutex<Value>
  init(_ value: Value) { mutex = Mutex(value) }
  var value: Value {
    get { mutex.withLock { $0 } }
    set { mutex.withLock { $0 = newValue } }
  }
}
