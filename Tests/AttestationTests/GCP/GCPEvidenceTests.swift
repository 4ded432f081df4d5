import AttestationMint
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import Attestation

@Suite struct GCPEvidenceTests {
  @Test func genuineEvidenceIsAccepted() throws {
    for mint in [GCPMint(), GCPMint(try .rsa())] {
      let report = try GCPScenario(mint).report()
      #expect(report.verdict == .accepted, "\(report.failures)")
      #expect(report.deadline == CertificateMint.notAfter)
      let claims = try #require(report.claims as? GCPClaims)
      #expect(claims.machine.instance.instanceID == 0xFF00_0000_0000_0007)
      #expect(claims.machine.isProduction == true)
      #expect(claims.registers["sha384.pcr4"] == BankAlgorithm.sha384.hash([4]))
      #expect(claims.registers["sha1.pcr4"] == nil, "nothing rests on SHA-1")
    }
  }

  struct Change: Sendable {
    let name: String
    let failures: [String]
    let apply: @Sendable (inout GCPScenario) throws -> Void

    init(_ name: String, _ failures: [String], _ apply: @escaping @Sendable (inout GCPScenario) throws -> Void) {
      self.name = name
      self.failures = failures
      self.apply = apply
    }
  }

  /// One change each, what refuses it, and nothing else.
  static let changes: [Change] = [
    Change("attributes of the key", ["tpm.ak-name", "tpm.ak-name"], { $0.evidence.key[7] ^= 0x40 }),
    Change("restricted", ["tpm.ak-attributes", "tpm.ak-name", "tpm.ak-name"], { $0.evidence.key[5] ^= 1 }),
    Change("no certificate", ["tpm.ak-trust"], { $0.evidence.certificates = [] }),
    Change("no intermediate", ["tpm.ak-trust"], { $0.evidence.certificates.removeLast() }),
    Change(
      "a byte of the certificate", ["tpm.ak-trust"],
      { $0.evidence.certificates[0][$0.evidence.certificates[0].count - 1] ^= 1 }
    ),
    Change(
      "a certificate of another key", ["tpm.ak-trust"],
      { $0.evidence.certificates[0] = try GCPMint(.rsa()).certificate(by: $0.issuer).der }
    ),
    Change("another root", ["tpm.ak-trust"], { $0.policy = GCPScenario.policy(anchor: nil, GCPScenario.demands) }),
    Change(
      "a root for other purposes", ["tpm.ak-trust"],
      {
        let text = String(decoding: $0.policy.canonicalBytes(), as: UTF8.self)
        $0.policy = try JSON(
          parsing: Array(text.replacing("google-vtpm", with: "tpm").utf8), limits: .document(maxBytes: 1 << 20))
      }
    ),
    Change("another nonce", ["gcp.sha1", "tpm.nonce", "tpm.nonce"], { $0.binding = .bytes([1]) }),
    Change(
      "the instance that the machine says", ["gcp.instance"],
      {
        $0.evidence.instance = try GCPInstance(
          json: [
            "zone": "europe-west4-a", "projectNumber": "4660", "projectID": "a-project",
            "instanceID": "18374686479671623687", "instanceName": "another",
          ], path: "instance")
      }
    ),
    Change("a quote", ["tpm.signature"], { $0.evidence.quotes[1].quote[12] ^= 1 }),
    Change("a quote's magic", ["tpm.quote"], { $0.evidence.quotes[1].quote[0] ^= 1 }),
    Change("a quote and a byte", ["tpm.quote"], { $0.evidence.quotes[1].quote.append(0) }),
    Change("a signature", ["tpm.signature"], { $0.evidence.quotes[2].signature[20] ^= 1 }),
    Change("a signature's scheme", ["tpm.signature"], { $0.evidence.quotes[2].signature[1] ^= 0x40 }),
    Change("a signature and a byte", ["tpm.signature"], { $0.evidence.quotes[2].signature.append(0) }),
    Change("a quote of SHA-1", ["gcp.sha1"], { $0.evidence.quotes[0].quote[60] ^= 1 }),
    Change("a signature of SHA-1", ["gcp.sha1"], { $0.evidence.quotes[0].signature[20] ^= 1 }),
    Change(
      "a register", ["tpm.pcr-digest"],
      {
        var values = $0.evidence.quotes[1].pcrs[0].values
        values[3]?[0] ^= 1
        $0.evidence.quotes[1].pcrs = [try PCRBank(algorithm: .sha256, values: values)]
      }
    ),
    Change(
      "a register of SHA-1", ["gcp.sha1"],
      {
        var values = $0.evidence.quotes[0].pcrs[0].values
        values[3]?[0] ^= 1
        $0.evidence.quotes[0].pcrs = [try PCRBank(algorithm: .sha1, values: values)]
      }
    ),
    Change(
      "a register less", ["tpm.selection"],
      {
        var values = $0.evidence.quotes[1].pcrs[0].values
        values[3] = nil
        $0.evidence.quotes[1].pcrs = [try PCRBank(algorithm: .sha256, values: values)]
      }
    ),
    Change("a bank twice", ["gcp.quotes"], { $0.evidence.quotes.append($0.evidence.quotes[1]) }),
    Change("SHA-1 alone", ["gcp.quotes"], { $0.evidence.quotes = [$0.evidence.quotes[0]] }),
    Change("no quote", ["gcp.quotes"], { $0.evidence.quotes = [] }),
    Change("an event log of nothing", ["eventlog.format", "eventlog.format"], { $0.evidence.logs.eventLog = [] }),
  ]

