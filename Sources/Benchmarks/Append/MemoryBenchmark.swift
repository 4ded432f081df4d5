import CanonicalJSON
import Cryptography
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
    return [measurement]
  }
}
