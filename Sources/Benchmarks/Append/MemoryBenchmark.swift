import CanonicalJSON
import Cryptography
import Governance
import Storage
import Synchronization

/// The resident memory of a process that appends and appends.
enum MemoryBenchmark {
  /// How many waiters there are at a time.
  private static let writers = 64

  private final class Tickets: Sendable { let next = Atomic(0) }

  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    let box = try BenchmarkBox()
    let log = try AppendBenchmark.open(options.directory, box)
    let before = ProcessMemory.residentKiB
    let watch = Stopwatch()
    // Nothing is kept here for each entry, or this would measure itself.
    let marks = ([10_000, 100_000, 250_000, 500_000, 750_000].filter { $0 < options.count } + [options.count])
    let tickets = Tickets()
    var series: [JSON] = []
    for mark in marks {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for caller in 0..<writers {
          group.addTask {
            while case let number = tickets.next.add(1, ordering: .relaxed).oldValue, number < mark {
              _ = try await log.submit(try EntryDraft(AppendBenchmark.entry(caller, number)))
            }
          }
        }
        try await group.waitForAll()
      }
      tickets.next.store(mark, ordering: .relaxed)
      series.append(["entries": .integer(Int64(mark)), "resident_kib": .integer(ProcessMemory.residentKiB)])
    }
    guard try log.reader.size() == UInt64(options.count) else {
      throw BenchmarkFailure.wrongResult("the log has another size than was appended")
    }
    let measurement = Measurement.rate(
      "memory/safebox", Double(options.count), watch,
      details: ["before_kib": .integer(before), "series": .array(series)])
    await log.close()
    return [measurement, try fold(actions: options.count / 10)]
  }

  /// The fold alone, through eight-day windows: it remembers a proposal until one day after its expiry, so its memory
  /// follows the number of proposals in a window, not the length of the log. Four windows pass.
  private static func fold(actions: Int) throws -> Measurement {
    let box = try BenchmarkBox()
    var now = SampleLog.start
    var state = try box.begin(at: now).state
    let step = (Policy.defaultMaxExpiry * 1000 + BoxState.memory) / Int64(max(1, actions / 4))
    let before = ProcessMemory.residentKiB
    var series: [JSON] = []
    let watch = Stopwatch()
    for number in 0..<actions {
      now += step
      let salt = Array(SHA256.hash(utf8: "\(number)").bytes.prefix(16))
      let opened = try state.openStatement(
        action: BenchmarkBox.note(number), proposer: .client("app"), salt: salt, expires: nil, at: now)
      try state.apply(opened.entry(at: now))
      try state.apply(state.approvedDecision(for: opened.proposal, at: now).started.entry(at: now))
      try state.apply(state.finishDraft(for: opened.proposal, outcome: .executed, result: [:], at: now).entry(at: now))
      if (number + 1) % max(1, actions / 4) == 0 {
        series.append(["entries": .integer(Int64(state.size)), "resident_kib": .integer(ProcessMemory.residentKiB)])
      }
    }
    return .rate(
      "memory-fold/safebox", Double(state.size), watch, per: .cpu,
      details: ["before_kib": .integer(before), "series": .array(series)])
  }
}
