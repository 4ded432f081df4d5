import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// A combination is genuine where every member is, for itself and for the same question.
@Suite struct CombinedEvidenceTests {
  /// Combinations that there are, and one with as many members as there may be.
  static func scenarios() throws -> [CombinedScenario] {
    [
      try .machine(),
      CombinedScenario([try CombinedScenario.tdx(), try CombinedScenario.tpm()], at: TDXMint.time),
      CombinedScenario([try CombinedScenario.enclave(), try CombinedScenario.tpm()]),
      CombinedScenario([try CombinedScenario.instance(), try CombinedScenario.snp()]),
      CombinedScenario([
        try CombinedScenario.google(), try CombinedScenario.snp(), try CombinedScenario.enclave(),
        try CombinedScenario.tpm(),
      ]),
    ]
  }

  /// What is signed, or signs, in a member.
  static let signed: [EvidenceKind: [String]] = [
    .snp: ["report"], .tpm: ["quote", "signature"], .tdx: ["quote"], .nitroEnclave: ["document"],
    .nitroTPM: ["document", "quote", "signature"],
  ]

  /// Each member broken in turn, by what is signed in it and by being made for another question.
  static func broken(_ scenario: CombinedScenario) throws -> [(kind: String, item: BrowserVerifier.Case)] {
    var cases: [(String, BrowserVerifier.Case)] = []
    for (index, member) in scenario.members.enumerated() {
      let kind = member.evidence.kind
      for name in signed[kind] ?? [] {
        let evidence = scenario.evidence(replacing: index, by: try member.flipping(name))
        cases.append((kind.rawValue, scenario.item("\(kind.rawValue): \(name)", evidence)))
      }
      let others: [EvidenceKind: ([UInt8]) throws -> CombinedScenario.Member] = [
        .snp: { try CombinedScenario.snp($0) }, .tpm: { try CombinedScenario.tpm($0) },
        .nitroEnclave: CombinedScenario.enclave, .nitroTPM: CombinedScenario.instance,
        .gcpVTPM: CombinedScenario.google,
      ]
      guard let other = try others[kind]?(CombinedScenario.other) else { continue }
      let evidence = scenario.evidence(replacing: index, by: .object(other.evidence.members))
      cases.append((kind.rawValue, scenario.item("\(kind.rawValue) made for another question", evidence)))
    }
    return cases
  }

  @Test func genuineMembersAreAcceptedTogether() throws {
    for scenario in try Self.scenarios() {
      let report = try scenario.item("").report()
      #expect(report.verdict == .accepted, "\(scenario.kinds): \(report.failures)")
      let claims = try #require(report.claims as? CombinedClaims)
      #expect(claims.parts.map(\.kind.rawValue) == scenario.kinds)
      for member in scenario.members {
        let kind = member.evidence.kind.rawValue
        #expect(claims.registers["\(kind).\(member.register.name)"] == member.register.value)
      }
      #expect(try Evidence(json: scenario.evidence).json == scenario.evidence)
      #expect(try Evidence(json: scenario.evidence).content.unverifiedRegisters == claims.registers)
    }
  }

  /// Exactly the checks that the members have alone, under their kinds, and what nobody can check.
  @Test func everyCheckOfEveryMemberIsMade() throws {
    for scenario in try Self.scenarios() {
      let report = try scenario.item("").report()
      for member in scenario.members {
        let kind = member.evidence.kind.rawValue
        let alone = try BrowserVerifier.Case(
          name: kind, evidence: member.evidence.json, policy: scenario.policy([kind: member.demands]), at: scenario.at,
          binding: scenario.binding
        ).report()
        let expected = alone.checks.filter { !$0.id.name.hasPrefix("policy.") }
        let found = report.checks.filter { $0.id.name.hasPrefix("\(kind)/") }
        #expect(found.map(\.id.name) == expected.map { "\(kind)/\($0.id.name)" })
        #expect(found.map(\.id.title) == expected.map { "\(kind): \($0.id.title)" })
        #expect(found.map(\.outcome) == expected.map(\.outcome))
      }
      let machine = try #require(report.checks.first { $0.id == .combinedMachine })
      #expect(machine.outcome.name == "not-performed")
    }
  }

  @Test func everyMemberMustHold() throws {
    for scenario in try Self.scenarios() {
      for (kind, item) in try Self.broken(scenario) {
        let report = try item.report()
        #expect(report.verdict == .rejected, "\(item.name)")
        #expect(report.claims == nil, "\(item.name)")
        #expect(!report.failures.isEmpty, "\(item.name)")
        #expect(report.failures.allSatisfy { $0.id.name.hasPrefix("\(kind)/") }, "\(item.name): \(report.failures)")
      }
    }
  }

