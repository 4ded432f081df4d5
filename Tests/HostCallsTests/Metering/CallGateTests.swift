import CanonicalJSON
import Governance
import Testing

@testable import HostCalls

/// What the gate lets through, and what it says when it does not.
@Suite struct CallGateTests {
  private static let get = HostMethod("HTTP.get", .observe, dimensions: ["hosts", "paths"], schema: [:], summary: "")
  private static let chat = HostMethod("LLM.chat", .observe, dimensions: ["models"], schema: [:], summary: "")

  private static func plan(
    _ facts: [[String: String]], secrets: [String] = [], tokens: Int64 = 0, microUSD: Int64 = 0
  ) -> HostCallPlan {
    var reserve = Usage()
    reserve.outputTokens = tokens
    reserve.microUSD = microUSD
    return HostCallPlan(facts: facts, secrets: secrets, reserve: reserve, step: .change(type: "x", params: [:]))
  }

  private static func refusal(
    _ plan: HostCallPlan, _ manifest: ToolManifest, _ method: HostMethod = get, settings: JSON = [:],
    ledger: UsageLedger = UsageLedger(), now: Int64 = 1_000_000
  ) throws -> HostCallError? {
    let context = HostCallContext(
      run: "r", call: 0, tool: manifest, community: "acme", settings: try CommunitySettings(json: settings), now: now)
    return CallGate.refusal(of: plan, method: method, in: context, ledger: ledger)
  }

  private static let grant: JSON = ["method": "HTTP.get", "hosts": ["a.example"], "paths": ["/pub/*"]]

  @Test func everyElementOfTheFactsMustBeGranted() throws {
    let manifest = CallBox.manifest(uses: [Self.grant])
    let good = ["hosts": "a.example", "paths": "/pub/x"]
    #expect(try Self.refusal(Self.plan([good]), manifest) == nil)
    let bad = ["hosts": "b.example", "paths": "/pub/x"]
    for facts in [[bad], [good, bad], [bad, good]] {
      #expect(try Self.refusal(Self.plan(facts), manifest)?.code == "not_granted")
    }
  }

  @Test func aPlanThatSaysTooLittleIsRefused() throws {
    let manifest = CallBox.manifest(uses: [Self.grant, ["method": "HTTP.get"]])
    for facts in [[], [[:]], [["hosts": "a.example"]], [["hosts": "a.example", "paths": "/pub/x", "more": "y"]]] {
      #expect(try Self.refusal(Self.plan(facts), manifest)?.code == "not_granted", "\(facts)")
    }
  }

