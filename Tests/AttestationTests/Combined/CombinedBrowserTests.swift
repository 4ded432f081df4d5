import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// The page says of combinations what this package says.
@Suite(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence)) struct CombinedBrowserTests {
  @Test func thePageAgrees() throws {
    let machine = try CombinedScenario.machine()
    var cases: [BrowserVerifier.Case] = []
    for scenario in try CombinedEvidenceTests.scenarios() {
      cases.append(scenario.item("genuine \(scenario.kinds)"))
      cases += try CombinedEvidenceTests.broken(scenario).map(\.item)
    }
    cases += try CombinedEvidenceTests.malformed().map { machine.item($0.name, $0.evidence) }
    cases += try CombinedPolicyTests.otherSets() + CombinedPolicyTests.otherPlatforms()
    cases += try CombinedPolicyTests.unmetDemands().map(\.item) + CombinedPolicyTests.releases().map(\.item)
    cases += try CombinedPolicyTests.malformed().map { machine.item($0.name, policy: $0.policy) }
    cases += try Self.others()
    try BrowserVerifier.expectAgreement(cases)
  }

  /// What rests on the context: no nonce, an enrolled key, software, certificates that end soon.
  private static func others() throws -> [BrowserVerifier.Case] {
    var unbound = try CombinedScenario.machine()
    unbound.binding = .any
    var enrolled = CombinedScenario([try CombinedScenario.snp(), try CombinedScenario.tpm(isCertified: false)])
    let stranger = enrolled.item("a key that nobody knows")
    let name = try TPMTPublic(try TPMMint.p256().area()).name
    enrolled.enrolled = [["name": "box", "ak": .string(Hex.encode(name)), "assurance": "hardware"]]
    var software = CombinedScenario([try CombinedScenario.snp(), try CombinedScenario.tpm(assurance: "software")])
    let accepted = software.item("software")
    software.assurance = "hardware"
    let short = CombinedScenario([
      try CombinedScenario.snp(notAfter: NitroMint.timestamp + 5000), try CombinedScenario.tpm(),
    ])
    var late = short
    late.at = NitroMint.timestamp + 6000
    return [
      unbound.item("no nonce"), stranger, enrolled.item("an enrolled key"), accepted,
      software.item("software where hardware is asked for"), short.item("a certificate that ends soon"),
      late.item("a certificate that has ended"),
    ]
  }
}
