import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// What the firmware signed is believed only with the certificate that belongs to it: all of this is signed by the right key.
@Suite struct SNPChainTests {
  struct Fault: Sendable {
    let name: String
    let mint: SNPMint
    var fields = SNPMint.Fields()
    let failures: [CheckID]
  }

  static func faults() throws -> [Fault] {
    func replacing(_ number: String, _ value: [UInt8]) -> (inout [SNPMint.Extension]) -> Void {
      { list in for index in list.indices where list[index].number == number { list[index].value = value } }
    }
    func removing(_ number: String) -> (inout [SNPMint.Extension]) -> Void {
      { list in list.removeAll { $0.number == number } }
    }
    let mint = try SNPMint()
    let provider = try SNPMint(signingKey: .vlek)
    var faults = [
      Fault(
        name: "masked key", mint: mint, fields: SNPMint.Fields { $0.keyInformation = 2 }, failures: [.snpSignature]),
      Fault(name: "no key", mint: mint, fields: SNPMint.Fields { $0.keyInformation = 7 << 2 }, failures: [.snpFormat]),
      Fault(
        name: "provider's key named", mint: mint, fields: SNPMint.Fields { $0.keyInformation = 4 },
        failures: [.snpCertificate]),
      Fault(
        name: "chip's key named", mint: provider, fields: SNPMint.Fields { $0.keyInformation = 0 },
        failures: [.snpCertificate]),
      Fault(
        name: "other processor", mint: mint, fields: SNPMint.Fields { $0.cpuid = [0x1A, 0x02, 0x01] },
        failures: [.snpProduct]),
      Fault(
        name: "unknown processor", mint: mint, fields: SNPMint.Fields { $0.cpuid = [0x19, 0x50, 0x01] },
        failures: [.snpProduct]),
      Fault(
        name: "other chip", mint: mint, fields: SNPMint.Fields { $0.chipID = [UInt8](repeating: 9, count: 64) },
        failures: [.snpChip]),
      Fault(
        name: "Turin's chip with more behind it", mint: try SNPMint(product: .turin),
        fields: SNPMint.Fields { $0.chipID = SNPMint.chipID(.turin) + [1] }, failures: [.snpChip]),
      Fault(
        name: "reported version", mint: mint, fields: SNPMint.Fields { $0.reported.microcode = 220 },
        failures: [.snpTCB]),
      Fault(name: "version 1", mint: mint, fields: SNPMint.Fields { $0.version = 1 }, failures: [.snpFormat]),
      Fault(name: "version 6", mint: mint, fields: SNPMint.Fields { $0.version = 6 }, failures: [.snpFormat]),
      Fault(name: "level 4", mint: mint, fields: SNPMint.Fields { $0.vmpl = 4 }, failures: [.snpFormat]),
      Fault(
        name: "policy without its one", mint: mint, fields: SNPMint.Fields { $0.policy = 0x10000 },
        failures: [.snpFormat]),
      Fault(
        name: "policy of the future", mint: mint, fields: SNPMint.Fields { $0.policy |= 1 << 26 },
        failures: [.snpFormat]),
      Fault(name: "leaf of another name", mint: try SNPMint(leafName: "SEV-XXXX"), failures: [.snpCertificate]),
      Fault(
        name: "name of the leaf in other bytes", mint: try SNPMint(leafName: "SEV-VCE\u{212A}"),
        failures: [.snpCertificate]),
      Fault(name: "issuer of another name", mint: try SNPMint(issuerName: "SEV-Rome"), failures: [.snpCertificate]),
      Fault(name: "provider's issuer", mint: try SNPMint(issuerName: "SEV-VLEK-Milan"), failures: [.snpCertificate]),
      Fault(name: "product of another line", mint: try SNPMint(productName: "Genoa-B1"), failures: [.snpCertificate]),
      Fault(name: "critical extensions", mint: try SNPMint(isCritical: true), failures: [.snpChain]),
      Fault(name: "expired", mint: try SNPMint(notAfter: SNPMinted.at - 1000), failures: [.snpChain]),
      Fault(
        name: "unknown fourth version", mint: try SNPMint(altering: replacing("3.4", [2, 1, 1])),
        failures: [.snpCertificate]),
      Fault(
        name: "version too large", mint: try SNPMint(altering: replacing("3.8", [2, 2, 1, 0])),
        failures: [.snpCertificate]),
      Fault(
        name: "version not minimal", mint: try SNPMint(altering: replacing("3.8", [2, 2, 0, 9])),
        failures: [.snpCertificate]),
      Fault(name: "short chip", mint: try SNPMint(altering: replacing("4", [1, 2, 3])), failures: [.snpCertificate]),
    ]
    for number in ["2", "3.1", "3.2", "3.3", "3.8", "4"] {
      faults.append(
        Fault(name: "without \(number)", mint: try SNPMint(altering: removing(number)), failures: [.snpCertificate]))
    }
    faults.append(
      Fault(
        name: "without fmc", mint: try SNPMint(product: .turin, altering: removing("3.9")),
        failures: [.snpCertificate]))
    faults.append(
      Fault(
        name: "without provider", mint: try SNPMint(signingKey: .vlek, altering: removing("5")),
        failures: [.snpCertificate]))
    return faults
  }

