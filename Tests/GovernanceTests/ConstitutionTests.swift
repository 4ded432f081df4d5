import CanonicalJSON
import Cryptography
import OpenClaims
import Testing

@testable import Governance

@Suite struct ConstitutionTests {
  private func refusal(
    signers: [Signer]? = nil, committees: [String: [String]] = TestBox.committees,
    with changes: [String: Policy?] = [:],
    root: RootRule = RootRule(committee: "everybody", threshold: 3, delay: 7200)
  ) throws -> String? {
    var policies = try TestBox.policies()
    for (name, policy) in changes { policies[name] = policy }
    let constitution = try TestBox.constitution(
      signers: signers, committees: committees, policies: policies, root: root)
    return code { try constitution.validate() }
  }

  @Test func theStandardOneIsFitToGovern() throws {
    #expect(try refusal() == nil)
    let constitution = try TestBox.constitution()
    let read = try Constitution(json: constitution.json)
    #expect(read == constitution && read.digest == SHA256Digest.of(constitution.json))
  }

  @Test func everyThresholdIsWithinItsCommittee() throws {
    func policy(_ rule: Rule) throws -> [String: Policy?] { ["mail": try Policy("mail.*", rule: rule)] }
    let four = Rule.quorum(Quorum(2, of: "officers"))
    #expect(try refusal(with: policy(four)) == "constitution.threshold")
    #expect(try refusal(with: policy(.any([.deny, .all([four])]))) == "constitution.threshold")
    #expect(try refusal(with: policy(.groups([Quorum(3, of: "auditors")]))) == "constitution.threshold")
    #expect(try refusal(with: policy(.single(committee: "nobody"))) == "constitution.unknown-committee")
    let lock = Timelock(delay: 1, objectors: Quorum(3, of: "auditors"), after: .single(committee: "officers"))
    #expect(try refusal(with: policy(.timelock(lock))) == "constitution.threshold")
    #expect(
      try refusal(with: policy(.groups([Quorum(1, of: "officers"), Quorum(1, of: "officers")])))
        == "constitution.groups")
    #expect(
      try refusal(root: RootRule(committee: "everybody", threshold: 6, delay: 0)) == "constitution.threshold")
    #expect(
      try refusal(root: RootRule(committee: "nobody", threshold: 1, delay: 0)) == "constitution.unknown-committee")
    let breakGlass = Policy(
      covers: [try Pattern(parsing: "box.stop")], rule: .single(committee: "officers"),
      breakGlass: BreakGlass(rule: .quorum(Quorum(3, of: "auditors")), ttl: 60))
    #expect(try refusal(with: ["mail": breakGlass, "brakes": nil]) == "constitution.threshold")
  }

  @Test func committeesConsistOfSigners() throws {
    var committees = TestBox.committees
    committees["officers"] = ["mallory"]
    #expect(try refusal(committees: committees) == "constitution.unknown-signer")
    let json: JSON = ["team": []]
    var object = try #require(TestBox.constitution().json.object)
    object["committees"] = json
    #expect(code { _ = try Constitution(json: .object(object)) } == "field constitution.committees.team")
    object["committees"] = ["team": ["ana", "ana"]]
    #expect(code { _ = try Constitution(json: .object(object)) } == "field constitution.committees.team[1]")
  }

  @Test func rulesOverGovernanceCanBeSatisfied() throws {
    #expect(try refusal(with: ["rules": try Policy("governance.*", rule: .deny)]) == "constitution.never-satisfied")
    // Elsewhere it denies, and that is its meaning; a delay that outlasts every proposal is a mistake anywhere.
    #expect(try refusal(with: ["mail": try Policy("mail.*", rule: .deny)]) == nil)
    let lock = Rule.timelock(
      Timelock(delay: 60, objectors: Quorum(1, of: "auditors"), after: .single(committee: "everybody")))
    for (expiry, expected) in [(60, "constitution.never-satisfied"), (61, nil)] as [(Int64, String?)] {
      let policy = Policy(covers: [try Pattern(parsing: "mail.*")], rule: lock, maxExpiry: expiry)
      #expect(try refusal(with: ["mail": policy]) == expected)
    }
  }

  @Test func theMostSpecificPolicyGoverns() throws {
    func policy(_ covers: String...) throws -> Policy {
      Policy(covers: try covers.map { try Pattern(parsing: $0) }, rule: .quorum(Quorum(3, of: "everybody")))
    }
    let constitution = try TestBox.constitution(policies: [
      "star": policy("*"), "a": policy("a.*"), "ab": policy("a.b.*"), "abc": policy("a.b.c"),
      "gov": policy("governance.*"), "set": policy("governance.policy.*"),
    ])
    func governs(_ type: String) -> String? { constitution.policy(covering: type)?.name }
    #expect(governs("a.b.c") == "abc" && governs("a.b.d") == "ab" && governs("a.b") == "a" && governs("b.c") == "star")
    #expect(governs("a.b.c.d") == "ab" && governs("ab.c") == "star")
    #expect(governs("governance.committee.set") == "gov" && governs("governance.policy.set") == "set")
    #expect(governs("governance.recover") == nil)
    let bare = try TestBox.constitution(policies: ["star": policy("*")])
    #expect(bare.policy(covering: "governance.policy.set") == nil)
    #expect(bare.policy(covering: "box.stop")?.name == "star")
    #expect(try refusal(with: ["twice": policy("mail.*")]) == "constitution.pattern-twice")
    #expect(try refusal(with: ["root": policy("governance.recover")]) == "constitution.covers-recovery")
    for text in ["", "mail", "*.mail", "mail.**", "mail*", "mail.*.send", "a.b.c.d.e.*", "Mail.*", "**"] {
      #expect(code { _ = try Pattern(parsing: text) } == "field covers", "\(text)")
    }
  }

  @Test func onlyNarrowingActionsHaveABreakGlassRule() throws {
    for type in ["box.stop", "box.seal", "signer.revoke", "box.*", "mail.send", "*"] {
      let policy = Policy(
        covers: [try Pattern(parsing: type)], rule: .quorum(Quorum(3, of: "everybody")),
        breakGlass: BreakGlass(rule: .single(committee: "auditors"), ttl: 60))
      let expected = Policy.narrowing.contains(type) ? nil : "constitution.break-glass"
      #expect(try refusal(with: ["brakes": nil, "glass": policy]) == expected, "\(type)")
    }
  }

  @Test func whatCanReplaceARuleIsNoWeaker() throws {
    let weaker = "constitution.weaker-than-controlled"
    func rules(_ rule: Rule) throws -> [String: Policy?] { ["rules": try Policy("governance.*", rule: rule)] }
    #expect(try refusal(with: rules(.quorum(Quorum(2, of: "everybody")))) == weaker)
    #expect(try refusal(with: rules(.quorum(Quorum(3, of: "everybody")))) == nil)
    // Four signatures, but two of them can be the same person's.
    let overlapping = Rule.all([.quorum(Quorum(2, of: "everybody")), .quorum(Quorum(2, of: "engineers"))])
    #expect(try refusal(with: rules(overlapping)) == weaker)
    #expect(
      try refusal(with: rules(.any([.quorum(Quorum(5, of: "everybody")), .single(committee: "officers")]))) == weaker)
    #expect(
      try refusal(with: rules(.all([.quorum(Quorum(2, of: "engineers")), .single(committee: "auditors")]))) == nil)
    #expect(try refusal(root: RootRule(committee: "everybody", threshold: 2, delay: 0)) == weaker)
    let committee = [
      "rules": try Policy("governance.policy.set", rule: .quorum(Quorum(3, of: "everybody"))),
      "members": try Policy("governance.committee.set", rule: .quorum(Quorum(2, of: "everybody"))),
    ]
    #expect(try refusal(with: committee) == weaker)
    // Even where nothing else needs a signature, governance does.
    let automatic = try TestBox.constitution(
      policies: [
        "notes": try Policy("note.write", rule: .automatic([])),
        "rules": try Policy("governance.*", rule: .automatic([])),
      ], root: RootRule(committee: "everybody", threshold: 1, delay: 0))
    #expect(code { try automatic.validate() } == weaker)
  }

  @Test func entangledRulesAreRefused() throws {
    let committees = TestBox.committees.merging(
      (0..<11).map { ("c\($0)", ["ana", "ben", "carl"]) }, uniquingKeysWith: { first, _ in first })
    func all(_ count: Int) throws -> [String: Policy?] {
      ["mail": try Policy("mail.*", rule: .all((0..<count).map { .quorum(Quorum(1, of: "c\($0)")) }))]
    }
    #expect(try refusal(committees: committees, with: all(10)) == nil)
    #expect(try refusal(committees: committees, with: all(11)) == "constitution.entangled")
    let choice = Rule.any([.single(committee: "officers"), .single(committee: "auditors")])
    #expect(try refusal(with: ["mail": try Policy("mail.*", rule: .all(Array(repeating: choice, count: 6)))]) == nil)
    #expect(
      try refusal(with: ["mail": try Policy("mail.*", rule: .all(Array(repeating: choice, count: 7)))])
        == "constitution.entangled")
  }

  /// Anybody who may propose can have a constitution of their choice counted, so the whole must cost little.
  @Test func manyRulesThatAreEachJustCountableAreTooMuchTogether() throws {
    let committees = TestBox.committees.merging(
      (0..<10).map { ("c\($0)", ["ana", "ben", "carl"]) }, uniquingKeysWith: { first, _ in first })
    let rule = Rule.all((0..<10).map { .quorum(Quorum(1, of: "c\($0)")) })
    func policies(_ count: Int) throws -> [String: Policy?] {
      Dictionary(uniqueKeysWithValues: try (0..<count).map { ("p\($0)", try Policy("p\($0).run", rule: rule)) })
    }
    #expect(try refusal(committees: committees, with: policies(4)) == nil)
    #expect(try refusal(committees: committees, with: policies(5)) == "constitution.entangled")
    // The branches of one rule share the same room.
    let branches = Rule.any(
      (0..<5).map { index in .all((0..<10).map { .quorum(Quorum(1, of: "c\(($0 + index) % 10)")) }) })
    #expect(
      try refusal(committees: committees, with: ["mail": try Policy("mail.*", rule: branches)])
        == "constitution.entangled")
  }

  @Test func everyKeyIsPossessedAndBelongsToOneSigner() throws {
    let ana = try TestKeys.signer("ana")
    let others = try TestBox.people.dropFirst().map { try TestKeys.signer($0) }
    func with(_ first: Signer) throws -> String? { try refusal(signers: [first] + others) }
    #expect(try with(ana) == nil)
    let proof = ana.keys[0].possession
    let key = ana.keys[0].key
    let possession = "constitution.possession"
    #expect(
      try with(Signer(name: "ana", keys: [SignerKey(key: try TestKeys.claimKey("x"), possession: proof)])) == possession
    )
    #expect(try with(Signer(name: "ana", keys: [SignerKey(key: key, possession: "")])) == possession)
    // The proof of another signer, and the proof for another box.
    let elsewhere = try TestKeys.signer("ana", box: "other.example")
    #expect(try with(elsewhere) == possession)
    let asBen = try TestKeys.signer("ben", keys: ["ana"])
    #expect(try with(Signer(name: "ana", keys: asBen.keys)) == possession)
    #expect(try with(TestKeys.signer("ana", keys: ["ana", "ben"])) == "constitution.shared-key")
    #expect(try with(TestKeys.signer("ana", keys: ["ana", "ana"])) == "constitution.shared-key")
    // One key under two forms is still one key.
    let passkey = ClaimKey(key.publicKey, algorithm: .webauthn)
    #expect(
      try with(Signer(name: "ana", keys: ana.keys + [SignerKey(key: passkey, possession: proof)]))
        == "constitution.shared-key")
    let other = ClaimKey(try TestKeys.privateKey("x").publicKey, algorithm: .webauthn)
    #expect(
      try with(Signer(name: "ana", keys: [SignerKey(key: other, possession: proof)])) == "constitution.passkeys-missing"
    )
  }

  @Test func aConstitutionIsReadStrictly() throws {
    let object = try #require(
      TestBox.constitution(passkeys: Passkeys(rpID: "box.example", origins: ["https://box.example"])).json.object)
    #expect(code { _ = try Constitution(json: .object(object)) } == nil)
    for name in object.keys where name != "passkeys" {
      var less = object
      less[name] = nil
      #expect(code { _ = try Constitution(json: .object(less)) } == "field constitution.\(name)")
      less[name] = .double(0.5)
      #expect(code { _ = try Constitution(json: .object(less)) } == "field constitution.\(name)")
    }
    var more = object
    more["admin"] = "mallory"
    #expect(code { _ = try Constitution(json: .object(more)) } == "field constitution.admin")
    more = object
    more["passkeys"] = ["rp": "box.example", "origins": []]
    #expect(code { _ = try Constitution(json: .object(more)) } == "field constitution.passkeys")
    more["passkeys"] = nil
    more["signers"] = ["Ana": ["keys": []]]
    #expect(code { _ = try Constitution(json: .object(more)) } == "field constitution.signers")
    more["signers"] = ["ana": ["keys": []]]
    #expect(code { _ = try Constitution(json: .object(more)) } == "field constitution.signers.ana.keys")
  }

  @Test func aPolicyIsReadStrictlyAndHashedAsWritten() throws {
    let minimal: JSONObject = ["covers": ["mail.*"], "rule": ["rule": "deny"]]
    func refusal(_ name: String, _ value: JSON) -> String? {
      var object = minimal
      object[name] = value
      return code { _ = try Policy(json: .object(object)) }
    }
    #expect(refusal("selfApproval", true) == nil)
    #expect(refusal("selfApproval", 1) == "field policy.selfApproval")
    #expect(refusal("maxExpiry", 0) == "field policy.maxExpiry")
    #expect(refusal("maxExpiry", .integer(30 * 86_400)) == nil)
    #expect(refusal("maxExpiry", .integer(30 * 86_400 + 1)) == "field policy.maxExpiry")
    #expect(refusal("covers", []) == "field policy.covers")
    #expect(refusal("covers", ["mail.*", "mail.*"]) == "field policy.covers[1]")
    #expect(refusal("quota", ["open": 0, "count": 1, "period": 1]) == "field policy.quota.open")
    #expect(refusal("quota", ["open": 1, "count": 1, "period": 1]) == nil)
    #expect(refusal("breakGlass", ["rule": ["rule": "deny"], "ttl": 0]) == "field policy.breakGlass.ttl")
    #expect(refusal("onTimeout", "allow") == "field policy.onTimeout")
    for (address, fits) in [
      ("127.0.0.1:8090", true), ("[::1]:80", true), ("127.0.0.1", false), ("localhost:80", false),
      ("1.2.3.256:80", false),
      ("1.2.3:80", false), ("01.2.3.4:80", false), ("127.0.0.1:0", false),
    ] {
      #expect((refusal("egress", ["addresses": [.string(address)]]) == nil) == fits, "\(address)")
    }
    // A default that is written out stays written out: the digest is of the author's text.
    var explicit = minimal
    explicit["selfApproval"] = false
    let policy = try Policy(json: .object(explicit))
    #expect(policy.json == .object(explicit))
    #expect(policy.digest(name: "mail") == SHA256Digest.of(["name": "mail", "policy": .object(explicit)]))
  }

  @Test func aConstitutionIsBounded() throws {
    var committees = TestBox.committees
    let people = TestBox.people
    for index in 0..<28 { committees["c\(index)"] = people }
    #expect(try refusal(committees: committees) == nil)
    let values = JSON.array((0..<200).map { .string(String(repeating: "x", count: 200) + "\($0)") })
    let check = try Check(json: ["check": "in", "field": "params.a", "values": values])
    let large = try Policy("mail.*", rule: .automatic([check]))
    #expect(try refusal(with: ["mail": large]) == nil)
    let second = try Policy("post.*", rule: .automatic([check]))
    #expect(try refusal(with: ["mail": large, "post": second]) == "constitution.too-large")
  }
}