  @Test(arguments: changes.indices) func everyChangeIsRefused(index: Int) throws {
    let change = Self.changes[index]
    var scenario = try GCPScenario()
    try change.apply(&scenario)
    #expect(try scenario.failures() == change.failures, "\(change.name)")
  }

  @Test func certificatesMustNameAnInstance() throws {
    #expect(try GCPScenario(value: []).failures() == ["gcp.instance"])
    let value = GCPMint().extensionValue
    for malformed in [Array(value.dropLast()), value + [0], [0x30, 0x00], DERWriter.null] + Self.extensions {
      #expect(try GCPScenario(value: malformed).failures() == ["gcp.instance"], "\(Hex.encode(malformed))")
    }
    var mint = GCPMint()
    mint.zone = String(repeating: "z", count: 257)
    #expect(try GCPScenario(mint).failures() == ["gcp.instance"])
    mint.zone = String(repeating: "z", count: 256)
    #expect(try GCPScenario(mint).failures() == ["gcp.zone"])
  }

  /// Values of the certificate's extension with something behind one of its fields, at each level.
  static let extensions: [[UInt8]] = {
    let names =
      DERWriter.utf8String("europe-west4-a") + DERWriter.integer([1]) + DERWriter.utf8String("a-project")
      + DERWriter.integer([2]) + DERWriter.utf8String("a-machine")
    let null = DERWriter.null
    func value(_ security: [UInt8], behind: [UInt8] = [], after: [UInt8] = []) -> [UInt8] {
      DERWriter.sequence(names, DERWriter.element(0xA0, DERWriter.sequence(security) + behind), after)
    }
    let yes = DERWriter.boolean(true)
    return [
      value([], behind: null), value([], after: null), value(null),
      value(DERWriter.element(0xA0, DERWriter.integer([1]) + null)), value(DERWriter.element(0xA1, yes + null)),
      value(DERWriter.element(0xA2, yes + null)), value(DERWriter.element(0xA5, yes + null)),
      value(DERWriter.element(0xA6, yes)), value(DERWriter.element(0xA0, DERWriter.integer([UInt8](1...9)))),
    ]
  }()

  @Test func membersHaveTheirForm() throws {
    let evidence = try GCPScenario().evidence
    guard case .object(let whole) = Evidence(evidence).json, case .object(let quote)? = whole["quotes"]?.array?.first
    else { return }
    let instance: JSONObject = [
      "zone": "z", "projectNumber": "4660", "projectID": "p", "instanceID": "7", "instanceName": "n",
    ]
    func with(_ object: JSONObject, _ name: String, _ value: JSON) -> JSON {
      var copy = object
      copy[name] = value
      return .object(copy)
    }
    let malformed: [(String, JSON)] = [
      ("unverified", ["nothing"]), ("unverified", ["tdx", "tdx"]), ("unverified", [1]),
      ("quotes", [with(quote, "further", true)]), ("quotes", .array([JSON](repeating: .object(quote), count: 5))),
      ("instance", with(instance, "further", true)), ("instance", with(instance, "projectNumber", "04660")),
      ("instance", with(instance, "instanceID", "+7")),
      ("instance", with(instance, "zone", .string(String(repeating: "z", count: 257)))), ("further", true),
    ]
    #expect(throws: Never.self) { try Evidence(json: with(whole, "instance", .object(instance))) }
    for (name, value) in malformed {
      #expect(throws: FieldError.self, "\(name) \(value)") { try Evidence(json: with(whole, name, value)) }
    }
  }

  @Test func enrolmentDoesNotStandInForTheCertificate() throws {
    var scenario = try GCPScenario()
    let name = Hex.encode(try TPMTPublic(scenario.evidence.key).name)
    guard case .object(var policy) = scenario.policy else { return }
    policy["enrolled"] = [["name": "enrolled", "ak": .string(name), "assurance": "hardware"]]
    policy["anchors"] = []
    scenario.policy = .object(policy)
    #expect(try scenario.failures() == ["tpm.ak-trust"])
  }

  @Test func quotesAreOfOneBoot() throws {
    let resets = try GCPScenario { index, quote in if index == 2 { quote.resetCount += 1 } }
    #expect(try resets.failures() == ["gcp.quotes"])
    let restarts = try GCPScenario { index, quote in if index == 0 { quote.restartCount += 1 } }
    #expect(try restarts.failures() == ["gcp.quotes"])
  }

