import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

/// Each demand of a policy: one case that it accepts beside one that it refuses, and the written-out word that gives it up.
@Suite struct TPMPolicyTests {
  struct Case: CustomTestStringConvertible {
    var name: String
    var member: String
    var value: JSON
    /// The check that fails, nil where none does.
    var failure: String?
    var testDescription: String { name }

    init(_ name: String, _ member: String, _ value: JSON, fails failure: String? = nil) {
      (self.name, self.member, self.value, self.failure) = (name, member, value, failure)
    }
  }

  static func since(_ clock: Int64, _ resets: Int64, _ restarts: Int64, sameBoot: Bool = false) -> JSON {
    [
      "clock": .integer(clock), "resetCount": .integer(resets), "restartCount": .integer(restarts),
      "sameBoot": .bool(sameBoot),
    ]
  }

  static let value = Hex.encode(BankAlgorithm.sha256.hash([7]))
  static let other = Hex.encode(BankAlgorithm.sha256.hash([8]))

  static let cases: [Case] = [
    Case("a value by meaning", "registers", ["secure-boot": [.string(value)]]),
    Case("one of several values", "registers", ["pcr7": [.string(other), .string(value)]]),
    Case("another value", "registers", ["secure-boot": [.string(other)]], fails: "tpm.policy-registers"),
    Case("a value of another register", "registers", ["boot-loader": [.string(value)]], fails: "tpm.policy-registers"),
    Case("a quoted register", "registers", ["uki": "any"]),
    Case("a register that is not quoted", "registers", ["application": "any"], fails: "tpm.policy-registers"),
    Case("any registers", "registers", "any"),
    Case("another bank", "bank", "sha384", fails: "tpm.policy-bank"),
    Case("a safe clock", "clockSafe", true),
    Case("any clock", "clockSafe", "any"),
    Case("no earlier quote", "since", "any"),
    Case("the same quote", "since", since(123_456, 7, 2, sameBoot: true)),
    Case("a clock that went back", "since", since(123_457, 7, 2), fails: "tpm.since"),
    Case("a reset counter that went back", "since", since(1, 8, 0), fails: "tpm.since"),
    Case("a restart counter that went back", "since", since(1, 7, 3), fails: "tpm.since"),
    Case("a restart counter that began again", "since", since(1, 6, 3)),
    Case("another boot", "since", since(1, 6, 2)),
    Case("another boot where the same is asked", "since", since(1, 6, 2, sameBoot: true), fails: "tpm.since"),
    Case("a restart where the same boot is asked", "since", since(1, 7, 1, sameBoot: true), fails: "tpm.since"),
    Case("a counter that went round", "since", since(1, 0xFFFF_FFFE, 2)),
    Case("a counter half the circle ahead", "since", since(1, 0x8000_0006, 2), fails: "tpm.since"),
    Case(
      "an event log where one is asked", "eventLog", ["secureBoot": "any", "separators": "any"],
      fails: "eventlog.present"),
    Case("other code", "runtime", ["code": [], "locked": "any"], fails: "runtime.code"),
    Case("any code", "runtime", ["code": "any", "locked": "any"]),
  ]

  @Test(arguments: cases) func aDemandHoldsOrIsNamed(_ item: Case) throws {
    var scenario = try TPMScenario.p256().demanding(item.member, item.value)
    if item.member == "bank" { scenario = scenario.demanding("registers", "any") }
    let expected: Set<String> = item.failure.map { [$0] } ?? []
    #expect(try scenario.failures() == expected)
    #expect(try scenario.report().verdict == (item.failure == nil ? .accepted : .rejected))
  }

  @Test func aClockThatIsNotSafeIsRefusedUnlessAnyIsWritten() throws {
    let scenario = try TPMScenario(.p256()) { $0.safe = 0 }
    #expect(try scenario.failures() == ["tpm.clock-safe"])
    #expect(try scenario.demanding("clockSafe", "any").report().verdict == .accepted)
  }

  @Test func aBoxThatIsNotLockedIsRefusedUnlessAnyIsWritten() throws {
    var scenario = try TPMScenario.p256()
    let open = try TPMScenario.runtime(locked: false)
    let certificates = try scenario.evidence.certificates.map { try Certificate(der: $0) }
    scenario.evidence = try scenario.mint.evidence(
      [try TPMScenario.registers(.sha256, runtime: open)], extraData: TPMScenario.nonce, certificates: certificates,
      logs: MeasurementLogs(runtime: open))
    #expect(try scenario.failures() == ["runtime.locked"])
    let code: JSON = ["code": [.string(TPMScenario.tool.hex)], "locked": "any"]
    #expect(try scenario.demanding("runtime", code).report().verdict == .accepted)
  }

