import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

/// Whose the attestation key is, and what it may sign.
@Suite struct TPMKeyTests {
  /// The scenario with another public area, signed and certified as before.
  private static func scenario(_ change: (inout TPMMint) -> Void) throws -> TPMScenario {
    var mint = TPMMint.p256()
    change(&mint)
    return try TPMScenario(mint)
  }

  @Test(arguments: [
    (UInt32(1) << 1, "fixedTPM"), (1 << 4, "fixedParent"), (1 << 5, "sensitiveDataOrigin"), (1 << 16, "restricted"),
    (1 << 18, "sign"),
  ])
  func eachAttributeOfAnAttestationKeyIsNeeded(_ bit: UInt32, _ name: String) throws {
    let scenario = try Self.scenario { $0.attributes &= ~bit }
    #expect(try scenario.failures() == ["tpm.ak-attributes"], "without \(name)")
  }

  @Test func aKeyThatAlsoDecryptsIsRefused() throws {
    #expect(try Self.scenario { $0.attributes |= 1 << 17 }.failures() == ["tpm.ak-attributes"])
  }

  @Test func otherAttributesAreTheKeysOwn() throws {
    #expect(try Self.scenario { $0.attributes |= 1 << 10 | 1 << 7 }.report().verdict == .accepted)
    #expect(try Self.scenario { $0.authPolicy = [UInt8](repeating: 1, count: 32) }.report().verdict == .accepted)
  }

  @Test func aKeyBelowAnotherNeedsItsParent() throws {
    var parent = TPMMint.p256(MintKeys.machineP256)
    parent.attributes = 0x0003_0072
    let area = try parent.area()
    let mint = TPMMint.p256(try P256.PrivateKey(rawScalar: [UInt8](repeating: 0x21, count: 32)))
    let signer = try mint.qualifiedName(below: area)
    var scenario = try TPMScenario(mint) { $0.qualifiedSigner = signer }
    #expect(try scenario.failures() == ["tpm.ak-name"])
    scenario.evidence.parent = area
    #expect(try scenario.report().verdict == .accepted)
    scenario.evidence.parent = area.flipping(bit: 8 * 7 + 2)
    #expect(try scenario.failures() == ["tpm.ak-name"])
  }

  @Test func anEnrolledKeyNeedsNoCertificate() throws {
    var scenario = try TPMScenario.p256()
    let name = try TPMTPublic(try scenario.mint.area()).name
    scenario.evidence.certificates = []
    scenario.policy = TPMScenario.policy(
      enrolled: [(name, "hardware")], assurance: "hardware", platform: TPMScenario.demands())
    let report = try scenario.report()
    #expect(report.verdict == .accepted, "\(report.failures)")
    #expect(report.deadline == nil)
    // The name covers the attributes: with one more, it is another key.
    let key = try #require(scenario.evidence.key)
    scenario.evidence.key = key.flipping(bit: 8 * 6 + 2)
    #expect(try scenario.failures() == ["tpm.ak-trust", "tpm.ak-name"])
  }

  @Test func aSelfAssertedKeyIsNotTrusted() throws {
    var scenario = try TPMScenario.p256()
    scenario.evidence.certificates = []
    #expect(try scenario.failures() == ["tpm.ak-trust"])
  }

  @Test func theEvidencesOwnRootIsNoRoot() throws {
    var scenario = try TPMScenario.p256()
    let mine = try CertificateMint.root("TPM Root", key: MintKeys.otherP256)
    scenario.evidence.certificates = [try scenario.mint.certificate(by: mine).der, mine.certificate.der]
    #expect(try scenario.failures() == ["tpm.ak-trust"])
  }

  @Test func anAnchorVouchesForItsPurposeAlone() throws {
    var scenario = try TPMScenario.p256()
    guard var policy = scenario.policy.object, var anchor = policy["anchors"]?.array?.first?.object else { return }
    anchor["purpose"] = "amd-sev"
    policy["anchors"] = [.object(anchor)]
    scenario.policy = .object(policy)
    #expect(try scenario.failures() == ["tpm.ak-trust"])
  }