  @Test func eachDisagreementIsNamed() throws {
    for fault in try Self.faults() {
      let report = try SNPPolicyTests.appraise(
        try SNPPolicyTests.item(fault.name, fault.mint, fault.fields, SNPPolicies.open))
      #expect(report.failures.map(\.id) == fault.failures, "\(fault.name): \(report.failures)")
    }
  }

  @Test func aMaskedChipIsNamedByItsCertificate() throws {
    let mint = try SNPMint()
    let fields = SNPMint.Fields { $0.chipID = [UInt8](repeating: 0, count: 64) }
    let report = try SNPPolicyTests.appraise(try SNPPolicyTests.item("masked", mint, fields, SNPPolicies.open))
    #expect(report.verdict == .accepted)
    #expect((report.claims as? SNPClaims)?.hardwareID == SNPMint.chipID(.milan))
  }

  /// Reserved bytes that the firmware signed are refused all the same: a later version would put a meaning there.
  @Test func signedReservedBytesAreZero() throws {
    let mint = try SNPMint()
    for offset in [0x4C, 0x18B, 0x19F, 0x1EB, 0x1EF, 0x1F8, 0x200, 0x208, 0x29F] {
      let evidence = try mint.evidence(SNPMint.Fields()) { $0[offset] = 1 }
      let report = Evidence(evidence).appraised(
        by: try AppraisalPolicy(json: SNPPolicies.appraisal(anchors: SNPMinted.anchors(mint))), binding: .any,
        at: SNPMinted.at)
      #expect(report.failures.map(\.id) == [.snpFormat], "\(offset)")
    }
    for offset in [0x3A, 0x182, 0x1E2, 0x1F2] {
      let evidence = try mint.evidence(SNPMint.Fields()) { $0[offset] = 1 }
      let report = Evidence(evidence).appraised(
        by: try AppraisalPolicy(json: SNPPolicies.appraisal(anchors: SNPMinted.anchors(mint))), binding: .any,
        at: SNPMinted.at)
      #expect(report.failures.map(\.id) == [.snpTCB], "\(offset)")
    }
  }

  /// The same names and the same structure below a root that nobody trusts.
  @Test func anotherRootIsNone() throws {
    let mint = try SNPMint()
    let report = Evidence(try mint.evidence(SNPMint.Fields())).appraised(
      by: try AppraisalPolicy(json: SNPPolicies.appraisal()), binding: .any, at: SNPMinted.at)
    #expect(report.failures.map(\.id) == [.snpChain])
  }

  @Test func certificatesOfOtherPathsAreNotCarriedAlong() throws {
    let mint = try SNPMint()
    var evidence = try mint.evidence(SNPMint.Fields())
    evidence = SNPEvidence(
      report: evidence.report, certificates: evidence.certificates + [AMDRoots.intermediates[0].der])
    let report = Evidence(evidence).appraised(
      by: try AppraisalPolicy(json: SNPPolicies.appraisal(anchors: SNPMinted.anchors(mint))), binding: .any,
      at: SNPMinted.at)
    #expect(report.failures.map(\.id) == [.snpChain])
  }

  @Test func aTestRootIsNoHardware() throws {
    let mint = try SNPMint()
    guard case .object(var policy) = SNPPolicies.appraisal() else { return }
    policy["anchors"] = [
      [
        "name": "Test", "purpose": "amd-sev", "certificate": .string(Base64.encode(mint.anchor.certificate.der)),
        "assurance": "software",
      ]
    ]
    let report = Evidence(try mint.evidence(SNPMint.Fields())).appraised(
      by: try AppraisalPolicy(json: .object(policy)), binding: .any, at: SNPMinted.at)
    #expect(report.failures.map(\.id) == [CheckID("policy.assurance", "")])
  }
}
