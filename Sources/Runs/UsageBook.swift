import CanonicalJSON
import Governance
import HostCalls
import Synchronization

/// The usage ledger, shared by all runs of the box.
public final class UsageBook: Sendable {
  private let ledger: Mutex<UsageLedger>

  public init(_ ledger: UsageLedger = UsageLedger()) { self.ledger = Mutex(ledger) }

  /// Holds a plan against manifest, rates and budgets, and in the same step keeps room for what it may spend: of two
  /// calls that each fit alone, one is refused.
  func admit(
    _ plan: HostCallPlan, method: HostMethod, in context: HostCallContext
  ) throws(HostCallError) -> UsageLedger.Reservation {
    let answer = ledger.withLock { ledger -> Result<UsageLedger.Reservation, HostCallError> in
      if let refusal = CallGate.refusal(of: plan, method: method, in: context, ledger: ledger) {
        return .failure(refusal)
      }
      return .success(
        ledger.reserve(
          UsageLedger.Fact(
            community: context.community, tool: context.tool.name, method: method.name, at: context.now,
            usage: plan.reserve)))
    }
    return try answer.get()
  }

  /// Gives the room back and records what was used, in one step.
  func settle(_ reservation: UsageLedger.Reservation, as fact: UsageLedger.Fact?) {
    ledger.withLock { ledger in
      ledger.settle(reservation)
      if let fact { ledger.record(fact) }
    }
  }

  /// Records what the log says of an earlier call.
  public func record(_ fact: UsageLedger.Fact) { ledger.withLock { $0.record(fact) } }

  /// What was used in the `period` seconds before `now`; nil for a tool means all of the community's.
  public func total(community: String, tool: String?, period: Int64, now: Int64) -> UsageLedger.Total {
    ledger.withLock { $0.total(community: community, tool: tool, method: nil, period: period, now: now) }
  }
}
