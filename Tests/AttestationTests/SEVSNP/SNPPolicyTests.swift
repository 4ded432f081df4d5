import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// Each demand of a policy accepts what it should and refuses the rest, by a report that is genuine.
@Suite struct SNPPolicyTests {
  struct Demand: Sendable {
    let member: String
    let check: CheckID
    let accepting: JSON
    let refusing: JSON
  }

  private static func hex(_ byte: UInt8, _ count: Int) -> JSON {
    .array([.string(Hex.encode([UInt8](repeating: byte, count: count)))])
  }

  private static func milan(_ change: (String, JSON)? = nil) -> JSON {
    var tcb: JSONObject = ["bootLoader": 4, "tee": 0, "snp": 24, "microcode": 219]
    if let (name, value) = change { tcb[name] = value }
    return ["Milan": .object(tcb)]
  }

  static let flags = [
    "smt", "migration", "singleSocket", "cxl", "aes256xts", "raplOff", "ciphertextHiding", "pageSwapOff",
  ]
  static let platformFlags = [
    "smt", "tsme", "ecc", "raplOff", "ciphertextHiding", "aliasCheck", "iommuWriteSafe", "tio",
  ]

  private static func guestPolicy(_ flag: String = "migration", _ value: JSON = false, abi: JSON = "any") -> JSON {
    var object = JSONObject(flags.map { ($0, "any") })
    object[flag] = value
    object["minimumABI"] = abi
    return .object(object)
  }

  private static func platform(_ flag: String, _ value: JSON) -> JSON {
    var object = JSONObject(platformFlags.map { ($0, "any") })
    object[flag] = value
    return .object(object)
  }

  /// The report: Milan, VCEK, policy 0x30000 (SMT), ABI 0.0, platform 0x25, guest SVN 2, firmware 1.55.29.
  static let demands: [Demand] = {
    var demands = [
      Demand(member: "products", check: .snpAcceptedProduct, accepting: ["Genoa", "Milan"], refusing: ["Turin"]),
      Demand(member: "signingKeys", check: .snpSigningKey, accepting: ["vcek"], refusing: ["vlek"]),
      Demand(member: "providers", check: .snpProvider, accepting: "any", refusing: ["CN=cloud.example"]),
      Demand(member: "vmpl", check: .snpVMPL, accepting: [0, 1], refusing: [1]),
      Demand(
        member: "minimumFirmware", check: .snpFirmware,
        accepting: ["major": 1, "minor": 54, "build": 255], refusing: ["major": 1, "minor": 55, "build": 30]),
      Demand(member: "minimumGuestSVN", check: .snpGuestSVN, accepting: 2, refusing: 3),
      Demand(
        member: "guestPolicy", check: .snpABI,
        accepting: guestPolicy(abi: ["major": 0, "minor": 0]), refusing: guestPolicy(abi: ["major": 0, "minor": 1])),
      Demand(
        member: "chips", check: .snpAcceptedChip,
        accepting: .array([.string(Hex.encode(SNPMint.chipID(.milan)))]), refusing: hex(1, 64)),
      Demand(member: "familyIDs", check: .snpFamilyID, accepting: hex(1, 16), refusing: hex(9, 16)),
      Demand(member: "imageIDs", check: .snpImageID, accepting: hex(2, 16), refusing: hex(9, 16)),
      Demand(member: "hostData", check: .snpHostData, accepting: hex(4, 32), refusing: hex(9, 32)),
      Demand(member: "idKeys", check: .snpIDKey, accepting: hex(5, 48), refusing: hex(9, 48)),
      Demand(member: "authorKeys", check: .snpAuthorKey, accepting: hex(6, 48), refusing: hex(9, 48)),
      Demand(member: "mitigations", check: .snpMitigations, accepting: "any", refusing: [0]),
      Demand(
        member: "minimumTCB", check: .snpReportedTCB, accepting: milan(),
        refusing: ["Turin": ["fmc": 0, "bootLoader": 0, "tee": 0, "snp": 0, "microcode": 0]]),
    ]
    for (name, value) in [("bootLoader", 5), ("tee", 1), ("snp", 25), ("microcode", 220)] {
      demands.append(
        Demand(
          member: "minimumTCB", check: .snpCommittedTCB, accepting: milan(),
          refusing: milan((name, .integer(Int64(value))))))
    }
    for flag in flags {
      let actual = flag == "smt"
      demands.append(
        Demand(
          member: "guestPolicy", check: .snpGuestPolicy, accepting: guestPolicy(flag, .bool(actual)),
          refusing: guestPolicy(flag, .bool(!actual))))
    }
    for flag in platformFlags {
      let actual = ["smt", "ecc", "aliasCheck"].contains(flag)
      demands.append(
        Demand(
          member: "platform", check: .snpPlatform, accepting: platform(flag, .bool(actual)),
          refusing: platform(flag, .bool(!actual))))
    }
    return demands
  }()

