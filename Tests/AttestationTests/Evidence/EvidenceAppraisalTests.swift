import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// What is made of a kind of evidence whose verifier forgets something: the verdict does not rest on its care.
@Suite struct EvidenceAppraisalTests {
  /// Says what it is told to say about the claims of a genuine quote.
  struct Careless: EvidenceFormat {
    typealias Policy = TPMPolicy
    static let kind = EvidenceKind.tpm
    static let check = CheckID("careless", "Something was looked at")

    var claims: TPMClaims?
    var say: @Sendable (inout CheckList) -> Void

    init(claims: TPMClaims?, say: @escaping @Sendable (inout CheckList) -> Void) {
      self.claims = claims
      self.say = say
    }
    init(members: inout ObjectReader) throws(FieldError) { self.init(claims: nil) { _ in } }
    var members: JSONObject { [:] }
    static func recognise(_ file: RawEvidence) throws(FieldError) -> Self? { nil }
    var unverifiedRegisters: [String: [UInt8]] { [:] }
    var explanation: [EvidenceLine] { [] }

    func verify(in context: VerificationContext, into checks: inout CheckList) -> TPMClaims? {
      checks.demand([Self.check])
      say(&checks)
      return claims
    }
  }

  @Test func claimsAreNotBelievedByThemselves() throws {
    let scenario = try TPMScenario.p256()
    let claims = try #require(try scenario.report().claims as? TPMClaims)
    let policy = try AppraisalPolicy(json: scenario.policy)
    func report(_ format: Careless) -> AttestationReport {
      Evidence(format).appraised(by: policy, binding: scenario.binding, at: scenario.at)
    }
    func isBelieved(_ format: Careless) -> Bool {
      Evidence(format).verified(binding: scenario.binding, at: scenario.at, anchors: .compiledIn) != nil
    }
    let passes = Careless(claims: claims) { $0.pass(Careless.check, "") }
    #expect(report(passes).verdict == .accepted)
    #expect(isBelieved(passes))
    // It failed a check and goes on.
    let failed = Careless(claims: claims) { $0.fail(Careless.check, expected: "this", actual: "that") }
    #expect(report(failed).verdict == .rejected)
    #expect(report(failed).claims == nil, "nothing is said of what did not hold")
    #expect(!report(failed).checks.contains { $0.id == .policyPlatform })
    #expect(!isBelieved(failed))
    // It forgot a check.
    let forgot = Careless(claims: claims) { _ in }
    #expect(report(forgot).verdict == .rejected)
    #expect(report(forgot).checks.contains { $0.id == Careless.check && $0.outcome.name == "not-performed" })
    #expect(!isBelieved(forgot))
    // It passed all and has nothing to say: no policy was asked.
    let silent = Careless(claims: nil) { $0.pass(Careless.check, "") }
    #expect(report(silent).verdict == .rejected)
    #expect(!isBelieved(silent))
  }

  @Test func evidenceIsOfItsFormatAndOfItsSize() throws {
    let evidence = Evidence(try TPMScenario.p256().evidence)
    let json = evidence.json
    #expect(try Evidence(reading: RawEvidence(bytes: json.canonicalBytes())).digest == evidence.digest)
    for (name, value) in [("format", "safebox-evidence/v2"), ("kind", "tpm2"), ("further", true)] as [(String, JSON)] {
      guard case .object(var members) = json else { return }
      members[name] = value
      let error = #expect(throws: FieldError.self) { try Evidence(json: .object(members)) }
      #expect(error?.field == name)
    }
    let long = [UInt8](repeating: 0x20, count: Evidence.maxBytes + 1)
    let error = #expect(throws: FieldError.self) { try Evidence(reading: RawEvidence(bytes: long)) }
    #expect(error?.expected == "at most \(Evidence.maxBytes) bytes of evidence")
  }

  /// Each verifier gives claims only where all its own checks hold.
  @Test func verifiersClaimNothingOfEvidenceThatFails() throws {
    let tpm = try TPMScenario.p256()
    let gcp = try GCPScenario()
    let nitro = try NitroMint()
    let enclave = NitroEvidence(document: try nitro.sign(nitro.enclave(nonce: NitroMintTests.nonce)))
    let instance = try nitro.instanceEvidence(.p256(), nonce: NitroMintTests.nonce)
    func claims(_ format: some EvidenceFormat, _ policy: JSON, _ binding: Binding, _ at: Int64) throws -> Bool {
      var anchors = TrustAnchors.compiledIn
      anchors.anchors += try AppraisalPolicy(json: policy).anchors
      var checks = CheckList()
      return format.verify(in: VerificationContext(anchors: anchors, at: at, binding: binding), into: &checks) != nil
    }
    let aws = SNPPolicies.appraisal(
      "nitro-enclave", NitroPolicies.enclave, anchors: NitroPolicies.anchors(nitro.root.certificate))
    for (binding, holds) in [(nil, true), (Binding.bytes([9]), false)] as [(Binding?, Bool)] {
      #expect(try claims(tpm.evidence, tpm.policy, binding ?? tpm.binding, tpm.at) == holds)
      #expect(try claims(gcp.evidence, gcp.policy, binding ?? gcp.binding, GCPScenario.at) == holds)
      let own = binding ?? .bytes(NitroMintTests.nonce)
      #expect(try claims(enclave, aws, own, NitroMintTests.at) == holds)
      #expect(try claims(instance, aws, own, NitroMintTests.at) == holds)
    }
  }
}
