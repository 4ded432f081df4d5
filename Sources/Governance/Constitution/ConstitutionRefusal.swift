import CanonicalJSON
import Cryptography

/// Why a constitution, or a change of one, is refused (docs/formats.md section 7).
public enum ConstitutionRefusal: Error, Sendable, Hashable {
  case tooLarge(limit: Int, actual: Int)
  case wrongBox(expected: String, actual: String)
  case wrongEpoch(expected: Int64, actual: Int64)
  /// A committee lists somebody who is no signer.
  case unknownSigner(committee: String, signer: String)
  /// A rule (or the root: `rule` is then `root`) names a committee that does not exist.
  case unknownCommittee(rule: String, committee: String)
  /// Needs more approvals or objections than the committee has members.
  case thresholdAboveCommittee(rule: String, committee: String, threshold: Int, members: Int)
  /// Each group could be filled, but not all of them with distinct people.
  case groupsCannotBeSeated(rule: String)
  /// No approvals could satisfy it while a proposal stays open: its delay is as long as that, or it is a `deny` or code
  /// over governance.
  case neverSatisfied(rule: String)
  /// Two policies have the same pattern, and neither would be the more specific.
  case patternTwice(String, policies: [String])
  /// `governance.recover` is decided by the root alone.
  case coversRecovery(policy: String)
  /// A break-glass rule over something that is not narrowing.
  case breakGlassWidens(policy: String, pattern: String)
  /// A rule that could replace other rules takes fewer signers than one of them.
  case weakerThanControlled(rule: String, takes: Int, controls: String, needs: Int)
  /// So many overlapping committees that nobody could say how few signers satisfy the rule.
  case entangled(rule: String)
  /// Policy code that is no program, or where none may be.
  case code(rule: String, why: String)
  case possession(signer: String, key: Int, why: String)
  case sharedKey(signers: [String])
  /// A signer has a passkey, but nothing says how passkeys are checked.
  case passkeysMissing(signer: String)
  /// The action removes a policy that does not exist.
  case unknownPolicy(String)
  /// The parameters are not what the action type takes.
  case parameters(FieldError)

  /// A stable name for this refusal.
  public var code: String {
    switch self {
    case .tooLarge: "constitution.too-large"
    case .wrongBox: "constitution.box"
    case .wrongEpoch: "constitution.epoch"
    case .unknownSigner: "constitution.unknown-signer"
    case .unknownCommittee: "constitution.unknown-committee"
    case .thresholdAboveCommittee: "constitution.threshold"
    case .groupsCannotBeSeated: "constitution.groups"
    case .neverSatisfied: "constitution.never-satisfied"
    case .patternTwice: "constitution.pattern-twice"
    case .coversRecovery: "constitution.covers-recovery"
    case .breakGlassWidens: "constitution.break-glass"
    case .weakerThanControlled: "constitution.weaker-than-controlled"
    case .entangled: "constitution.entangled"
    case .code: "constitution.code"
    case .possession: "constitution.possession"
    case .sharedKey: "constitution.shared-key"
    case .passkeysMissing: "constitution.passkeys-missing"
    case .unknownPolicy: "constitution.unknown-policy"
    case .parameters: "constitution.parameters"
    }
  }
}

extension ConstitutionRefusal: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tooLarge(let limit, let actual): "a constitution has at most \(limit) bytes, this one has \(actual)"
    case .wrongBox(let expected, let actual): "the constitution is of the box \(actual), not of \(expected)"
    case .wrongEpoch(let expected, let actual): "the constitution is of epoch \(actual), not \(expected)"
    case .unknownSigner(let committee, let signer): "\(committee) lists \(signer), who is no signer"
    case .unknownCommittee(let rule, let committee): "\(rule) names the committee \(committee), which does not exist"
    case .thresholdAboveCommittee(let rule, let committee, let threshold, let members):
      "\(rule) needs \(threshold) of \(committee), which has \(members)"
    case .groupsCannotBeSeated(let rule): "\(rule) needs more distinct people than its groups have together"
    case .neverSatisfied(let rule): "\(rule) could never be satisfied: it denies, or its delay outlasts every proposal"
    case .patternTwice(let pattern, let policies):
      "\(pattern) is covered by \(policies.joined(separator: " and ")), and neither is more specific"
    case .coversRecovery(let policy): "\(policy) covers governance.recover, which the root rule alone decides"
    case .breakGlassWidens(let policy, let pattern):
      "\(policy) has a break-glass rule but covers \(pattern), which does not only take power away"
    case .weakerThanControlled(let rule, let takes, let controls, let needs):
      "\(rule) takes \(takes) signers and could replace \(controls), which takes \(needs)"
    case .entangled(let rule): "\(rule) overlaps its committees in too many ways to count the signers that it takes"
    case .code(let rule, let why): "the code of \(rule) is refused: \(why)"
    case .possession(let signer, let key, let why): "key \(key) of \(signer) has no valid possession proof: \(why)"
    case .sharedKey(let signers): "\(signers.joined(separator: " and ")) have the same key"
    case .passkeysMissing(let signer): "\(signer) has a passkey, but the constitution does not say how to check it"
    case .unknownPolicy(let name): "there is no policy \(name) to remove"
    case .parameters(let error): "\(error)"
    }
  }
}
