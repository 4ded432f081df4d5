/// Totals by time, oldest first, with a running sum beside each, so that any window is one search and one subtraction.
struct UsageSeries: Sendable {
  private struct Entry {
    /// Unix milliseconds.
    var at: Int64
    /// Everything up to and with this entry.
    var sum: UsageLedger.Total
  }

  private var entries: [Entry] = []
  /// Everything that was dropped: what the first entry's sum begins with.
  private var base = UsageLedger.Total()

  var isEmpty: Bool { entries.isEmpty }
  var count: Int { entries.count }

  mutating func add(_ total: UsageLedger.Total, at: Int64, dropping cutoff: Int64, maxEntries: Int) {
    let sum = (entries.last?.sum ?? base) + total
    if entries.last?.at == at {
      entries[entries.count - 1].sum = sum
      return
    }
    entries.append(Entry(at: at, sum: sum))
    guard entries.count > maxEntries else { return }
    drop(upTo: cutoff)
    guard entries.count > maxEntries else { return }
    // The older half, two by two: each pair becomes one entry at the later time.
    let half = entries.count / 2 & ~1
    entries.replaceSubrange(..<half, with: stride(from: 1, to: half, by: 2).map { entries[$0] })
  }

  /// Drops entries at `cutoff` and before.
  mutating func drop(upTo cutoff: Int64) {
    let end = firstIndex(after: cutoff)
    guard end > 0 else { return }
    base = entries[end - 1].sum
    entries.removeFirst(end)
  }

  /// The sum of what lies after `time`.
  func total(after time: Int64) -> UsageLedger.Total {
    guard let last = entries.last else { return UsageLedger.Total() }
    let start = firstIndex(after: time)
    return last.sum - (start == 0 ? base : entries[start - 1].sum)
  }

  func times(after time: Int64) -> [Int64] { entries[firstIndex(after: time)...].map(\.at) }

  private func firstIndex(after time: Int64) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].at <= time { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension Usage {
  public static func + (left: Usage, right: Usage) -> Usage { combine(left, right, &+) }

  static func - (left: Usage, right: Usage) -> Usage { combine(left, right, &-) }

  // Wrapping: a difference of two running sums is right even where the sums have passed the largest integer.
  private static func combine(_ left: Usage, _ right: Usage, _ operation: (Int64, Int64) -> Int64) -> Usage {
    var result = Usage()
    result.inputTokens = operation(left.inputTokens, right.inputTokens)
    result.cacheReadTokens = operation(left.cacheReadTokens, right.cacheReadTokens)
    result.cacheWriteTokens = operation(left.cacheWriteTokens, right.cacheWriteTokens)
    result.outputTokens = operation(left.outputTokens, right.outputTokens)
    result.microUSD = operation(left.microUSD, right.microUSD)
    return result
  }
}
