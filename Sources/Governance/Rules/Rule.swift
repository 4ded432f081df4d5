import CanonicalJSON

/// How actions of a policy are decided (docs/formats.md section 4). Silence never satisfies a rule; "allow on timeout"
/// has no spelling.
public indirect enum Rule: Sendable, Hashable {
  /// Never satisfied.
  case deny
  /// Satisfied at opening, if every check holds.
  case automatic([Check])
  /// Satisfied at the first approval by a member.
  case single(committee: String)
  /// Satisfied at the threshold-th approval by distinct members.
  case quorum(Quorum)
  /// Satisfied when distinct signers can be seated so that every group has its threshold; nobody sits twice.
  case groups([Quorum])
  /// Satisfied a while after another rule is, unless enough objectors speak before the execution starts.
  case timelock(Timelock)
  /// Satisfied when all are, at the latest of their times.
  case all([Rule])
  /// Satisfied when one is, at the earliest of their times.
  case any([Rule])
  /// Satisfied when the branch is that policy code names.
  case code(CodeRule)

  /// Bounds that every rule keeps.
  public enum Limits {
    /// Nesting of rules.
    public static let depth = 8
    /// Rules in one rule, itself included.
    public static let nodes = 64
    /// Checks in one rule.
    public static let checks = 64
    /// Groups of one `groups` rule.
    public static let groups = 16
    /// Seconds that the time-locks of one path may add up to: 14 days.
    public static let delay: Int64 = 14 * 86_400
  }
}

/// So many members of a committee.
public struct Quorum: Sendable, Hashable {
  public var committee: String
  /// At least 1.
  public var threshold: Int

  public init(_ threshold: Int, of committee: String) {
    self.committee = committee
    self.threshold = threshold
  }
}

/// A delay with objectors.
public struct Timelock: Sendable, Hashable {
  /// Seconds.
  public var delay: Int64
  /// Who may stop it, and how many of them it takes.
  public var objectors: Quorum
  public var after: Rule

  public init(delay: Int64, objectors: Quorum, after: Rule) {
    self.delay = delay
    self.objectors = objectors
    self.after = after
  }
}

extension Rule {
  /// This rule and those within it that can decide, outermost first: where policy code has run, of its branches the one
  /// that it named; before, all of them.
  public var nodes: [Rule] {
    switch self {
    case .timelock(let lock): [self] + lock.after.nodes
    case .all(let rules), .any(let rules): [self] + rules.flatMap(\.nodes)
    case .code(let code): [self] + code.standing.flatMap(\.nodes)
    default: [self]
    }
  }

  /// This rule and all those within it, outermost first, whatever policy code has named.
  var everyNode: [Rule] {
    switch self {
    case .timelock(let lock): [self] + lock.after.everyNode
    case .all(let rules), .any(let rules): [self] + rules.flatMap(\.everyNode)
    case .code(let code): [self] + code.everyBranch.flatMap(\.everyNode)
    default: [self]
    }
  }

  /// What each quorum within the rule asks of its committee.
  public var quorums: [Quorum] {
    nodes.flatMap { rule -> [Quorum] in
      switch rule {
      case .single(let committee): [Quorum(1, of: committee)]
      case .quorum(let quorum): [quorum]
      case .groups(let quorums): quorums
      default: []
      }
    }
  }

  /// The committees whose members may approve.
  public var approvers: Set<String> { Set(quorums.map(\.committee)) }

  /// The time-locks within the rule, outermost first.
  public var timelocks: [Timelock] { nodes.compactMap { if case .timelock(let lock) = $0 { lock } else { nil } } }

  /// The committees whose members may object.
  public var objectors: Set<String> { Set(timelocks.map(\.objectors.committee)) }

  /// The budgets and counts within the rule. Those of every branch: an execution counts towards all meters of its policy,
  /// whichever branch decided it.
  var meters: [Meter] {
    everyNode.flatMap { rule -> [Meter] in
      guard case .automatic(let checks) = rule else { return [] }
      return checks.compactMap(\.meter)
    }
  }

  /// The shortest time in seconds that passes between opening and satisfaction whatever the approvers do; nil for a rule
  /// that is never satisfied.
  public var guaranteedDelay: Int64? {
    switch self {
    case .deny: return nil
    case .code(let code): return code.standing.compactMap(\.guaranteedDelay).min()
    case .automatic, .single, .quorum, .groups: return 0
    case .timelock(let lock): return lock.after.guaranteedDelay.map { $0 + lock.delay }
    case .all(let rules):
      let delays = rules.map(\.guaranteedDelay)
      return delays.contains(nil) ? nil : delays.compactMap(\.self).max()
    case .any(let rules): return rules.compactMap(\.guaranteedDelay).min()
    }
  }

  /// The longest sum of delays on any path.
  var longestDelay: Int64 {
    switch self {
    case .timelock(let lock): lock.delay + lock.after.longestDelay
    case .all(let rules), .any(let rules): rules.map(\.longestDelay).max() ?? 0
    case .code(let code): code.everyBranch.map(\.longestDelay).max() ?? 0
    default: 0
    }
  }
}