  /// One member made for another question is a replay of somebody else's, however genuine.
  @Test func everyMemberIsBound() throws {
    let scenario = try CombinedScenario.machine()
    let snp = scenario.evidence(
      replacing: 0, by: .object(try CombinedScenario.snp(CombinedScenario.other).evidence.members))
    #expect(try scenario.item("", snp).failures() == ["sev-snp/snp.binding"])
    let tpm = scenario.evidence(
      replacing: 1, by: .object(try CombinedScenario.tpm(CombinedScenario.other).evidence.members))
    #expect(try scenario.item("", tpm).failures() == ["tpm/tpm.nonce"])
  }

  /// That one member fails keeps no other from being verified.
  @Test func allFailuresAreShown() throws {
    let scenario = try CombinedScenario.machine()
    let both = CombinedScenario.evidence([
      try scenario.members[0].flipping("report"), try scenario.members[1].flipping("signature"),
    ])
    let report = try scenario.item("", both).report()
    #expect(report.failures.map(\.id.name) == ["sev-snp/snp.signature", "tpm/tpm.signature"])
  }

  /// Evidence of a kind that says nothing, and of which nothing failed.
  private struct Silence: EvidenceFormat {
    typealias Policy = NVIDIAPolicy
    static let kind = EvidenceKind.nvidia

    init() {}
    init(members: inout ObjectReader) {}
    var members: JSONObject { [:] }
    static func recognise(_: RawEvidence) -> Silence? { nil }
    func verify(in _: VerificationContext, into _: inout CheckList) -> NVIDIAClaims? { nil }
    var unverifiedRegisters: [String: [UInt8]] { [:] }
    var explanation: [EvidenceLine] { [] }
  }

  /// What a member does not say is not left out of what the whole says.
  @Test func aSilentMemberLeavesNoClaims() throws {
    let snp = try CombinedScenario.snp()
    let anchors = try AppraisalPolicy(json: CombinedScenario([snp, try CombinedScenario.tpm()]).policy()).anchors
    let context = VerificationContext(
      anchors: TrustAnchors(anchors: anchors), at: NitroMint.timestamp, binding: .bytes(CombinedScenario.nonce))
    var checks = CheckList()
    #expect(CombinedVerifier.verify([snp.evidence], in: context, into: &checks)?.parts.map(\.kind) == [.snp])
    #expect(CombinedVerifier.verify([Evidence(Silence()), snp.evidence], in: context, into: &checks) == nil)
    #expect(checks.holds)
  }

  /// A member that owes a check and does not make it is as incomplete inside a combination as it is alone.
  @Test func whatAMemberOwesTheWholeOwes() {
    let (made, owed, given) = (CheckID("a.made", "1"), CheckID("a.owed", "2"), CheckID("a.given", "3"))
    var member = CheckList()
    member.demand([made, owed, given])
    member.pass(made, "")
    member.waive(given, because: "the caller asked for it")
    member.limit(until: 7)
    var whole = CheckList()
    whole.include(member, of: .tpm)
    #expect(whole.missing.map(\.name) == ["tpm/a.owed"])
    #expect(whole.checks.map(\.id.name) == ["tpm/a.made", "tpm/a.given"])
    #expect(whole.holds && !whole.succeeds)
    #expect(whole.deadline == 7)
    whole.pass(owed.of(.tpm), "")
    #expect(whole.succeeds)
  }

  @Test func theFirstEndCounts() throws {
    let soon = NitroMint.timestamp + 5000
    let alone = try CombinedScenario.machine().item("").report().deadline
    #expect(alone == CertificateMint.notAfter)
    let scenario = CombinedScenario([try CombinedScenario.snp(notAfter: soon), try CombinedScenario.tpm()])
    #expect(try scenario.item("").report().deadline == soon)
  }

  /// Somebody who asks for no nonce is told so by every member.
  @Test func withoutANonceNothingIsBound() throws {
    var scenario = try CombinedScenario.machine()
    scenario.binding = .any
    let report = try scenario.item("").report()
    #expect(report.verdict == .accepted)
    let waived = report.checks.filter { $0.outcome.name == "not-performed" }.map(\.id.name)
    #expect(waived.contains("sev-snp/snp.binding") && waived.contains("tpm/tpm.nonce"))
  }

  @Test func theWeakestMemberCounts() throws {
    var scenario = CombinedScenario([try CombinedScenario.snp(), try CombinedScenario.tpm(assurance: "software")])
    #expect(try scenario.item("").report().claims?.assurance == .software(name: "tpm of tests"))
    scenario.assurance = "hardware"
    #expect(try scenario.item("").failures() == ["policy.assurance"])
    scenario = try .machine()
    scenario.assurance = "hardware"
    let report = try scenario.item("").report()
    #expect(report.verdict == .accepted)
    #expect(report.claims?.assurance == .hardware(vendor: "Test and tpm of tests"))
  }

  /// The name of an enrolled key counts inside a combination as it does alone.
  @Test func anEnrolledKeyNeedsNoCertificate() throws {
    let tpm = try CombinedScenario.tpm(isCertified: false)
    var scenario = CombinedScenario([try CombinedScenario.snp(), tpm])
    #expect(try scenario.item("").failures() == ["tpm/tpm.ak-trust"])
    let name = try TPMTPublic(try TPMMint.p256().area()).name
    scenario.enrolled = [["name": "box", "ak": .string(Hex.encode(name)), "assurance": "hardware"]]
    #expect(try scenario.item("").report().verdict == .accepted)
  }

