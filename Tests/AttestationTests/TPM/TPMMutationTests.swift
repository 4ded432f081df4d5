import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@Suite struct TPMMutationTests {
  @Test(arguments: ["P-256", "RSA"])
  func theUnchangedEvidenceIsAccepted(_ algorithm: String) throws {
    let scenario = try algorithm == "RSA" ? TPMScenario.rsa() : .p256()
    let report = try scenario.report()
    #expect(report.verdict == .accepted, "\(report.failures)")
    #expect(report.deadline == CertificateMint.notAfter)
    #expect(report.claims?.registers["sha256.pcr7"] == BankAlgorithm.sha256.hash([7]))
    let again = try Evidence(json: Evidence(scenario.evidence).json)
    #expect(Evidence(scenario.evidence).json == again.json)
  }

  @Test(arguments: ["P-256", "RSA"])
  func everySingleChangeIsRefusedForItsReason(_ algorithm: String) throws {
    let scenario = try algorithm == "RSA" ? TPMScenario.rsa() : .p256()
    let mutations = try TPMMutation.all(scenario)
    #expect(mutations.count > 400)
    for mutation in mutations {
      var changed = scenario
      changed.evidence = mutation.evidence
      let report = try changed.report()
      #expect(report.verdict == .rejected, "\(mutation.name)")
      let failures = Set(report.failures.map(\.id.name))
      #expect(!failures.isDisjoint(with: mutation.expected), "\(mutation.name): \(failures)")
    }
  }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func theBrowserSaysTheSameOfEveryChange() throws {
    var cases: [BrowserVerifier.Case] = []
    for scenario in [try TPMScenario.p256(), try TPMScenario.rsa()] {
      cases.append(scenario.browserCase("unchanged"))
      for mutation in try TPMMutation.all(scenario) {
        var changed = scenario
        changed.evidence = mutation.evidence
        cases.append(changed.browserCase(mutation.name))
      }
    }
    try BrowserVerifier.expectAgreement(cases)
  }
}
