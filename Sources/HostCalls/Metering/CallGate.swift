import CanonicalJSON
import Governance

/// Holds a planned call against what its tool was granted and may spend. Pure: the caller starts the call or tells the
/// tool, and keeps the ledger.
public enum CallGate {
  /// Why the call may not be made now, or nil.
  ///
  /// In this order: the manifest's grants (each element of the facts), its secrets, the tool's rates, the tool's budgets,
  /// the community's budgets. Calls under way count with what they reserved.
  public static func refusal(
    of plan: HostCallPlan, method: HostMethod, in context: HostCallContext, ledger: UsageLedger
  ) -> HostCallError? {
    notGranted(plan, method, context.tool) ?? overRate(method, context, ledger)
      ?? overBudget(context.tool.budgets, of: context.tool.name, plan.reserve, context, ledger)
      ?? overBudget(context.settings.budgets, of: nil, plan.reserve, context, ledger)
  }

  // MARK: Grants

  static func notGranted(_ plan: HostCallPlan, _ method: HostMethod, _ tool: ToolManifest) -> HostCallError? {
    // A family that says nothing of a call, or not of every dimension, must not get it through.
    guard !plan.facts.isEmpty, plan.facts.allSatisfy({ Set($0.keys) == Set(method.dimensions) }) else {
      return HostCallError("not_granted", "\(method.name) does not say what it is about")
    }
    for facts in plan.facts where !tool.permits(method.name, facts: facts) {
      return refusal(method, facts, tool)
    }
    for name in plan.secrets where !tool.secrets.contains(name) {
      return HostCallError(
        "not_granted",
        "the manifest does not list the secret named by \(JSON.string(name).summary): add it to \"secrets\"",
        details: ["method": .string(method.name), "secret": .string(name)])
    }
    return nil
  }

  private static func refusal(
    _ method: HostMethod, _ facts: [String: String], _ tool: ToolManifest
  ) -> HostCallError {
    var wanted: JSONObject = ["method": .string(method.name)]
    for (dimension, value) in facts { wanted[dimension] = [.string(value)] }
    var details: JSONObject = ["method": .string(method.name), "grant": .object(wanted)]
    let candidates = tool.uses.filter { $0.method == method.name }
    let misses = candidates.map { grant in
      method.dimensions.filter { dimension in
        !(grant.allows[dimension]?.contains { $0.matches(facts[dimension] ?? "") } ?? false)
      }
    }
    guard let nearest = misses.min(by: { $0.count < $1.count }), let dimension = nearest.first else {
      let reason = candidates.isEmpty ? "no grant of \(method.name)" : "no grant of \(method.name) with its dimensions"
      return HostCallError(
        "not_granted", "the manifest has \(reason): it would take \(compact(wanted))", details: details)
    }
    let value = facts[dimension] ?? ""
    details["dimension"] = .string(dimension)
    details["value"] = .string(value)
    return HostCallError(
      "not_granted",
      "the manifest grants \(method.name), but its \(dimension) do not cover \(JSON.string(value).summary): it would "
        + "take \(compact(wanted))", details: details)
  }

  private static func compact(_ grant: JSONObject) -> String {
    String(decoding: JSON.object(grant).canonicalBytes(), as: UTF8.self)
  }

  // MARK: Rates and budgets

  private static func overRate(
    _ method: HostMethod, _ context: HostCallContext, _ ledger: UsageLedger
  ) -> HostCallError? {
    for rate in context.tool.rates where rate.method == method.name {
      let isFree = { (total: UsageLedger.Total) in total.calls < rate.count }
      let (community, tool) = (context.community, context.tool.name)
      let sum = ledger.total(
        community: community, tool: tool, method: method.name, period: rate.period, now: context.now)
      guard !isFree(sum) else { continue }
      let moment = ledger.moment(
        community: community, tool: tool, method: method.name, period: rate.period, now: context.now, isFree)
      return HostCallError(
        "rate_limited",
        "\(context.tool.name) may call \(method.name) \(rate.count) times in \(rate.period) seconds and has done so",
        details: wait(until: moment, from: context.now))
    }
    return nil
  }

  /// `tool` is nil for what all tools of the community share.
  private static func overBudget(
    _ budgets: [ToolManifest.Budget], of tool: String?, _ reserve: Usage, _ context: HostCallContext,
    _ ledger: UsageLedger
  ) -> HostCallError? {
    for budget in budgets {
      let needed = amount(reserve, budget.unit)
      // A call that costs nothing is not held up by what others have spent.
      guard needed > 0 else { continue }
      let isEnough = { (total: UsageLedger.Total) in
        let (sum, overflow) = amount(total.usage, budget.unit).addingReportingOverflow(needed)
        return !overflow && sum <= budget.limit
      }
      let total = ledger.total(
        community: context.community, tool: tool, method: nil, period: budget.period, now: context.now)
      guard !isEnough(total) else { continue }
      let moment =
        needed > budget.limit
        ? nil
        : ledger.moment(
          community: context.community, tool: tool, method: nil, period: budget.period, now: context.now, isEnough)
      var details = wait(until: moment, from: context.now)
      details["unit"] = .string(budget.unit.rawValue)
      details["limit"] = .integer(budget.limit)
      details["spent"] = .integer(min(amount(total.usage, budget.unit), JSON.maxSafeInteger))
      details["needed"] = .integer(min(needed, JSON.maxSafeInteger))
      let owner = tool ?? "the community \(context.community)"
      return HostCallError(
        "budget_exhausted",
        "\(owner) may spend \(budget.limit) \(budget.unit.rawValue) in \(budget.period) seconds; this call could need "
          + "\(needed) more than what is spent or reserved",
        details: details)
    }
    return nil
  }

  private static func amount(_ usage: Usage, _ unit: ToolManifest.Budget.Unit) -> Int64 {
    switch unit {
    case .tokens: usage.tokens
    case .microusd: usage.microUSD
    }
  }

  /// Whole seconds, rounded up; absent where no time is known.
  private static func wait(until moment: Int64?, from now: Int64) -> JSONObject {
    guard let moment else { return [:] }
    return ["retryAfter": .integer(max(1, (moment - now + 999) / 1000))]
  }
}
