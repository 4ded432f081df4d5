/// What was executed under one policy, as far back as its budgets and counts look. Entries come in the order of the log,
/// so times never decrease.
public struct Ledger: Sendable, Hashable {
  /// One row per execution: when, and the running total after it.
  private struct Series: Sendable, Hashable {
    var times: [Int64] = []
    var totals: [Int128] = []
    /// The running total before the first row.
    var base: Int128 = 0

    /// The number of rows at or before `time`.
    func rows(through time: Int64) -> Int {
      var low = 0
      var high = times.count
      while low < high {
        let middle = (low + high) / 2
        if times[middle] <= time { low = middle + 1 } else { high = middle }
      }
      return low
    }

    func total(through rows: Int) -> Int128 { rows == 0 ? base : totals[rows - 1] }

    mutating func forget(through time: Int64) {
      let old = rows(through: time)
      // Half or more are old: dropping them costs no more than having added them did.
      guard old > 64, old * 2 >= times.count else { return }
      base = total(through: old)
      times.removeFirst(old)
      totals.removeFirst(old)
    }
  }

  /// By field; the empty name counts executions.
  private var series: [String: Series] = [:]

  /// A ledger without executions.
  public init() {}

  /// What was spent within the meter's period before `now`, both in Unix milliseconds. Saturates at `Int64.max`.
  func spent(_ meter: Meter, at now: Int64) -> Int64 {
    guard let series = series[meter.field ?? ""] else { return 0 }
    let old = series.rows(through: now - meter.period * 1000)
    let sum = series.total(through: series.times.count) - series.total(through: old)
    return Int64(clamping: sum)
  }

  /// Records an execution started at `now` under a policy with these meters.
  package mutating func record(_ action: Action, meters: [Meter], at now: Int64) {
    var longest: [String: Meter] = [:]
    for meter in meters {
      let name = meter.field ?? ""
      if let other = longest[name], other.period >= meter.period { continue }
      longest[name] = meter
    }
    for (name, meter) in longest {
      var row = series.removeValue(forKey: name) ?? Series()
      row.forget(through: now - meter.period * 1000)
      row.times.append(now)
      row.totals.append((row.totals.last ?? row.base) + Int128(meter.amount(of: action)))
      series[name] = row
    }
  }
}

extension Meter {
  /// What an execution of `action` adds: 1 to a count; to a budget the field, where it is an integer of at least 0.
  /// An action that people approved without a readable amount adds nothing.
  func amount(of action: Action) -> Int64 {
    guard let field else { return 1 }
    return max(0, action.value(at: field)?.integer ?? 0)
  }
}
