import CanonicalJSON
import Cryptography
import OpenClaims

extension Constitution {
  /// Refuses a constitution that is not fit to govern: a threshold nobody can reach, a rule over governance weaker than
  /// what it could replace, a key without proof of possession, and everything else of docs/formats.md section 7.
  /// Signatures are checked as of no particular time: possession proofs do not expire.
  public func validate() throws(ConstitutionRefusal) { try validate(with: .real) }

  /// `old` is the constitution that this one replaces: what its keys have proved they need not prove again. nil for the
  /// first one.
  func validate(with signatures: SignatureCheck, after old: Constitution? = nil) throws(ConstitutionRefusal) {
    let size = json.canonicalBytes().count
    guard size <= Limits.bytes else { throw .tooLarge(limit: Limits.bytes, actual: size) }
    try validateMembers()
    try validatePatterns()
    for (name, policy) in policies.sorted(by: { $0.key < $1.key }) {
      try validateReach(of: policy.rule, name: "the policy \(name)")
      if let breakGlass = policy.breakGlass {
        try validateReach(of: breakGlass.rule, name: "the break-glass rule of \(name)")
        if let wide = policy.covers.first(where: { !Policy.narrowing.contains($0.text) }) {
          throw .breakGlassWidens(policy: name, pattern: wide.text)
        }
      }
      try validateTime(of: policy, name: name)
    }
    try validateReach(of: .quorum(root.quorum), name: "root")
    try validateStrength()
    try validateCode(after: old)
    try validateKeys(with: signatures, after: old)
  }

  private func validateMembers() throws(ConstitutionRefusal) {
    for (committee, members) in committees.sorted(by: { $0.key < $1.key }) {
      for member in members where signers[member] == nil {
        throw .unknownSigner(committee: committee, signer: member)
      }
    }
  }

  private func validatePatterns() throws(ConstitutionRefusal) {
    var owners: [Pattern: String] = [:]
    for (name, policy) in policies.sorted(by: { $0.key < $1.key }) {
      for pattern in policy.covers {
        if let other = owners[pattern] { throw .patternTwice(pattern.text, policies: [other, name]) }
        if pattern.text == ActionType.recover { throw .coversRecovery(policy: name) }
        owners[pattern] = name
      }
    }
  }

  /// Every committee that the rule names exists, and every number can be reached.
  private func validateReach(of rule: Rule, name: String) throws(ConstitutionRefusal) {
    for quorum in rule.quorums + rule.timelocks.map(\.objectors) {
      guard let members = committees[quorum.committee] else {
        throw .unknownCommittee(rule: name, committee: quorum.committee)
      }
      guard quorum.threshold <= members.count else {
        throw .thresholdAboveCommittee(
          rule: name, committee: quorum.committee, threshold: quorum.threshold, members: members.count)
      }
    }
    for case .groups(let quorums) in rule.nodes {
      var seating = Seating(quorums, members: quorums.map { Set(committees[$0.committee] ?? []) })
      for signer in signers.keys.sorted() { seating.seat(signer) }
      guard seating.isFull else { throw .groupsCannotBeSeated(rule: name) }
    }
  }

  /// A rule that outlasts every proposal is a mistake; `deny` is none, except over governance.
  private func validateTime(of policy: Policy, name: String) throws(ConstitutionRefusal) {
    guard let delay = policy.rule.guaranteedDelay else {
      if policy.covers.contains(where: \.coversGovernance) { throw .neverSatisfied(rule: "the policy \(name)") }
      return
    }
    guard delay < policy.maxExpiry else { throw .neverSatisfied(rule: "the policy \(name)") }
  }

  /// Every program can be read, and none decides about governance: what can replace a broken policy must not be able to
  /// break in the same way. Programs that `old` has were read before.
  private func validateCode(after old: Constitution?) throws(ConstitutionRefusal) {
    let known = Set(old?.programs.map(\.code.source) ?? [])
    let programs = programs
    guard programs.count <= CodeRule.maxInConstitution else {
      throw .code(rule: "the constitution", why: "it has more than \(CodeRule.maxInConstitution) programs")
    }
    for (name, code) in programs {
      if policies[name]?.covers.contains(where: \.coversGovernance) ?? false {
        throw .code(rule: "the policy \(name)", why: "code does not decide about governance")
      }
      if !known.contains(code.source), let why = code.fault() { throw .code(rule: "the policy \(name)", why: why) }
    }
  }

  /// The programs of all policies, by the names of these.
  private var programs: [(policy: String, code: CodeRule)] {
    policies.sorted { $0.key < $1.key }.flatMap { name, policy in
      (policy.rule.codes + (policy.breakGlass?.rule.codes ?? [])).map { (name, $0) }
    }
  }

  /// The rules that can replace other rules take at least as many signers as the strictest of them, and at least one.
  private func validateStrength() throws(ConstitutionRefusal) {
    var fewest = FewestSigners(committees: committees)
    var strictest = (name: "a rule over governance", number: 1)
    var numbers: [String: Int] = [:]
    for (name, policy) in policies.sorted(by: { $0.key < $1.key }) {
      do {
        guard let number = try fewest(policy.rule) else { continue }
        numbers[name] = number
        if number > strictest.number { strictest = ("the policy \(name)", number) }
      } catch {
        throw .entangled(rule: "the policy \(name)")
      }
    }
    for type in [ActionType.policySet, ActionType.committeeSet] {
      guard let (name, _) = policy(covering: type), let number = numbers[name] else { continue }
      guard number >= strictest.number else {
        throw .weakerThanControlled(
          rule: "the policy \(name)", takes: number, controls: strictest.name, needs: strictest.number)
      }
    }
    guard root.threshold >= strictest.number else {
      throw .weakerThanControlled(
        rule: "root", takes: root.threshold, controls: strictest.name, needs: strictest.number)
    }
  }

  private func validateKeys(with signatures: SignatureCheck, after old: Constitution?) throws(ConstitutionRefusal) {
    // By the bytes of the public key: one key registered under two forms is still one key.
    var owners: [[UInt8]: String] = [:]
    for (name, signer) in signers.sorted(by: { $0.key < $1.key }) {
      for (index, key) in signer.keys.enumerated() {
        let bytes = key.key.publicKey.spkiDER
        if let other = owners[bytes] { throw .sharedKey(signers: [other, name]) }
        owners[bytes] = name
        if key.key.algorithm == .webauthn {
          guard passkeys != nil else { throw .passkeysMissing(signer: name) }
          // A later constitution by itself does not say under which `passkeys` its keys were proved: the change did.
          if old == nil, epoch > 1 { continue }
        }
        let known = old?.signers[name]?.keys ?? []
        if known.contains(where: { $0 == key && $0.key.algorithm == key.key.algorithm }) { continue }
        do {
          try signatures.checkPossession(box: box, signer: name, key: key, passkeys: passkeys)
        } catch {
          throw .possession(signer: name, key: index, why: error.why)
        }
      }
    }
  }
}