  @Test func aCertificateOfAnotherKindOfKeyIsRefused() throws {
    var scenario = try TPMScenario.p256()
    let purposes: [[CertificateExtension]] = [
      [], [.extendedKeyUsage([.endorsementKeyCertificate])], [.extendedKeyUsage([OID(1, 3, 6, 1, 5, 5, 7, 3, 1)])],
    ]
    for extensions in purposes {
      let leaf = try scenario.root.leaf("A key", publicKey: scenario.mint.publicKey, extensions: extensions)
      scenario.evidence.certificates = [leaf.der]
      #expect(try scenario.failures() == ["tpm.ak-trust"])
    }
  }

  @Test func certificatesEndAndTheResultWithThem() throws {
    var scenario = try TPMScenario.p256()
    scenario.at = CertificateMint.notAfter + 1
    #expect(try scenario.failures() == ["tpm.ak-trust"])
    scenario.at = CertificateMint.notBefore - 1
    #expect(try scenario.failures() == ["tpm.ak-trust"])
    let soon = CertificateMint.notBefore + 5000
    let leaf = try scenario.root.leaf(
      "Attestation key", publicKey: scenario.mint.publicKey,
      extensions: [.extendedKeyUsage([.attestationKeyCertificate])], notAfter: soon)
    scenario.at = TPMScenario.at
    scenario.evidence.certificates = [leaf.der]
    #expect(try scenario.report().deadline == soon)
  }

  @Test func aBareKeyIsWhatItsCertificateSays() throws {
    var scenario = try TPMScenario.rsa()
    scenario.evidence.key = scenario.mint.publicKey.spkiDER
    let report = try scenario.report()
    #expect(report.verdict == .accepted, "\(report.failures)")
    let attributes = report.checks.first { $0.id.name == "tpm.ak-attributes" }
    #expect(attributes?.outcome.name == "not-performed")
    scenario.evidence.parent = try scenario.mint.area()
    #expect(try scenario.failures() == ["tpm.ak-name"], "a bare key has no name that its parent could vouch for")
    scenario.evidence.parent = nil
    scenario.evidence.certificates = []
    #expect(try scenario.failures() == ["tpm.ak-trust"])
  }

  @Test func revocationIsSaidToBeUnknown() throws {
    let check = try TPMScenario.p256().report().checks.first { $0.id.name == "tpm.ak-revocation" }
    #expect(check?.outcome.name == "not-performed")
  }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func theBrowserTrustsAlike() throws {
    var cases: [BrowserVerifier.Case] = []
    for bit in 0..<20 {
      cases.append(try Self.scenario { $0.attributes ^= 1 << UInt32(bit) }.browserCase("attribute \(bit)"))
    }
    var scenario = try TPMScenario.p256()
    let name = try TPMTPublic(try scenario.mint.area()).name
    scenario.policy = TPMScenario.policy(enrolled: [(name, "software")], platform: TPMScenario.demands())
    cases.append(scenario.browserCase("enrolled"))
    scenario.evidence.certificates = []
    cases.append(scenario.browserCase("enrolled, no certificates"))
    scenario.policy = TPMScenario.policy(platform: TPMScenario.demands())
    cases.append(scenario.browserCase("self-asserted"))
    scenario = try .rsa()
    scenario.evidence.key = scenario.mint.publicKey.spkiDER
    cases.append(scenario.browserCase("bare key"))
    var parented = scenario
    parented.evidence.parent = try scenario.mint.area()
    cases.append(parented.browserCase("bare key with a parent"))
    scenario.at = CertificateMint.notAfter + 1
    cases.append(scenario.browserCase("expired"))
    try BrowserVerifier.expectAgreement(cases)
  }
}