  @Test func certificatesEnd() throws {
    let scenario = try GCPScenario()
    #expect(try scenario.failures(at: CertificateMint.notAfter) == [])
    #expect(try scenario.failures(at: CertificateMint.notAfter + 1) == ["tpm.ak-trust"])
    #expect(try scenario.failures(at: CertificateMint.notBefore - 1) == ["tpm.ak-trust"])
  }

  @Test func whatCameAlongIsSaidNotToBeVerified() throws {
    var scenario = try GCPScenario()
    scenario.evidence.unverified = ["sev-snp"]
    let report = try scenario.report()
    #expect(report.verdict == .accepted)
    #expect(report.checks.contains { $0.id == .gcpUnverified && $0.outcome == .notPerformed("not read: sev-snp") })
  }

  // MARK: Policy

  @Test func productionIsDemanded() throws {
    var mint = GCPMint()
    mint.isProduction = false
    #expect(try GCPScenario(mint).failures() == ["gcp.production"])
    mint.isProduction = nil
    #expect(try GCPScenario(mint).failures() == ["gcp.production"], "saying nothing is not saying yes")
    var lenient = try GCPScenario(mint)
    lenient.demand("production", "any")
    #expect(try lenient.failures() == [])
  }

  @Test func projectsAndZonesAreDemanded() throws {
    for (name, check) in [("projects", "gcp.project"), ("zones", "gcp.zone")] {
      var scenario = try GCPScenario()
      scenario.demand(name, ["another"])
      #expect(try scenario.failures() == [check])
      scenario.demand(name, "any")
      #expect(try scenario.failures() == [])
    }
  }

  /// A project is named by the bytes of its name: what Unicode calls equivalent is another one.
  static func spellings() throws -> [(scenario: GCPScenario, failures: [String])] {
    let (composed, parts): (JSON, JSON) = ("caf\u{E9}", "cafe\u{301}")
    var mint = GCPMint()
    mint.projectID = "caf\u{E9}"
    let names: [(JSON, [String])] = [
      ([composed], []), ([parts], ["gcp.project"]), ([parts, composed], []),
    ]
    return try names.map { names, failures in
      var scenario = try GCPScenario(mint)
      scenario.demand("projects", names)
      return (scenario, failures)
    }
  }

  @Test func namesAreTheirBytes() throws {
    for (scenario, failures) in try Self.spellings() { #expect(try scenario.failures() == failures) }
  }

  @Test func thePolicyJudgesTheBankThatItNames() throws {
    var scenario = try GCPScenario()
    scenario.demand("bank", "sha384")
    #expect(try scenario.failures() == [])
    scenario.demand("bank", "sha512")
    #expect(try scenario.failures() == ["tpm.policy-bank"])
  }

  @Test func everyDemandIsWrittenOut() throws {
    for (name, _) in GCPScenario.demands {
      var scenario = try GCPScenario()
      scenario.demand(name, nil)
      #expect { try AppraisalPolicy(json: scenario.policy) } throws: {
        ($0 as? FieldError)?.field == "platforms.gcp-vtpm.\(name)"
      }
    }
    for (name, value) in [
      ("production", false), ("projects", []), ("zones", ["a", "a"]), ("zones", [1]),
      ("zones", ["a", 1]), ("zones", [""]), ("zones", [.string(String(repeating: "a", count: 257))]),
    ]
      as [(String, JSON)]
    {
      var scenario = try GCPScenario()
      scenario.demand(name, value)
      #expect(throws: FieldError.self) { try AppraisalPolicy(json: scenario.policy) }
    }
    var reader = ObjectReader(members: JSONObject(GCPScenario.demands))
    let policy = try GCPPolicy(members: &reader)
    var again = ObjectReader(members: policy.members)
    #expect(JSON.object(try GCPPolicy(members: &again).members) == JSON.object(policy.members))
  }

  // MARK: The page

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func thePageAgrees() throws {
    var cases = [try GCPScenario().browserCase("genuine"), try GCPScenario(GCPMint(.rsa())).browserCase("RSA")]
    for change in Self.changes {
      var scenario = try GCPScenario()
      try change.apply(&scenario)
      cases.append(scenario.browserCase(change.name))
    }
    for (name, value) in [("production", "any"), ("projects", ["x"]), ("zones", ["x"]), ("bank", "sha384")]
      as [(String, JSON)]
    {
      var scenario = try GCPScenario()
      scenario.demand(name, value)
      cases.append(scenario.browserCase(name))
      scenario.demand(name, nil)
      cases.append(scenario.browserCase("\(name) left out"))
    }
    for value in [[], GCPMint().extensionValue + [0], [0x30, 0x00]] + Self.extensions as [[UInt8]] {
      cases.append(try GCPScenario(value: value).browserCase("extension \(Hex.encode(value))"))
    }
    cases += try Self.spellings().map { $0.scenario.browserCase("spelling") }
    try BrowserVerifier.expectAgreement(cases)
  }
}