  @Test func softwareIsRefusedWhereHardwareIsAsked() throws {
    var scenario = try TPMScenario.p256()
    let platform = TPMScenario.demands()
    let root = scenario.root.certificate
    scenario.policy = TPMScenario.policy(anchors: [(root, "software")], assurance: "hardware", platform: platform)
    #expect(try scenario.failures() == ["policy.assurance"])
    scenario.policy = TPMScenario.policy(anchors: [(root, "hardware")], assurance: "hardware", platform: platform)
    #expect(try scenario.report().verdict == .accepted)
  }

  /// Nobody is to think that a root is trusted which is none.
  @Test func anAnchorThatIsNoCertificateIsNamed() throws {
    let scenario = try TPMScenario.p256()
    let root = scenario.root.certificate.der
    let cases = [root.dropLast() + [], root + [0], [0x30, 0]].map { (bytes: [UInt8]) -> BrowserVerifier.Case in
      var policy = scenario.policy.object ?? [:]
      policy["anchors"] = [
        ["name": "it", "purpose": "tpm", "certificate": .string(Base64.encode(bytes)), "assurance": "software"]
      ]
      return BrowserVerifier.Case(
        name: "\(bytes.count) bytes", evidence: Evidence(scenario.evidence).json, policy: .object(policy), at: 0,
        binding: .any)
    }
    for item in cases { #expect(BrowserVerifier.ours(item) == ["error": "anchors[0].certificate"]) }
    try BrowserVerifier.expectAgreement(cases)
  }

  @Test func aReleaseIsMatchedByItsRegisters() throws {
    var scenario = try TPMScenario.p256()
    func releases(_ value: String) -> JSON {
      [["name": "box", "version": "1", "references": ["tpm": ["sha256.pcr7": [.string(value)]]]]]
    }
    let anchors = [(scenario.root.certificate, "software")]
    scenario.policy = TPMScenario.policy(
      anchors: anchors, releases: releases(Self.value), platform: TPMScenario.demands())
    #expect(try scenario.report().verdict == .accepted)
    scenario.policy = TPMScenario.policy(
      anchors: anchors, releases: releases(Self.other), platform: TPMScenario.demands())
    #expect(try scenario.failures() == ["policy.release"])
  }

  @Test(arguments: ["bank", "registers", "clockSafe", "since", "eventLog", "runtime"])
  func aDemandThatIsLeftOutIsAnError(_ member: String) throws {
    let scenario = try TPMScenario.p256().demanding(member, nil)
    let error = #expect(throws: FieldError.self) { try AppraisalPolicy(json: scenario.policy) }
    #expect(error?.field == "platforms.tpm.\(member)")
  }

  static let malformed: [(member: String, value: JSON, field: String)] = [
    ("bank", "sha1", "bank"), ("bank", "any", "bank"), ("registers", [:], "registers"),
    ("registers", ["no-such": "any"], "registers"), ("registers", ["pcr24": "any"], "registers"),
    ("registers", ["pcr7": "any", "secure-boot": "any"], "registers"), ("registers", ["pcr7": []], "registers.pcr7"),
    ("registers", ["pcr7": ["00"]], "registers.pcr7"), ("registers", ["pcr7": "some"], "registers.pcr7"),
    ("clockSafe", false, "clockSafe"), ("clockSafe", "true", "clockSafe"), ("since", "never", "since"),
    ("since", since(-1, 0, 0), "since.clock"), ("since", since(0, 1 << 32, 0), "since.resetCount"),
    ("since", ["clock": 0, "resetCount": 0, "restartCount": 0], "since.sameBoot"),
    ("unknown", 1, "unknown"),
  ]

  @Test(arguments: malformed.indices) func aMalformedDemandIsNamed(_ index: Int) throws {
    let (member, value, field) = Self.malformed[index]
    let scenario = try TPMScenario.p256().demanding(member, value)
    let error = #expect(throws: FieldError.self) { try AppraisalPolicy(json: scenario.policy) }
    #expect(error?.field == "platforms.tpm.\(field)")
  }

  @Test func aPolicyIsWrittenAsItIsRead() throws {
    for json in [TPMScenario.demands(), TPMScenario.demands(.sha384)] {
      var reader = try ObjectReader(json)
      let written = try TPMPolicy(members: &reader).members
      var again = ObjectReader(members: written)
      #expect(try TPMPolicy(members: &again).members == written)
      try again.finish()
    }
  }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func theBrowserAppraisesAlike() throws {
    var cases = try Self.cases.map { item in
      try TPMScenario.p256().demanding(item.member, item.value).browserCase(item.name)
    }
    cases.append(try TPMScenario(.p256()) { $0.safe = 0 }.browserCase("not safe"))
    for (member, value, _) in Self.malformed {
      cases.append(try TPMScenario.p256().demanding(member, value).browserCase("malformed \(member) \(value)"))
    }
    for member in ["bank", "registers", "clockSafe", "since", "eventLog", "runtime"] {
      cases.append(try TPMScenario.p256().demanding(member, nil).browserCase("without \(member)"))
    }
    try BrowserVerifier.expectAgreement(cases)
  }
}