  static func item(_ name: String, _ mint: SNPMint, _ fields: SNPMint.Fields, _ policy: JSONObject) throws
    -> BrowserVerifier.Case
  {
    BrowserVerifier.Case(
      name: name, evidence: Evidence(try mint.evidence(fields)).json,
      policy: SNPPolicies.appraisal("sev-snp", policy, anchors: SNPMinted.anchors(mint)), at: SNPMinted.at,
      binding: .any)
  }

  static func appraise(_ item: BrowserVerifier.Case) throws -> AttestationReport {
    try Evidence(json: item.evidence).appraised(
      by: try AppraisalPolicy(json: item.policy), binding: item.binding, at: item.at)
  }

  @Test func eachDemandAcceptsAndRefuses() throws {
    let mint = try SNPMint()
    for demand in Self.demands {
      for (value, verdict) in [(demand.accepting, AttestationReport.Verdict.accepted), (demand.refusing, .rejected)] {
        let policy = SNPPolicies.with(demand.member, value)
        let report = try Self.appraise(try Self.item(demand.member, mint, SNPMint.Fields(), policy))
        #expect(report.verdict == verdict, "\(demand.member) \(value.summary): \(report.failures)")
        if verdict == .rejected { #expect(report.failures.map(\.id).contains(demand.check), "\(demand.member)") }
      }
    }
  }

  /// Each of the four versions is compared, and part by part: a new boot loader does not make up for old microcode.
  @Test func eachVersionMustReachTheMinimum() throws {
    let policy = SNPPolicies.with("minimumTCB", Self.milan())
    let old = SNPMint.Versions(bootLoader: 255, microcode: 218)
    let reported = try SNPMint(tcb: old)
    let mint = try SNPMint()
    let cases: [(CheckID, SNPMint, SNPMint.Fields)] = [
      (.snpReportedTCB, reported, SNPMint.Fields { $0.reported = old }),
      (.snpCommittedTCB, mint, SNPMint.Fields { $0.committed = old }),
      (.snpLaunchTCB, mint, SNPMint.Fields { $0.launch = old }),
      (.snpCurrentTCB, mint, SNPMint.Fields { $0.current = old }),
    ]
    for (check, mint, fields) in cases {
      let report = try Self.appraise(try Self.item(check.name, mint, fields, policy))
      #expect(report.failures.map(\.id) == [check])
    }
  }

  @Test func turinHasAnOrderOfItsOwn() throws {
    let tcb = SNPMint.Versions(fmc: 7, bootLoader: 6, tee: 5, snp: 4, microcode: 3)
    let mint = try SNPMint(product: .turin, tcb: tcb, hardwareID: .octetString)
    let fields = SNPMint.Fields {
      $0.version = 5
      ($0.reported, $0.committed, $0.current, $0.launch) = (tcb, tcb, tcb, tcb)
    }
    let enough: JSON = ["Turin": ["fmc": 7, "bootLoader": 6, "tee": 5, "snp": 4, "microcode": 3]]
    let accepted = try Self.appraise(try Self.item("turin", mint, fields, SNPPolicies.with("minimumTCB", enough)))
    #expect(accepted.verdict == .accepted, "\(accepted.failures)")
    let more: JSON = ["Turin": ["fmc": 8, "bootLoader": 6, "tee": 5, "snp": 4, "microcode": 3]]
    let refused = try Self.appraise(try Self.item("turin", mint, fields, SNPPolicies.with("minimumTCB", more)))
    #expect(
      refused.failures.map(\.id) == [.snpReportedTCB, .snpCommittedTCB, .snpLaunchTCB, .snpCurrentTCB])
    #expect((accepted.claims as? SNPClaims)?.hardwareID == SNPMint.chipID(.turin))
    // Both mitigations at launch and now are needed.
    for (bits, verdict) in [([0, 1], AttestationReport.Verdict.accepted), ([2], .rejected), ([3], .rejected)] {
      let policy = SNPPolicies.with("mitigations", .array(bits.map { .integer(Int64($0)) }))
      #expect(try Self.appraise(try Self.item("mitigations", mint, fields, policy)).verdict == verdict, "\(bits)")
    }
  }

