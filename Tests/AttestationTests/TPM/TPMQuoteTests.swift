import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

/// Quotes that a key has signed and that are wrong all the same.
@Suite struct TPMQuoteTests {
  @Test func aNonceIsDemandedToTheByte() throws {
    var scenario = try TPMScenario.p256()
    for binding in [[UInt8](repeating: 0xA7, count: 31), TPMScenario.nonce + [0], [0], []] {
      scenario.binding = .bytes(binding)
      #expect(try scenario.failures() == ["tpm.nonce"])
    }
    scenario.binding = .any
    #expect(try scenario.report().verdict == .accepted)
    #expect(try scenario.report().checks.first { $0.id.name == "tpm.nonce" }?.outcome.name == "not-performed")
  }

  @Test func aQuoteForNobodyIsRefused() throws {
    let scenario = try TPMScenario(.p256()) { $0.extraData = [] }
    #expect(try scenario.failures() == ["tpm.nonce"])
  }

  @Test(arguments: [UInt16(0x8014), 0x8017, 0x8019, 0x801A]) func otherStatementsOfATPMAreNoQuotes(_ type: UInt16)
    throws
  {
    #expect(try TPMScenario(.p256()) { $0.type = type }.failures() == ["tpm.quote"])
  }

  @Test func whatTheTPMDidNotComposeIsNoQuote() throws {
    #expect(try TPMScenario(.p256()) { $0.magic = 0xFF54_4348 }.failures() == ["tpm.quote"])
  }

  @Test func banksOfSHA1AreRefused() throws {
    var scenario = try TPMScenario(.p256(), bank: .sha1)
    scenario.policy = TPMScenario.policy(anchors: [(scenario.root.certificate, "software")], platform: demandsOfAny)
    #expect(try scenario.failures() == ["tpm.bank"])
  }

  private var demandsOfAny: JSON {
    [
      "bank": "sha256", "registers": "any", "clockSafe": "any", "since": "any", "eventLog": "any",
      "runtime": ["code": "any", "locked": "any"],
    ]
  }

  @Test func aSignatureWithSHA1IsRefused() throws {
    var scenario = try TPMScenario.rsa()
    let signature = try TPMTSignature(scenario.evidence.signature)
    scenario.evidence.signature = TPMTSignature(scheme: .rsassa, hash: .sha1, value: signature.value).bytes
    #expect(try scenario.failures() == ["tpm.signature-hash", "tpm.signature", "tpm.pcr-digest"])
  }

  @Test func banksOfSHA384AreAccepted() throws {
    let report = try TPMScenario(.p256(), bank: .sha384).report()
    #expect(report.verdict == .accepted, "\(report.failures)")
    #expect(report.claims?.registers["sha384.pcr7"] == BankAlgorithm.sha384.hash([7]))
  }