  // MARK: The form

  /// What no combination is, and the member of the JSON that is wrong.
  static func malformed() throws -> [(name: String, evidence: JSON, field: String)] {
    let scenario = CombinedScenario([
      try CombinedScenario.google(), try CombinedScenario.snp(), try CombinedScenario.tpm(),
      try CombinedScenario.enclave(), try CombinedScenario.instance(),
    ])
    let members = scenario.members.map { JSON.object($0.evidence.members) }
    let (snp, tpm) = (members[3], members[4])
    let nested = scenario.evidence.setting("format", to: nil)
    func changed(_ member: JSON, _ name: String, _ value: JSON?) -> JSON { member.setting(name, to: value) }
    return [
      ("none", CombinedScenario.evidence([]), "members"), ("one", CombinedScenario.evidence([tpm]), "members"),
      ("five", CombinedScenario.evidence(members), "members"),
      ("absent", ["format": "safebox-evidence/v1", "kind": "combined"], "members"),
      ("the same kind twice", CombinedScenario.evidence([tpm, tpm]), "members[1].kind"),
      ("the same kind in third place", CombinedScenario.evidence([snp, tpm, tpm]), "members[2].kind"),
      ("in another order", CombinedScenario.evidence([tpm, snp]), "members[1].kind"),
      ("nested", CombinedScenario.evidence([changed(nested, "members", .array([snp, tpm])), tpm]), "members[0].kind"),
      ("of no kind", CombinedScenario.evidence([snp, changed(tpm, "kind", nil)]), "members[1].kind"),
      ("of an unknown kind", CombinedScenario.evidence([snp, changed(tpm, "kind", "tpm1")]), "members[1].kind"),
      ("no object", CombinedScenario.evidence([snp, "tpm"]), "members[1]"),
      ("without a quote", CombinedScenario.evidence([snp, changed(tpm, "quote", nil)]), "members[1].quote"),
      ("a quote that is none", CombinedScenario.evidence([snp, changed(tpm, "quote", 1)]), "members[1].quote"),
      (
        "registers that are none", CombinedScenario.evidence([snp, changed(tpm, "pcrs", ["sha256": ["1": "00"]])]),
        "members[1].pcrs.sha256.1"
      ),
      (
        "a runtime event that is none", CombinedScenario.evidence([snp, changed(tpm, "runtime", [1])]),
        "members[1].runtime[0]"
      ),
      (
        "certificates that are none", CombinedScenario.evidence([changed(snp, "certificates", ["?"]), tpm]),
        "members[0].certificates[0]"
      ),
      (
        "a format within", CombinedScenario.evidence([snp, changed(tpm, "format", "safebox-evidence/v1")]),
        "members[1].format"
      ),
      ("a further member", changed(CombinedScenario.evidence([snp, tpm]), "quote", ""), "quote"),
    ]
  }

  @Test func formsAreExact() throws {
    for (name, evidence, field) in try Self.malformed() {
      let error = #expect(throws: FieldError.self, "\(name)") { try Evidence(json: evidence) }
      #expect(error?.field == field, "\(name)")
    }
  }

  /// A program that combines may give the members in any order; what it makes has one.
  @Test func combiningSortsAndRefuses() throws {
    let (snp, tpm) = (try CombinedScenario.snp().evidence, try CombinedScenario.tpm().evidence)
    let made = Evidence(try CombinedEvidence([tpm, snp]))
    #expect(made.parts.map(\.kind) == [.snp, .tpm])
    #expect(made.title == "sev-snp and tpm")
    #expect(made.digest == Evidence(try CombinedEvidence([snp, tpm])).digest)
    #expect(try Evidence(json: made.json).digest == made.digest)
    #expect(tpm.parts.map(\.kind) == [.tpm])
    let four = [
      try CombinedScenario.google().evidence, try CombinedScenario.enclave().evidence,
      try CombinedScenario.instance().evidence, try CombinedScenario.tdx().evidence,
    ]
    for (parts, field) in [
      ([], "members"), ([tpm], "members"), (four + [tpm], "members"), ([tpm, snp, tpm], "members[2].kind"),
      ([made, tpm], "members[0].kind"),
    ] as [([Evidence], String)] {
      let error = #expect(throws: FieldError.self) { try CombinedEvidence(parts) }
      #expect(error?.field == field)
    }
  }

  /// Every line says of which member it is.
  @Test func explanationsNameTheMember() throws {
    let evidence = try Evidence(json: try CombinedScenario.machine().evidence)
    let alone = evidence.parts.flatMap { part in
      part.content.explanation.map { EvidenceLine("\(part.kind.rawValue)/\($0.name)", $0.value) }
    }
    #expect(evidence.content.explanation == alone)
    #expect(Set(alone.map { $0.name.split(separator: "/")[0] }) == ["sev-snp", "tpm"])
  }
}
