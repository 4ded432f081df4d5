/// An approval that stands in the log.
public struct Approval: Sendable, Hashable {
  /// For whose signers it counts: those of the current epoch, those that a pending change proposes, or both.
  public struct Sides: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let current = Sides(rawValue: 1)
    public static let proposed = Sides(rawValue: 2)
  }

  public var signer: String
  /// When it was recorded (Unix milliseconds).
  public var at: Int64
  /// When its claim expires (Unix milliseconds); from then on it does not count.
  public var lapses: Int64
  /// Index of its entry.
  public var index: UInt64
  public var sides: Sides

  public init(signer: String, at: Int64, lapses: Int64, index: UInt64, sides: Sides) {
    self.signer = signer
    self.at = at
    self.lapses = lapses
    self.index = index
    self.sides = sides
  }
}

/// An objection that stands in the log. It does not lapse.
public struct Objection: Sendable, Hashable {
  public var signer: String
  /// When it was recorded (Unix milliseconds).
  public var at: Int64
  /// Index of its entry.
  public var index: UInt64

  package init(signer: String, at: Int64, index: UInt64) {
    self.signer = signer
    self.at = at
    self.index = index
  }
}

/// Everything said about a proposal, and what else its decision depends on.
public struct Votes: Sendable {
  /// When it was opened (Unix milliseconds).
  public var openedAt: Int64
  public var proposer: Proposer
  /// Oldest first.
  public var approvals: [Approval]
  public var objections: [Objection]
  /// Signers whose approvals do not count now.
  public var revoked: Set<String>
  public var spending: Spending

  public init(
    openedAt: Int64, proposer: Proposer, approvals: [Approval], objections: [Objection], revoked: Set<String>,
    spending: Spending
  ) {
    self.openedAt = openedAt
    self.proposer = proposer
    self.approvals = approvals
    self.objections = objections
    self.revoked = revoked
    self.spending = spending
  }

  /// Whether a signer's approvals can count at all.
  func mayApprove(_ signer: String, selfApproval: Bool) -> Bool {
    !revoked.contains(signer) && (selfApproval || proposer.signer != signer)
      && !objections.contains { $0.signer == signer }
  }

  /// The approvals that count at `now` on one side: each signer once, oldest first. Who objects no longer approves.
  func counted(_ side: Approval.Sides, among members: Set<String>, selfApproval: Bool, at now: Int64) -> [Approval] {
    var seen: Set<String> = []
    return approvals.filter { approval in
      approval.sides.contains(side) && now < approval.lapses && members.contains(approval.signer)
        && mayApprove(approval.signer, selfApproval: selfApproval) && seen.insert(approval.signer).inserted
    }
  }
}