  /// The values of three registers are not those of PCR 0, 1 and 2, however they are given.
  @Test func valuesGetTheirNamesFromTheSelection() throws {
    var scenario = try TPMScenario.p256()
    let values = [15, 16, 22].map { BankAlgorithm.sha256.hash([UInt8($0)]) }
    let bank = try PCRBank(algorithm: .sha256, values: [15: values[0], 16: values[1], 22: values[2]])
    let certificates = try scenario.evidence.certificates.map { try Certificate(der: $0) }
    scenario.evidence = try scenario.mint.evidence(
      [bank], extraData: TPMScenario.nonce, certificates: certificates)
    scenario.policy = TPMScenario.policy(anchors: [(scenario.root.certificate, "software")], platform: demandsOfAny)
    #expect(try scenario.report().verdict == .accepted)
    #expect(
      try Set(scenario.report().claims.map { $0.registers.keys.sorted() } ?? []) == [
        "sha256.pcr15", "sha256.pcr16", "sha256.pcr22",
      ])
    scenario.evidence.pcrs = [try PCRBank(algorithm: .sha256, values: [0: values[0], 1: values[1], 2: values[2]])]
    #expect(try scenario.failures() == ["tpm.selection"])
    scenario = scenario.demanding("registers", ["firmware-code": "any"])
    #expect(try scenario.failures() == ["tpm.selection"])
  }

  @Test func aQuoteOfNothingIsRefused() throws {
    let nothing = try TPMScenario(.p256()) { $0.selections = [] }
    #expect(try nothing.failures() == ["tpm.bank", "tpm.selection"])
    let empty = try TPMScenario(.p256()) { $0.selections = [(.sha256, [])] }
    #expect(try empty.failures() == ["tpm.selection"])
  }

  @Test func severalBanksAreHashedInTheOrderOfTheQuote() throws {
    var scenario = try TPMScenario.p256()
    let banks = [
      try PCRBank(algorithm: .sha384, values: [1: BankAlgorithm.sha384.hash([1]), 0: BankAlgorithm.sha384.hash([0])]),
      try PCRBank(algorithm: .sha256, values: [7: BankAlgorithm.sha256.hash([7])]),
    ]
    let certificates = try scenario.evidence.certificates.map { try Certificate(der: $0) }
    scenario.evidence = try scenario.mint.evidence(banks, extraData: TPMScenario.nonce, certificates: certificates)
    scenario.policy = TPMScenario.policy(anchors: [(scenario.root.certificate, "software")], platform: demandsOfAny)
    #expect(try scenario.report().verdict == .accepted)
    // Members of JSON have no order: the quote's own counts.
    let again = try Evidence(json: Evidence(scenario.evidence).json)
    let report = again.appraised(
      by: try AppraisalPolicy(json: scenario.policy), binding: scenario.binding, at: scenario.at)
    #expect(report.verdict == .accepted)
    let repeated = try TPMScenario(.p256()) { $0.selections += $0.selections }
    #expect(try repeated.failures() == ["tpm.quote"])
  }

  /// The digest's hash is that of the signature, whatever the bank is.
  @Test func theDigestOfAnotherHashIsRefused() throws {
    let scenario = try TPMScenario(.p256(), bank: .sha384) { quote in
      quote.pcrDigest = DigestAlgorithm.sha384.hash([UInt8](repeating: 0, count: 48))
    }
    #expect(try scenario.failures() == ["tpm.pcr-digest"])
  }

  @Test func aKeyOfAnotherKindDidNotSign() throws {
    var scenario = try TPMScenario.p256()
    scenario.evidence.signature = try TPMScenario.rsa().evidence.signature
    #expect(try scenario.failures() == ["tpm.signature"])
  }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func theBrowserSaysTheSameOfQuotes() throws {
    var cases: [BrowserVerifier.Case] = []
    func add(_ name: String, _ bank: BankAlgorithm = .sha256, _ change: (inout TPMMint.Quote) -> Void = { _ in }) throws
    {
      var scenario = try TPMScenario(.p256(), bank: bank, change: change)
      cases.append(scenario.browserCase(name))
      scenario.policy = TPMScenario.policy(anchors: [(scenario.root.certificate, "software")], platform: demandsOfAny)
      cases.append(scenario.browserCase("\(name), any"))
      scenario.binding = .any
      cases.append(scenario.browserCase("\(name), any nonce"))
    }
    try add("SHA-384", .sha384)
    try add("SHA-512", .sha512)
    try add("no extra data") { $0.extraData = [] }
    try add("nothing quoted") { $0.selections = [] }
    try add("an empty selection") { $0.selections = [(.sha256, [])] }
    try add("a bank twice") { $0.selections += $0.selections }
    try add("five banks") { $0.selections = Array(repeating: $0.selections[0], count: 5) }
    try add("another type") { $0.type = 0x8017 }
    try add("safe 2") { $0.safe = 2 }
    try add("a long name") { $0.qualifiedSigner = [UInt8](repeating: 1, count: 67) }
    try add("the greatest clock") { $0.clock = .max }
    var scenario = try TPMScenario.rsa()
    let signature = try TPMTSignature(scenario.evidence.signature)
    scenario.evidence.signature = TPMTSignature(scheme: .rsassa, hash: .sha1, value: signature.value).bytes
    cases.append(scenario.browserCase("a signature with SHA-1"))
    try BrowserVerifier.expectAgreement(cases)
  }
}
