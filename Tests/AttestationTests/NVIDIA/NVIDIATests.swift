import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import Attestation

/// Reports of real GPUs behave as it is known of them, and no byte of them is free.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct NVIDIATests {
  static let directory = "attestation/nvidia-gpu/trustee/"
  static let at: Int64 = 1_767_225_600_000
  static let nonce = Hex.decode("931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb") ?? []
  static let open: JSONObject = ["models": "any", "drivers": "any", "vbioses": "any", "measurements": "any"]

  static func evidence(_ report: String, _ certificates: String) throws -> NVIDIAEvidence {
    let file = RawEvidence(
      bytes: try Vectors.bytes(directory + report),
      attachments: [(name: certificates, bytes: try Vectors.bytes(directory + certificates))])
    return try #require(try NVIDIAEvidence.recognise(file))
  }

  static func hopper() throws -> NVIDIAEvidence {
    try evidence("hopperAttestationReport.txt", "hopper_cert_chain_case1.txt")
  }

  static func appraise(
    _ evidence: NVIDIAEvidence, _ policy: JSONObject = open, binding: Binding = .bytes(nonce)
  ) throws -> AttestationReport {
    try NitroPolicies.appraise(evidence, policy, at: at, binding: binding)
  }

  @Test func aGenuineReportIsAccepted() throws {
    let evidence = try Self.hopper()
    let report = try Self.appraise(evidence)
    #expect(report.verdict == .accepted, "\(report.failures)")
    let claims = try #require(report.claims as? NVIDIAClaims)
    #expect(claims.assurance == .hardware(vendor: "NVIDIA"))
    #expect(claims.model == "GH100 A01 GSP FMC LF")
    #expect(claims.report.driverVersion == "550.90.07")
    #expect(claims.report.vbiosVersion == "96.00.9f.00.01")
    #expect(claims.registers.count == 64)
    #expect(claims.registers == evidence.unverifiedRegisters)
    for id in [CheckID.nvidiaReferences, .nvidiaRevocation] {
      #expect(report.checks.contains { $0.id == id && $0.outcome.name == "not-performed" })
    }
    #expect(try Evidence(json: Evidence(evidence).json).digest == Evidence(evidence).digest)
  }

  @Test func aFurtherByteIsRefused() throws {
    let whole = try Self.evidence("hopper_coco_report1.txt", "hopper_coco_certs1.txt")
    #expect(try Self.appraise(whole, binding: .any).failures.map(\.id) == [.nvidiaReport])
    let cut = NVIDIAEvidence(report: Array(whole.report.dropLast()), certificates: whole.certificates)
    let report = try Self.appraise(cut, binding: .any)
    #expect(report.verdict == .accepted, "\(report.failures)")
  }

  @Test func chainsWithAGapOrWithoutTheirLeafAreRefused() throws {
    let gap = try Self.evidence("hopperAttestationReport.txt", "hopper_cert_chain_case3.txt")
    #expect(try Self.appraise(gap).failures.map(\.id) == [.nvidiaChain])
    let headless = try Self.evidence("hopperAttestationReport.txt", "hopper_cert_chain_case4.txt")
    #expect(try Self.appraise(headless).failures.map(\.id) == [.nvidiaChain, .nvidiaSignature, .nvidiaFirmware])
    let none = NVIDIAEvidence(report: try Self.hopper().report, certificates: [])
    #expect(try Self.appraise(none).failures.map(\.id) == [.nvidiaCertificate])
    let others = NVIDIAEvidence(
      report: try Self.hopper().report,
      certificates: try Self.evidence("hopper_coco_report1.txt", "hopper_coco_certs1.txt").certificates)
    #expect(try Self.appraise(others).failures.map(\.id).first == .nvidiaSignature)
  }

  @Test func onlyTheContextsRootCounts() throws {
    let policy = try AppraisalPolicy(json: SNPPolicies.appraisal("nvidia-gpu", Self.open))
    let report = Evidence(try Self.hopper()).appraised(
      by: policy, binding: .bytes(Self.nonce), at: Self.at, anchors: TrustAnchors())
    #expect(report.failures.map(\.id) == [.nvidiaChain])
  }

  @Test func theQuestionMustBeTheOneThatWasAsked() throws {
    #expect(try Self.appraise(try Self.hopper(), binding: .bytes([1])).failures.map(\.id) == [.nvidiaNonce])
  }

  /// One bit in each field, and what finds it.
  @Test func everyFieldIsRead() throws {
    let evidence = try Self.hopper()
    let table: [(Int, CheckID)] = [
      (0, .nvidiaReport), (1, .nvidiaReport), (2, .nvidiaReport), (3, .nvidiaReport), (4, .nvidiaNonce),
      (35, .nvidiaNonce),
      (36, .nvidiaReport), (37, .nvidiaReport), (38, .nvidiaReport), (39, .nvidiaReport), (40, .nvidiaReport),
      (41, .nvidiaReport),
      (42, .nvidiaReport), (44, .nvidiaReport), (45, .nvidiaReport), (46, .nvidiaReport), (47, .nvidiaReport),
      (49, .nvidiaSignature), (50, .nvidiaReport), (52, .nvidiaSignature), (3564, .nvidiaSignature),
      (3565, .nvidiaSignature),
      (3597, .nvidiaReport), (4021, .nvidiaSignature), (4116, .nvidiaSignature),
    ]
    for (offset, id) in table where offset < evidence.report.count {
      let changed = NVIDIAEvidence(
        report: NitroMutationTests.flipped(evidence.report, at: offset), certificates: evidence.certificates)
      let report = try Self.appraise(changed)
      #expect(report.verdict == .rejected, "byte \(offset)")
      #expect(report.failures.map(\.id).contains(id), "byte \(offset): \(report.failures.map(\.id.name))")
    }
    for report in [Array(evidence.report.dropLast()), evidence.report + [0], []] {
      let changed = NVIDIAEvidence(report: report, certificates: evidence.certificates)
      #expect(try Self.appraise(changed).failures.map(\.id) == [.nvidiaReport])
    }
    for offset in stride(from: 3, to: evidence.report.count, by: 11) {
      let changed = NVIDIAEvidence(
        report: NitroMutationTests.flipped(evidence.report, at: offset, bit: 1 << UInt8(offset % 8)),
        certificates: evidence.certificates)
      #expect(try Self.appraise(changed).verdict == .rejected, "byte \(offset)")
    }
    for index in 0..<5 {
      var certificates = evidence.certificates
      certificates[index] = NitroMutationTests.flipped(certificates[index], at: certificates[index].count - 1)
      let changed = NVIDIAEvidence(report: evidence.report, certificates: certificates)
      #expect(try Self.appraise(changed).failures.map(\.id) == [.nvidiaChain], "certificate \(index)")
    }
  }

  /// The signing key was certified for one firmware: a report that names another is no answer, whoever signed it.
  @Test func theFirmwareIsTheCertifiedOne() throws {
    let evidence = try Self.hopper()
    let report = try NVIDIAReport(evidence.report)
    let leaf = try Certificate(der: evidence.certificates[0])
    #expect(FirmwareIdentity(leaf)?.digest == report.firmwareID)
    #expect(FirmwareIdentity(try Certificate(der: evidence.certificates[1])) == nil)
  }

  @Test func demandsAreMade() throws {
    let evidence = try Self.hopper()
    let second = Hex.encode(try #require(try NVIDIAReport(evidence.report).measurements[2]))
    let other = String(repeating: "00", count: 48)
    for (name, value, failures) in [
      ("models", ["GH100 A01 GSP FMC LF"], []), ("models", ["GB100"], [CheckID.nvidiaModel]),
      ("drivers", ["550.90.07"], []), ("drivers", ["550.90"], [.nvidiaDriver]),
      ("vbioses", ["96.00.9f.00.01"], []), ("vbioses", ["96"], [.nvidiaVBIOS]),
      ("measurements", ["2": [.string(other), .string(second)]], []),
      ("measurements", ["2": [.string(other)]], [.nvidiaMeasurements]),
      ("measurements", ["65": [.string(other)]], [.nvidiaMeasurements]),
    ] as [(String, JSON, [CheckID])] {
      var policy = Self.open
      policy[name] = value
      #expect(try Self.appraise(evidence, policy).failures.map(\.id) == failures, "\(name) \(value)")
    }
    for (name, _) in Self.open {
      var policy = Self.open
      policy[name] = nil
      #expect(throws: FieldError.self) { try AppraisalPolicy(json: SNPPolicies.appraisal("nvidia-gpu", policy)) }
    }
  }

  @Test func whatAVerifierSaidIsNoEvidence() throws {
    let claims = try Vectors.bytes("attestation/nvidia-gpu/dstack/gpu_attestation_h100.json")
    let error = #expect(throws: FieldError.self) { try Evidence(reading: RawEvidence(bytes: claims)) }
    #expect(error?.field == "claims")
  }
}
