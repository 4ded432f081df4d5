import Cryptography

/// What each party has opened under each policy that has a quota.
struct Quotas: Sendable, Hashable {
  /// One party under one policy (``BoxState/party(of:)``). A changed policy has another digest and begins anew.
  struct Key: Sendable, Hashable {
    var policy: SHA256Digest
    var party: String
  }

  /// Oldest first.
  private var opened: [Key: [Opened]] = [:]
  /// Rows after which the keys that have nothing left are dropped.
  private var sweepAt = 1024

  private struct Opened: Sendable, Hashable {
    var proposal: SHA256Digest
    var at: Int64
    var expires: Int64
  }

  /// Refuses another proposal at `now` (Unix milliseconds). `isOpen` says whether a proposal still is.
  func check(_ key: Key, _ quota: Quota, at now: Int64, isOpen: (SHA256Digest) -> Bool) throws(StatementFault) {
    guard let rows = opened[key] else { return }
    guard rows.count(where: { $0.at > now - quota.period * 1000 }) < quota.count else {
      throw .quotaCount(proposer: key.party, limit: quota.count, period: quota.period)
    }
    guard rows.count(where: { $0.expires > now && isOpen($0.proposal) }) < quota.open else {
      throw .quotaOpen(proposer: key.party, limit: quota.open)
    }
  }

  mutating func record(_ key: Key, _ quota: Quota, _ proposal: Proposal, at now: Int64, isOpen: (SHA256Digest) -> Bool)
  {
    // What neither bound looks at any more is forgotten, so that a proposer's rows stay within the quota.
    var rows = opened.removeValue(forKey: key) ?? []
    rows.removeAll { $0.at <= now - quota.period * 1000 && !($0.expires > now && isOpen($0.proposal)) }
    rows.append(Opened(proposal: proposal.id, at: now, expires: proposal.statement.expires))
    opened[key] = rows
    guard opened.count > sweepAt else { return }
    opened = opened.filter { rows in
      rows.value.contains { $0.at > now - Check.Limits.period * 1000 || ($0.expires > now && isOpen($0.proposal)) }
    }
    sweepAt = max(1024, opened.count * 2)
  }

  /// Forgets what belongs to policies that no longer hold.
  mutating func keep(policies: Set<SHA256Digest>) { opened = opened.filter { policies.contains($0.key.policy) } }
}
