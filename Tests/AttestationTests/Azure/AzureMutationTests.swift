import AttestationMint
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import Attestation

/// Every single-field change of valid two-layer evidence is refused, with the reason that it has.
@Suite struct AzureMutationTests {
  static let nonce: [UInt8] = Array("challenge".utf8)

  struct Valid: Sendable, CustomStringConvertible {
    let description: String
    let evidence: AzureEvidence
    let at: Int64
    let anchors: JSON

    func appraised(
      _ evidence: AzureEvidence, _ policy: JSONObject = AzurePolicies.open
    ) throws -> AttestationReport {
      try SNPPolicyTests.appraise(item("", evidence, policy))
    }

    func item(
      _ name: String, _ evidence: AzureEvidence, _ policy: JSONObject = AzurePolicies.open
    ) -> BrowserVerifier.Case {
      BrowserVerifier.Case(
        name: "\(self): \(name)", evidence: Evidence(evidence).json,
        policy: SNPPolicies.appraisal("azure-cvm", policy, anchors: anchors), at: at,
        binding: .bytes(AzureMutationTests.nonce))
    }
  }

  static func minted(_ change: (inout AzureMint) throws -> Void = { _ in }) throws -> Valid {
    let hardware = try SNPMint()
    var mint = try AzureMint(hardware: hardware, extraData: nonce)
    try change(&mint)
    return Valid(
      description: "minted", evidence: try mint.evidence(), at: SNPMinted.at, anchors: SNPMinted.anchors(hardware))
  }

  static func valid() throws -> [Valid] {
    var all = [try minted()]
    if Vectors.available, let evidence = try AzureVectorTests.complete().first?.content as? AzureEvidence {
      all.append(Valid(description: "trustee-tdx", evidence: evidence, at: AzureVectorTests.at, anchors: []))
    }
    return all
  }

  struct Mutation: Sendable {
    let name: String
    let failures: Set<CheckID>
    let evidence: AzureEvidence
  }

  /// The table of fields: what is flipped, and what then fails.
  static func mutations(of valid: Valid) throws -> [Mutation] {
    let hcl = try HCLReport(valid.evidence.hclReport)
    let size = hcl.runtimeData.count
    var mutations: [Mutation] = []
    func add(_ name: String, _ failures: Set<CheckID>, _ change: (inout AzureEvidence) -> Void) {
      var evidence = valid.evidence
      change(&evidence)
      mutations.append(Mutation(name: name, failures: failures, evidence: evidence))
    }
    for (name, offset) in [
      ("magic", 0), ("version", 7), ("size", 8), ("request type", 12), ("status", 16), ("reserved", 31),
      ("data size", 0x4C0), ("data version", 0x4C4), ("report type", 0x4C8), ("hash type", 0x4CC),
      ("runtime data size", 0x4D0), ("behind the runtime data", 0x4D4 + size),
      ("end", valid.evidence.hclReport.count - 1),
    ] {
      add("hcl \(name)", [.azureFormat]) { $0.hclReport[offset] ^= 1 }
    }
    add("hcl cut", [.azureFormat]) { $0.hclReport.removeLast($0.hclReport.count - 0x4D4 - size + 1) }
    let machine = Array((try AzureRuntimeData(hcl.runtimeData).machineID ?? "").utf8)
    let place = try #require(hcl.runtimeData.firstRange(of: machine))
    add("runtime data: machine", [.azureRuntimeData]) { $0.hclReport[0x4D4 + place.upperBound - 1] ^= 1 }
    add("runtime data: end", [.azureRuntimeData, .azureKey]) { $0.hclReport[0x4D4 + size - 1] ^= 1 }
    add("quote magic", [.tpmQuote]) { $0.quote[0] ^= 1 }
    add("quote type", [.tpmQuote]) { $0.quote[5] ^= 1 }
    add("quote signer", [.tpmSignature]) { $0.quote[20] ^= 1 }
    add("quote nonce", [.tpmSignature, .tpmNonce]) { $0.quote[44] ^= 1 }
    add("quote digest", [.tpmSignature, .tpmDigest]) { $0.quote[$0.quote.count - 1] ^= 1 }
    add("quote cut", [.tpmQuote]) { $0.quote.removeLast() }
    add("quote longer", [.tpmQuote]) { $0.quote.append(0) }
    add("signature", [.tpmSignature]) { $0.signature[100] ^= 1 }
    add("signature scheme", [.tpmSignature]) { $0.signature[1] = 0x16 }
    add("signature cut", [.tpmSignature]) { $0.signature.removeLast() }
    for index in [0, 7, 23] {
      add("pcr \(index)", [.tpmDigest]) { evidence in
        var values = evidence.pcrs[0].values
        values[index]?[31] ^= 1
        evidence.pcrs = (try? PCRBank(algorithm: .sha256, values: values)).map { [$0] } ?? []
      }
    }
    add("pcr absent", [.tpmSelection]) { evidence in
      var values = evidence.pcrs[0].values
      values[23] = nil
      evidence.pcrs = (try? PCRBank(algorithm: .sha256, values: values)).map { [$0] } ?? []
    }
    add("event log of nothing", [CheckID("eventlog.format", "")]) { $0.logs = MeasurementLogs(eventLog: []) }
    switch hcl.hardware {
    case .snp:
      add("report data", [.azureRuntimeData, .snpSignature]) { $0.hclReport[0x20 + 0x50] ^= 1 }
      add("measurement", [.snpSignature]) { $0.hclReport[0x20 + 0x90] ^= 1 }
      add("signature of the chip", [.snpSignature]) { $0.hclReport[0x20 + 0x2A0] ^= 1 }
      add("behind the signature of the chip", [.snpFormat]) { $0.hclReport[0x20 + 0x49F] ^= 1 }
      add("no certificates", [.snpCertificate]) { $0.certificates = [] }
      add("certificate", [.snpChain]) { $0.certificates[0][$0.certificates[0].count - 1] ^= 1 }
    case .tdx:
      for (name, offset) in [
        ("type", 0), ("reserved", 15), ("tcb info hash", 32), ("td info hash", 80), ("report data", 128),
        ("reserved", 223), ("tcb info", 256), ("mrseam", 300), ("reserved", 511), ("attributes", 512), ("mrtd", 530),
        ("rtmr3", 900), ("reserved", 1023),
      ] {
        add("td report \(name) at \(offset)", [.azureTDReport]) { $0.hclReport[0x20 + offset] ^= 1 }
      }
      add("behind the td report", [.azureFormat]) { $0.hclReport[0x20 + 1100] ^= 1 }
      add("no td quote", [.azureTDReport]) { $0.tdQuote = nil }
      add("td quote", [.azureTDReport, .azureRuntimeData, CheckID("tdx.quote-signature", "")]) {
        $0.tdQuote?[48 + 520] ^= 1
      }
    }
    return mutations
  }