  @Test func theRefusalNamesWhatIsMissingAndTheGrantThatItWouldTake() throws {
    let manifest = CallBox.manifest(uses: [Self.grant, ["method": "HTTP.get", "hosts": ["c"], "paths": ["/z"]]])
    let error = try #require(
      try Self.refusal(Self.plan([["hosts": "a.example", "paths": "/private"]]), manifest))
    #expect(error.details["dimension"] == "paths" && error.details["value"] == "/private")
    #expect(error.details["grant"] == ["method": "HTTP.get", "hosts": ["a.example"], "paths": ["/private"]])
    #expect(error.message.contains(#"{"hosts":["a.example"],"method":"HTTP.get","paths":["/private"]}"#))
    // What it names is enough.
    let wider = try #require(error.details["grant"])
    #expect(
      try Self.refusal(
        Self.plan([["hosts": "a.example", "paths": "/private"]]), CallBox.manifest(uses: [wider])) == nil)
    let none = try #require(try Self.refusal(Self.plan([["models": "m"]]), manifest, Self.chat))
    #expect(none.details["dimension"] == nil && none.message.contains("no grant of LLM.chat"))
  }

  @Test func secretsMustBeListed() throws {
    let plan = Self.plan([["hosts": "a.example", "paths": "/pub/x"]], secrets: ["key", "other"])
    let error = try Self.refusal(plan, CallBox.manifest(uses: [Self.grant], secrets: ["key"]))
    #expect(error?.code == "not_granted" && error?.details["secret"] == "other")
    #expect(try Self.refusal(plan, CallBox.manifest(uses: [Self.grant], secrets: ["key", "other"])) == nil)
  }

  @Test func ratesHoldToTheMillisecond() throws {
    let manifest = CallBox.manifest(
      uses: [Self.grant], rates: [ToolManifest.Rate(method: "HTTP.get", count: 2, period: 60)])
    let plan = Self.plan([["hosts": "a.example", "paths": "/pub/x"]])
    var ledger = UsageLedger()
    func record(_ at: Int64, tool: String = "triage", method: String = "HTTP.get") {
      ledger.record(UsageLedger.Fact(community: "acme", tool: tool, method: method, at: at))
    }
    record(1_000_000)
    record(1_000_000, tool: "other")
    record(1_000_000, method: "HTTP.head")
    #expect(try Self.refusal(plan, manifest, ledger: ledger, now: 1_010_000) == nil)
    record(1_010_000)
    let error = try #require(try Self.refusal(plan, manifest, ledger: ledger, now: 1_020_500))
    #expect(error.code == "rate_limited" && error.details["retryAfter"] == 40)
    #expect(try Self.refusal(plan, manifest, ledger: ledger, now: 1_059_999)?.code == "rate_limited")
    #expect(try Self.refusal(plan, manifest, ledger: ledger, now: 1_060_000) == nil)
    // One that is under way counts too, and nobody knows for how long.
    _ = ledger.reserve(UsageLedger.Fact(community: "acme", tool: "triage", method: "HTTP.get", at: 1_060_000))
    #expect(try Self.refusal(plan, manifest, ledger: ledger, now: 1_060_000)?.details["retryAfter"] == 10)
  }

  @Test func budgetsOfToolAndCommunityIncludeTheReserve() throws {
    let grant: JSON = ["method": "LLM.chat", "models": ["*"]]
    let tool = CallBox.manifest(
      uses: [grant], budgets: [ToolManifest.Budget(unit: .tokens, limit: 100, period: 3600)])
    let facts = [["models": "m"]]
    var ledger = UsageLedger()
    var spent = Usage()
    spent.inputTokens = 60
    spent.microUSD = 500
    ledger.record(UsageLedger.Fact(community: "acme", tool: "triage", method: "LLM.chat", at: 1_000_000, usage: spent))
    #expect(try Self.refusal(Self.plan(facts, tokens: 40), tool, Self.chat, ledger: ledger) == nil)
    let error = try #require(try Self.refusal(Self.plan(facts, tokens: 41), tool, Self.chat, ledger: ledger))
    #expect(error.code == "budget_exhausted" && error.details["spent"] == 60 && error.details["needed"] == 41)
    #expect(error.details["retryAfter"] == 3600)
    // A call that is larger than the whole budget is told no time.
    let never = try Self.refusal(Self.plan(facts, tokens: 101), tool, Self.chat, ledger: ledger)
    #expect(never?.code == "budget_exhausted" && never?.details["retryAfter"] == nil)

    // All tools together, in money.
    let settings: JSON = ["budgets": [["unit": "microusd", "limit": 900, "period": 60]]]
    let free = CallBox.manifest(uses: [grant])
    ledger.record(UsageLedger.Fact(community: "acme", tool: "other", method: "LLM.chat", at: 1_000_000, usage: spent))
    #expect(
      try Self.refusal(Self.plan(facts, microUSD: 1), free, Self.chat, settings: settings, ledger: ledger)?.code
        == "budget_exhausted")
    // What costs nothing is not held up.
    #expect(try Self.refusal(Self.plan(facts), free, Self.chat, settings: settings, ledger: ledger) == nil)
    #expect(
      try Self.refusal(
        Self.plan(facts, microUSD: 900), free, Self.chat, settings: settings, ledger: ledger, now: 1_060_000) == nil)
  }

  @Test func theReserveOfACallUnderWayIsSpent() throws {
    let manifest = CallBox.manifest(
      uses: [["method": "LLM.chat", "models": ["*"]]],
      budgets: [ToolManifest.Budget(unit: .tokens, limit: 100, period: 60)])
    let plan = Self.plan([["models": "m"]], tokens: 60)
    var ledger = UsageLedger()
    let reservation = ledger.reserve(
      UsageLedger.Fact(community: "acme", tool: "triage", method: "LLM.chat", at: 0, usage: plan.reserve))
    #expect(try Self.refusal(plan, manifest, Self.chat, ledger: ledger)?.code == "budget_exhausted")
    ledger.settle(reservation)
    #expect(try Self.refusal(plan, manifest, Self.chat, ledger: ledger) == nil)
  }
}
