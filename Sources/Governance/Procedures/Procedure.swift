import CanonicalJSON
import Cryptography

/// How one proposal is decided: its policy's rule, or the root rule, and what a change of the constitution must meet on
/// top. Fixed when the proposal opens; the epoch that it belongs to fixes everything that it depends on.
public struct Procedure: Sendable, Hashable {
  /// The covering policy's name; nil for `governance.recover`, which the root rule decides.
  public let policyName: String?
  /// What the statement must name as its policy.
  public let digest: SHA256Digest
  public let rule: Rule
  public let breakGlass: BreakGlass?
  public let selfApproval: Bool
  /// The longest time in seconds from opening to `expires`.
  public let maxExpiry: Int64
  public let quota: Quota?
  /// Delays that begin when the rule is satisfied; the longest one counts.
  public let waits: [Wait]
  /// What the fold does when the action has been executed.
  public let effect: Effect

  /// Fields of `execution.started` that a policy meters.
  package var meters: [Meter] { rule.meters + (breakGlass?.rule.meters ?? []) }

  /// The committees whose members may approve.
  var approvers: Set<String> { rule.approvers.union(breakGlass?.rule.approvers ?? []) }

  /// The committees whose members may object with effect.
  var objectors: Set<String> {
    rule.objectors.union(breakGlass?.rule.objectors ?? []).union(waits.flatMap(\.objectors).map(\.committee))
  }

  /// The procedure for one proposal: with the branch that each program of its rules names for it. Without this, policy code
  /// denies.
  public func choosing(for facts: PolicyFacts) -> Procedure {
    Procedure(
      policyName: policyName, digest: digest, rule: rule.choosing(for: facts),
      breakGlass: breakGlass.map { BreakGlass(rule: $0.rule.choosing(for: facts), ttl: $0.ttl) },
      selfApproval: selfApproval, maxExpiry: maxExpiry, quota: quota, waits: waits, effect: effect)
  }

  /// Whether policy code has a say.
  public var restsOnCode: Bool { !rule.codes.isEmpty || !(breakGlass?.rule.codes.isEmpty ?? true) }

  /// The constitution whose signers must approve too; nil unless the action sets the committees.
  var newSigners: Constitution? {
    if case .committees(let new) = effect { new } else { nil }
  }
}

/// Why an action has no procedure: it is denied before anybody could approve it.
public enum Undecidable: Error, Sendable, Hashable, CustomStringConvertible {
  /// No policy covers the type.
  case noPolicy(type: String)
  /// The type looks like one of the fold's own and is none.
  case reservedType(String)
  case parameters(FieldError)
  case constitution(ConstitutionRefusal)

  /// A stable name.
  public var code: String {
    switch self {
    case .noPolicy: "statement.no-policy"
    case .reservedType: "statement.reserved-type"
    case .parameters: "statement.parameters"
    case .constitution(let refusal): refusal.code
    }
  }

  public var description: String {
    switch self {
    case .noPolicy(let type): "no policy covers \(type): denied"
    case .reservedType(let type): "\(type) is no action type, and its first word is reserved"
    case .parameters(let error): "\(error)"
    case .constitution(let refusal): "\(refusal)"
    }
  }
}

extension Constitution {
  /// How an action would be decided in this epoch. `floors` are the delays to remember (see ``DelayFloors``); a verifier
  /// that has only a receipt passes none and can then not see a wait that rests on an earlier epoch.
  public func procedure(for action: Action, floors: DelayFloors = DelayFloors()) throws(Undecidable) -> Procedure {
    try procedure(for: action, floors: floors, with: .real)
  }

  func procedure(
    for action: Action, floors: DelayFloors, with signatures: SignatureCheck
  ) throws(Undecidable) -> Procedure {
    guard !ActionType.isReserved(action.type) else { throw .reservedType(action.type) }
    let effect = try Effect(action, under: self, with: signatures)
    if action.type == ActionType.recover {
      return Procedure(
        policyName: nil, digest: root.digest, rule: .quorum(root.quorum), breakGlass: nil, selfApproval: false,
        maxExpiry: Policy.longestExpiry, quota: nil, waits: [Wait(delay: root.delay, objectors: [])], effect: effect)
    }
    guard let (name, policy) = policy(covering: action.type), let digest = policyDigests[name] else {
      throw .noPolicy(type: action.type)
    }
    let waits = effect.constitution.map { self.waits(for: $0, floors) } ?? []
    let longest = waits.map(\.delay).max() ?? 0
    return Procedure(
      policyName: name, digest: digest, rule: policy.rule, breakGlass: policy.breakGlass,
      selfApproval: policy.selfApproval, maxExpiry: min(policy.maxExpiry + longest, Policy.longestExpiry),
      quota: policy.quota, waits: waits, effect: effect)
  }
}