  @Test func theUnchangedIsAccepted() throws {
    for valid in try Self.valid() {
      let report = try valid.appraised(valid.evidence)
      #expect(report.verdict == .accepted, "\(valid): \(report.failures)")
      #expect(report.checks.contains { $0.id == .azureKeyAttributes && $0.outcome.name == "not-performed" })
    }
  }

  @Test func everyFieldIsProtected() throws {
    for valid in try Self.valid() {
      for mutation in try Self.mutations(of: valid) {
        let report = try valid.appraised(mutation.evidence)
        let failed = Set(report.failures.map(\.id))
        #expect(report.verdict == .rejected, "\(valid): \(mutation.name)")
        // A TD quote that is not genuine is not read any further.
        #expect(
          mutation.name == "td quote" ? failed == [CheckID("tdx.quote-signature", "")] : failed == mutation.failures,
          "\(valid): \(mutation.name): \(report.failures)")
      }
    }
  }

  /// Every seventh byte, so that each field is met. Of a TDREPORT only its own machine can check CPUSVN and MAC.
  @Test func bytesOfTheParavisorsReportAreProtected() throws {
    for valid in try Self.valid() {
      let isTDX = try HCLReport(valid.evidence.hclReport).hardware == .tdx
      for index in stride(from: 0, to: valid.evidence.hclReport.count, by: 7) {
        let offset = index - 0x20
        if isTDX && ((16..<32).contains(offset) || (224..<256).contains(offset)) { continue }
        var evidence = valid.evidence
        evidence.hclReport[index] ^= 1 << UInt8(index % 8)
        #expect(try valid.appraised(evidence).verdict == .rejected, "\(valid): byte \(index)")
      }
    }
  }

  @Test func theKeyComesFromTheRuntimeDataAlone() throws {
    let other = try Self.minted {
      $0.runtimeData = AzureMint.runtimeData(key: try MintKeys.otherRSA2048().publicKey)
    }
    #expect(try other.appraised(other.evidence).failures.map(\.id) == [.tpmSignature])
    for names in [["HCLEkPub"], ["HCLAkPub", "HCLAkPub"], []] {
      let strange = try Self.minted {
        $0.runtimeData = AzureMint.runtimeData(key: try MintKeys.rsa2048().publicKey, names: names)
      }
      #expect(try strange.appraised(strange.evidence).failures.map(\.id) == [.azureKey], "\(names)")
    }
  }

  /// The report of the machine as it started, over other runtime data: the heart of the two layers.
  @Test func runtimeDataMustBeWhatTheHardwareNamed() throws {
    let valid = try Self.minted()
    let report = try HCLReport(valid.evidence.hclReport).report
    var evidence = valid.evidence
    evidence.hclReport = AzureMint.hclReport(
      report: report, runtimeData: AzureMint.runtimeData(key: try MintKeys.rsa2048().publicKey, userData: "ff"))
    #expect(try valid.appraised(evidence).failures.map(\.id) == [.azureRuntimeData])
    // More than the digest bound: not what the paravisor writes.
    let mint = try AzureMint(hardware: try SNPMint(), extraData: Self.nonce)
    evidence = try mint.evidence { $0.reportData[63] = 1 }
    #expect(try valid.appraised(evidence).failures.map(\.id) == [.azureRuntimeData])
  }

  /// What the guest asks for at its own level vouches for nothing, even where the policy takes any level.
  @Test func theGuestCannotVouchForItself() throws {
    let valid = try Self.minted()
    let mint = try AzureMint(hardware: try SNPMint(), extraData: Self.nonce)
    for level in [UInt32(1), 2, 3] {
      let report = try valid.appraised(try mint.evidence { $0.vmpl = level })
      #expect(report.failures.map(\.id) == [.azureParavisor])
    }
  }

  @Test func policiesAcceptAndRefuse() throws {
    let valid = try Self.minted()
    let demands: [(String, CheckID, JSON, JSON)] = [
      ("secureBoot", .azureSecureBoot, true, true), ("console", .azureConsole, false, false),
      ("machines", .azureMachine, ["VM-1"], ["VM-2"]), ("userData", .azureUserData, ["00ff"], ["0000"]),
      ("snp", .azureHardware, .object(SNPPolicies.open), "none"),
      ("snp", .snpVMPL, .object(SNPPolicies.with("vmpl", [0])), .object(SNPPolicies.with("vmpl", [1]))),
    ]
    let unsafe = try Self.minted {
      $0.runtimeData = AzureMint.runtimeData(
        key: try MintKeys.rsa2048().publicKey, secureBoot: false, console: true)
    }
    for (member, check, accepting, refusing) in demands {
      #expect(
        try valid.appraised(valid.evidence, AzurePolicies.with(member, accepting)).verdict == .accepted, "\(member)")
      let machine = accepting == refusing ? unsafe : valid
      let report = try machine.appraised(machine.evidence, AzurePolicies.with(member, refusing))
      #expect(report.failures.map(\.id) == [check], "\(member)")
    }
    for member in AzurePolicies.open.keys {
      var policy = AzurePolicies.open
      policy[member] = nil
      #expect(throws: FieldError.self, "\(member)") {
        try AppraisalPolicy(json: SNPPolicies.appraisal("azure-cvm", policy))
      }
    }
    var neither = AzurePolicies.with("snp", "none")
    neither["tdx"] = "none"
    #expect(throws: FieldError.self) { try AppraisalPolicy(json: SNPPolicies.appraisal("azure-cvm", neither)) }
  }

  @Test func whatWasReadIsWrittenAgain() throws {
    for valid in try Self.valid() {
      let json = Evidence(valid.evidence).json
      #expect(try Evidence(json: json).json == json)
    }
    var reader = ObjectReader(members: AzurePolicies.open)
    let policy = try AzurePolicy(members: &reader)
    try reader.finish()
    var again = ObjectReader(members: policy.members)
    #expect(try AzurePolicy(members: &again).members == policy.members)
  }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func theBrowserSaysTheSame() throws {
    let minted = try Self.minted()
    let mint = try AzureMint(hardware: try SNPMint(), extraData: Self.nonce)
    var cases = [minted.item("level 2", try mint.evidence { $0.vmpl = 2 })]
    for valid in try Self.valid() {
      cases.append(valid.item("unchanged", valid.evidence))
      cases += try Self.mutations(of: valid).map { valid.item($0.name, $0.evidence) }
      for (member, value) in [
        ("secureBoot", true), ("console", false), ("machines", ["VM-1"]), ("userData", ["00ff"]), ("snp", "none"),
        ("tdx", "none"), ("machines", []), ("secureBoot", false),
      ] as [(String, JSON)] {
        cases.append(valid.item("\(member) \(value.summary)", valid.evidence, AzurePolicies.with(member, value)))
      }
    }
    try BrowserVerifier.expectAgreement(cases)
  }
}
