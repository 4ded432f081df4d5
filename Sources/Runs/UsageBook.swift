import CanonicalJSON
import Governance
import HostCalls
import Synchronization

/// The usage ledger, shared by all runs of the box.
public final class UsageBook: Sendable {
  private let ledger: Mutex<UsageLedger>

  public init(_ ledger: UsageLedger = UsageLedger()) { self.ledger = Mutex(ledger) }
}
