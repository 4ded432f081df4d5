import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import Attestation

/// Reports of real machines behave as it is known of them.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct SNPVectorTests {
  static func appraise(
    _ vector: SNPVector, _ policy: JSONObject = SNPPolicies.open, at: Int64? = nil, binding: Binding? = nil
  ) throws -> AttestationReport {
    try vector.evidence().appraised(
      by: try AppraisalPolicy(json: SNPPolicies.appraisal("sev-snp", policy)), binding: binding ?? vector.question,
      at: at ?? vector.at)
  }

  @Test(arguments: [SNPVector.aci, .dstack, .identityBlock, .provider])
  func genuineReportsAreAccepted(vector: SNPVector) throws {
    let report = try Self.appraise(vector)
    #expect(report.verdict == .accepted, "\(report.failures)")
    #expect(report.claims?.assurance == .hardware(vendor: "AMD"))
  }

  @Test func theDeadlineIsThatOfTheCertificate() throws {
    #expect(try Self.appraise(.provider).deadline == 1_765_404_861_000)
    let late = try Self.appraise(.provider, at: 1_765_404_861_001)
    #expect(late.failures.map(\.id) == [.snpChain])
  }

  @Test func theyAreWhatTheyAre() throws {
    let aci = try #require(try Self.appraise(.aci).claims as? SNPClaims)
    #expect(aci.product == .milan)
    #expect("\(aci.reportedTCB) \(aci.committedTCB) \(aci.launchTCB)" == "4/0/24/219 4/0/24/219 4/0/24/219")
    #expect(aci.report.policy == SNPGuestPolicy(bits: 0x3001F))
    #expect(aci.report.cpuid == SNPReport.CPUID(family: 0x19, model: 1, stepping: 1))
    #expect(aci.hardwareID == aci.report.chipID)
    #expect(aci.registers["host-data"]?.starts(with: [0x4F, 0x44, 0x48]) ?? false)
    #expect(aci.report.platform.has(.aliasCheck))

    let aws = try #require(try Self.appraise(.provider).claims as? SNPClaims)
    #expect(aws.report.signingKey == .vlek)
    #expect(aws.provider == "CN=cc-us-east-2.amazonaws.com")
    #expect(aws.hardwareID == nil)
    #expect(aws.report.vmpl == 1)
    #expect("\(aws.reportedTCB) \(aws.committedTCB) \(aws.currentTCB)" == "4/0/24/217 4/0/24/219 4/0/24/220")

    let dstack = try #require(try Self.appraise(.dstack).claims as? SNPClaims)
    #expect("\(dstack.reportedTCB)" == "4/0/23/213")

    let azure = try #require(try Self.appraise(.identityBlock).claims as? SNPClaims)
    #expect(azure.report.version == 2)
    #expect(azure.report.cpuid == nil)
    #expect(azure.currentTCB.microcode == 206)
    #expect(azure.reportedTCB.microcode == 115)
  }

  @Test func aGuestThatMayBeDebuggedIsGenuineAndRefused() throws {
    let report = try Self.appraise(.version2)
    #expect(report.verdict == .rejected)
    #expect(report.failures.map(\.id) == [.snpDebug])
    let claims = try #require(report.claims as? SNPClaims)
    #expect("\(claims.reportedTCB)" == "2/0/5/68")
  }

  @Test func alteredCertificatesFailByTheChainAndNotByTheirEncodingOfTheChip() throws {
    for name in ["vcek-invalid-legacy.der", "vcek-invalid-new.der"] {
      let vector = SNPVector.identityBlock
      let der = try vector.bytes(name)
      #expect(try SNPEndorsementKey(Certificate(der: der)).hardwareID?.count == 64)
      let evidence = SNPEvidence(report: try vector.bytes("report.bin"), certificates: [der])
      let report = Evidence(evidence).appraised(
        by: try AppraisalPolicy(json: SNPPolicies.appraisal()), binding: .any, at: vector.at)
      #expect(report.failures.map(\.id).contains(.snpChain), "\(name): \(report.failures)")
    }
  }

  /// A root inside the evidence is no root: without AMD's in the context nothing is believed.
  @Test func rootsInsideEvidenceCountForNothing() throws {
    let evidence = try SNPVector.aci.evidence()
    let report = evidence.appraised(
      by: try AppraisalPolicy(json: SNPPolicies.appraisal()), binding: .any, at: SNPVector.aci.at,
      anchors: TrustAnchors())
    #expect(report.verdict == .rejected)
    #expect(report.failures.map(\.id) == [.snpChain])
    #expect(report.claims == nil)
  }

  @Test func theQuestionMustBeTheOneThatWasAsked() throws {
    for vector in SNPVector.all where vector.binding != nil {
      let other = try Self.appraise(vector, binding: .bytes([9, 9, 9]))
      #expect(other.failures.map(\.id) == [.snpBinding], "\(vector)")
    }
    // Zeros that nobody bound are no answer to any question.
    #expect(try Self.appraise(.aci, binding: .bytes([1])).failures.map(\.id) == [.snpBinding])
    let unasked = try Self.appraise(.aci, binding: .any)
    #expect(unasked.checks.contains { $0.id == .snpBinding && $0.outcome.name == "not-performed" })
  }

  @Test func whatAMDDoesNotRevokeIsSaid() throws {
    let check = try #require(try Self.appraise(.aci).checks.first { $0.id == .snpRevocation })
    #expect(check.outcome.name == "not-performed")
  }

  @Test func theProviderOfAKeyIsNoChip() throws {
    let check = try #require(try Self.appraise(.provider).checks.first { $0.id == .snpChip })
    #expect(check.outcome.name == "not-applicable")
  }

  @Test func certificatesOfAnotherChipAreRefused() throws {
    let evidence = SNPEvidence(
      report: try SNPVector.dstack.bytes("report.bin"),
      certificates: try AttachedCertificates.read(try SNPVector.aci.bytes("vcek.pem")))
    let report = Evidence(evidence).appraised(
      by: try AppraisalPolicy(json: SNPPolicies.appraisal()), binding: .any, at: SNPVector.dstack.at)
    #expect(report.failures.map(\.id) == [.snpSignature, .snpTCB, .snpChip])
  }
}
