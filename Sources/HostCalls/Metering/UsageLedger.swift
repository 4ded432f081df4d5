import Governance

/// What tools have spent, by community, tool, method and time.
///
/// It is a value made of facts of `run.called` entries and can be rebuilt from them. A fact at time `t` counts in every
/// window of `period` seconds that ends before `t + period`: at that very millisecond it is out. Sums are exact for as
/// long as a series holds at most ``maxEntries``; beyond that the oldest entries are joined and count as the younger of
/// the two, so that a sum may stay high for longer and is never too low.
///
/// Calls that are under way are held as reservations: they count in every window until they are settled.
public struct UsageLedger: Sendable {
  /// One call that was started and has ended. A call that was refused before it started is none.
  public struct Fact: Sendable, Hashable {
    public var community: String
    /// The tool's name; all its versions count together.
    public var tool: String
    /// As in `HTTP.get`.
    public var method: String
    /// Unix milliseconds: the `at` of the entry.
    public var at: Int64
    public var usage: Usage

    public init(community: String, tool: String, method: String, at: Int64, usage: Usage = Usage()) {
      self.community = community
      self.tool = tool
      self.method = method
      self.at = at
      self.usage = usage
    }
  }

  /// A call under way.
  public struct Reservation: Sendable, Hashable {
    fileprivate var number: UInt64
  }

  /// Calls and what they used up.
  public struct Total: Sendable, Hashable {
    public var calls: Int64 = 0
    public var usage = Usage()

    public init() {}

    static func + (left: Total, right: Total) -> Total {
      var sum = left
      sum.calls += right.calls
      sum.usage = left.usage + right.usage
      return sum
    }

    static func - (left: Total, right: Total) -> Total {
      var rest = left
      rest.calls -= right.calls
      rest.usage = left.usage - right.usage
      return rest
    }
  }

  /// Entries of one series (community, tool, method) that are kept apart.
  public static let maxEntries = 65_536

  /// Seconds that are looked back at most. Facts that no such window holds are dropped.
  public private(set) var longestPeriod: Int64
  private var series: [String: [String: [String: UsageSeries]]] = [:]
  private var reserved: [UInt64: Fact] = [:]
  private var reservations: UInt64 = 0
  private var latest: Int64 = 0

  /// - Parameter longestPeriod: in seconds; the longest period of any rate or budget that will be asked about.
  public init(longestPeriod: Int64 = ToolManifest.longestPeriod) {
    self.longestPeriod = longestPeriod
  }

  /// Adds a fact. Times go forward; one that goes back counts as the latest.
  public mutating func record(_ fact: Fact) {
    latest = max(latest, fact.at)
    var one = Total()
    one.calls = 1
    one.usage = fact.usage
    series[fact.community, default: [:]][fact.tool, default: [:]][fact.method, default: UsageSeries()].add(
      one, at: latest, dropping: latest - longestPeriod * 1000, maxEntries: Self.maxEntries)
  }

  /// Holds room for a call that starts now; `fact.usage` is the most that it may spend.
  public mutating func reserve(_ fact: Fact) -> Reservation {
    reservations += 1
    reserved[reservations] = fact
    return Reservation(number: reservations)
  }

  /// Gives the room back; what the call really used is recorded on its own. A second time does nothing.
  public mutating func settle(_ reservation: Reservation) { reserved[reservation.number] = nil }

  /// Drops what is too old at `now`, and series that are empty then.
  public mutating func prune(now: Int64) {
    let cutoff = now - longestPeriod * 1000
    for (community, tools) in series {
      for (tool, methods) in tools {
        for (method, entries) in methods {
          var entries = entries
          entries.drop(upTo: cutoff)
          series[community]?[tool]?[method] = entries.isEmpty ? nil : entries
        }
        if series[community]?[tool]?.isEmpty ?? false { series[community]?[tool] = nil }
      }
      if series[community]?.isEmpty ?? false { series[community] = nil }
    }
  }

  /// The sum over the window of `period` seconds that ends at `now`, calls under way included. `nil` for a tool or a
  /// method means all of them together.
  public func total(
    community: String, tool: String?, method: String?, period: Int64, now: Int64
  ) -> Total {
    var sum = Total()
    for entries in matching(community, tool, method) { sum = sum + entries.total(after: now - period * 1000) }
    for fact in reserved.values
    where fact.community == community && tool ?? fact.tool == fact.tool && method ?? fact.method == fact.method {
      sum.calls += 1
      sum.usage = sum.usage + fact.usage
    }
    return sum
  }

  /// The first moment, in Unix milliseconds, at which `isEnough` accepts the sum of the window if nothing is added until
  /// then; nil when even the calls under way alone are too much.
  func moment(
    community: String, tool: String?, method: String?, period: Int64, now: Int64, _ isEnough: (Total) -> Bool
  ) -> Int64? {
    let times = Set(matching(community, tool, method).flatMap { $0.times(after: now - period * 1000) }).sorted()
    // The sum only falls with time, so the first good moment can be searched for by halves.
    var low = 0
    var high = times.count
    while low < high {
      let middle = (low + high) / 2
      let at = times[middle] + period * 1000
      if isEnough(total(community: community, tool: tool, method: method, period: period, now: at)) {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return low < times.count ? times[low] + period * 1000 : nil
  }

  private func matching(_ community: String, _ tool: String?, _ method: String?) -> [UsageSeries] {
    guard let tools = series[community] else { return [] }
    let methods = tool.map { name in tools[name].map { [$0] } ?? [] } ?? Array(tools.values)
    return methods.flatMap { found in method.map { name in found[name].map { [$0] } ?? [] } ?? Array(found.values) }
  }
}
