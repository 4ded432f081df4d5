import Governance
import Testing

@testable import HostCalls

/// Sums, and the millisecond at which a call is no longer in a window.
@Suite struct UsageLedgerTests {
  private static func fact(
    _ at: Int64, tool: String = "t", method: String = "HTTP.get", tokens: Int64 = 0
  ) -> UsageLedger.Fact {
    var usage = Usage()
    usage.inputTokens = tokens
    return UsageLedger.Fact(community: "c", tool: tool, method: method, at: at, usage: usage)
  }

  private static func calls(_ ledger: UsageLedger, period: Int64, now: Int64, tool: String? = "t") -> Int64 {
    ledger.total(community: "c", tool: tool, method: nil, period: period, now: now).calls
  }

  @Test func aCallCountsForExactlyOnePeriod() {
    var ledger = UsageLedger()
    ledger.record(Self.fact(1_000_000))
    #expect(Self.calls(ledger, period: 60, now: 1_000_000) == 1)
    #expect(Self.calls(ledger, period: 60, now: 1_059_999) == 1)
    #expect(Self.calls(ledger, period: 60, now: 1_060_000) == 0)
  }

  @Test func seriesAreKeptApartAndSummed() {
    var ledger = UsageLedger()
    ledger.record(Self.fact(1000, method: "LLM.chat", tokens: 5))
    ledger.record(Self.fact(1000, method: "LLM.embed", tokens: 7))
    ledger.record(Self.fact(2000, tool: "u", method: "LLM.chat", tokens: 11))
    ledger.record(
      UsageLedger.Fact(community: "d", tool: "t", method: "LLM.chat", at: 2000, usage: Self.fact(0, tokens: 99).usage))
    func tokens(_ tool: String?, _ method: String?) -> Int64 {
      ledger.total(community: "c", tool: tool, method: method, period: 60, now: 3000).usage.tokens
    }
    #expect(tokens("t", "LLM.chat") == 5)
    #expect(tokens("t", nil) == 12)
    #expect(tokens(nil, "LLM.chat") == 16)
    #expect(tokens(nil, nil) == 23)
    #expect(tokens("nobody", nil) == 0)
  }

  @Test func sumsAgreeWithCountingOneByOne() {
    var generator = SystemRandomNumberGenerator()
    var facts: [UsageLedger.Fact] = []
    var ledger = UsageLedger(longestPeriod: 1000)
    var time: Int64 = 0
    for _ in 0..<3000 {
      time += Int64.random(in: 0...900, using: &generator)
      let fact = Self.fact(time, tokens: Int64.random(in: 0...50, using: &generator))
      facts.append(fact)
      ledger.record(fact)
      let period = Int64.random(in: 1...1000, using: &generator)
      let now = time + Int64.random(in: 0...2000, using: &generator)
      let inside = facts.filter { $0.at > now - period * 1000 }
      let total = ledger.total(community: "c", tool: nil, method: nil, period: period, now: now)
      #expect(total.calls == Int64(inside.count))
      #expect(total.usage.tokens == inside.reduce(0) { $0 + $1.usage.tokens })
    }
  }

  @Test func reservationsCountUntilTheyAreSettled() {
    var ledger = UsageLedger()
    let reservation = ledger.reserve(Self.fact(0, tokens: 40))
    // However late it gets: it is still under way.
    #expect(Self.calls(ledger, period: 1, now: 1_000_000) == 1)
    ledger.settle(reservation)
    ledger.settle(reservation)
    #expect(Self.calls(ledger, period: 1, now: 1_000_000) == 0)
  }

  @Test func whatNoWindowHoldsIsDropped() {
    var ledger = UsageLedger(longestPeriod: 10)
    ledger.record(Self.fact(1000))
    ledger.record(Self.fact(2000))
    ledger.prune(now: 11_000)
    #expect(Self.calls(ledger, period: 10, now: 11_000) == 1)
    // A window that is longer than what is kept cannot bring back what was dropped.
    #expect(Self.calls(ledger, period: 1000, now: 11_000) == 1)
    ledger.prune(now: 12_000)
    #expect(Self.calls(ledger, period: 1000, now: 12_000) == 0)
  }

  @Test func aFullSeriesCountsLongerAndNeverLess() {
    var series = UsageSeries()
    var one = UsageLedger.Total()
    one.calls = 1
    for at in 1...1000 { series.add(one, at: Int64(at), dropping: 0, maxEntries: 64) }
    #expect(series.count <= 64)
    #expect(series.total(after: 0).calls == 1000)
    for time in 0...1000 {
      let exact = Int64(1000 - time)
      #expect(series.total(after: Int64(time)).calls >= exact)
    }
    // The newest are as exact as ever.
    #expect(series.total(after: 990).calls == 10)
  }

  @Test func aClockThatGoesBackHidesNothing() {
    var ledger = UsageLedger()
    ledger.record(Self.fact(100_000))
    ledger.record(Self.fact(1000))
    #expect(Self.calls(ledger, period: 1, now: 100_500) == 2)
  }
}