  @Test func debuggingHasNoWord() throws {
    let mint = try SNPMint()
    let report = try Self.appraise(
      try Self.item("debug", mint, SNPMint.Fields { $0.policy |= 1 << 19 }, SNPPolicies.open))
    #expect(report.failures.map(\.id) == [.snpDebug])
    #expect(throws: FieldError.self) {
      try AppraisalPolicy(json: SNPPolicies.appraisal("sev-snp", SNPPolicies.with("debug", "any")))
    }
  }

  @Test func settingsThatNobodyKnowsAreNotPassedOver() throws {
    let mint = try SNPMint()
    let fields = SNPMint.Fields { $0.platform |= 1 << 40 }
    let policy = SNPPolicies.with("platform", Self.platform("ecc", "any"))
    #expect(try Self.appraise(try Self.item("platform", mint, fields, policy)).failures.map(\.id) == [.snpPlatform])
    #expect(try Self.appraise(try Self.item("platform", mint, fields, SNPPolicies.open)).verdict == .accepted)
  }

  @Test func everyMemberIsWrittenOut() throws {
    for member in SNPPolicies.open.keys {
      var policy = SNPPolicies.open
      policy[member] = nil
      let error = #expect(throws: FieldError.self) {
        try AppraisalPolicy(json: SNPPolicies.appraisal("sev-snp", policy))
      }
      #expect(error?.field == "platforms.sev-snp.\(member)")
      for value in [JSON.null, [], .object([:]), "all"] as [JSON] {
        policy[member] = value
        #expect(throws: FieldError.self, "\(member) \(value.summary)") {
          try AppraisalPolicy(json: SNPPolicies.appraisal("sev-snp", policy))
        }
      }
    }
  }

  @Test func whatWasReadIsWrittenAgain() throws {
    var reader = ObjectReader(members: SNPPolicies.with("minimumTCB", Self.milan()))
    let policy = try SNPPolicy(members: &reader)
    try reader.finish()
    #expect(policy.members == SNPPolicies.with("minimumTCB", Self.milan()))
  }

  @Test func releasesNameTheMeasurement() throws {
    let mint = try SNPMint()
    guard case .object(var policy) = SNPPolicies.appraisal(anchors: SNPMinted.anchors(mint)) else { return }
    for (byte, verdict) in [(UInt8(3), AttestationReport.Verdict.accepted), (8, .rejected)] {
      policy["releases"] = [
        ["name": "box", "version": "1", "references": ["sev-snp": ["measurement": Self.hex(byte, 48)]]]
      ]
      let report = Evidence(try mint.evidence(SNPMint.Fields())).appraised(
        by: try AppraisalPolicy(json: .object(policy)), binding: .any, at: SNPMinted.at)
      #expect(report.verdict == verdict)
    }
  }

  /// For the browser: every demand, both ways, and the faults of chains that only a mint can make.
  static func cases() throws -> [BrowserVerifier.Case] {
    let mint = try SNPMint()
    var cases: [BrowserVerifier.Case] = []
    for demand in demands {
      for value in [demand.accepting, demand.refusing] {
        cases.append(
          try item("\(demand.member) \(value.summary)", mint, SNPMint.Fields(), SNPPolicies.with(demand.member, value)))
      }
    }
    for member in SNPPolicies.open.keys {
      var policy = SNPPolicies.open
      policy[member] = nil
      cases.append(try item("without \(member)", mint, SNPMint.Fields(), policy))
      policy[member] = [["x"]]
      cases.append(try item("nonsense for \(member)", mint, SNPMint.Fields(), policy))
    }
    return try cases + SNPChainTests.faults().map { try item($0.name, $0.mint, $0.fields, SNPPolicies.open) }
  }
}
