import Glibc

/// Concurrent callers that each do one operation after another, waiting for each to be done.
enum Writers {
  /// What they did in the measured part.
  struct Work<Last: Sendable>: Sendable {
    var operations = 0
    var latencies = Latencies()
    /// What each caller's last operation returned.
    var last: [Last] = []
    var watch: Stopwatch
  }

  /// Part of the measured time that is spent before it, unmeasured: files grow, caches and the queue fill.
  static let warmUp = 0.25

  /// Runs `count` callers for `seconds`. `operation` gets the caller's number and the number of its operation.
  static func run<Last: Sendable>(
    _ count: Int, seconds: Double, _ operation: @escaping @Sendable (_ caller: Int, _ number: Int) async throws -> Last
  ) async throws -> Work<Last> {
    let begin = Stopwatch.nanoseconds
    let from = begin + UInt64(seconds * warmUp * 1e9)
    let until = from + UInt64(seconds * 1e9)
    return try await withThrowingTaskGroup(of: Work<Last>.self) { group in
      for caller in 0..<count {
        group.addTask {
          var work = Work<Last>(watch: Stopwatch())
          var isWarm = false
          var number = 0
          while true {
            let start = Stopwatch.nanoseconds
            if start >= until { return work }
            if !isWarm, start >= from {
              isWarm = true
              work.watch = Stopwatch()
            }
            let last = try await operation(caller, number)
            number += 1
            let end = Stopwatch.nanoseconds
            if isWarm {
              work.operations += 1
              work.latencies.add(end - start)
            }
            if end >= until { work.last = [last] }
          }
        }
      }
      var total: Work<Last>?
      for try await work in group {
        guard total != nil else {
          // Any caller's watch will do: all started theirs within one operation of `from`.
          total = work
          continue
        }
        total?.operations += work.operations
        total?.latencies.add(work.latencies)
        total?.last += work.last
      }
      guard let total else { throw BenchmarkFailure.usage("no writer") }
      return total
    }
  }
}

extension Writers.Work {
  /// Operations for each second, with percentiles.
  func measurement(_ id: String) -> Measurement {
    .rate(id, Double(operations), watch, latencies: latencies, details: ["operations": .integer(Int64(operations))])
  }
}
