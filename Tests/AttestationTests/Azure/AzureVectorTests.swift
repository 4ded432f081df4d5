import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import Attestation

/// Evidence of machines in Azure behaves as it is known of it.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct AzureVectorTests {
  /// 2026-01-01.
  static let at: Int64 = 1_767_225_600_000
  static let nonce = Binding.bytes(Array("challenge".utf8))

  static func bytes(_ name: String) throws -> [UInt8] { try Vectors.bytes("attestation/azure-hcl/\(name)") }

  static func evidence(_ name: String, beside: [String] = []) throws -> Evidence {
    try Evidence(
      reading: RawEvidence(
        bytes: try bytes(name), attachments: try beside.map { (name: $0, bytes: try bytes($0)) }))
  }

  static func appraise(
    _ evidence: Evidence, _ policy: JSONObject = AzurePolicies.open, binding: Binding = nonce
  ) throws -> AttestationReport {
    evidence.appraised(
      by: try AppraisalPolicy(json: SNPPolicies.appraisal("azure-cvm", policy)), binding: binding, at: at)
  }

  /// The three forms in which one machine's evidence is at hand.
  static func complete() throws -> [Evidence] {
    [
      try evidence("trustee-tdx/evidence-v0.json"), try evidence("trustee-tdx/evidence-v1.json"),
      try evidence("trustee-tdx/hcl-report.bin", beside: ["trustee-tdx/td-quote.bin", "trustee-tdx/quote.bin"]),
      try evidence(
        "trustee-tdx/hcl-report.bin", beside: ["trustee-tdx/tpm-quote-v1.json", "trustee-tdx/td-quote.bin"]),
    ]
  }

  @Test func aMachineWithTDXIsAccepted() throws {
    let all = try Self.complete()
    for evidence in all {
      let report = try Self.appraise(evidence)
      #expect(report.verdict == .accepted, "\(report.failures)")
      let claims = try #require(report.claims as? AzureClaims)
      #expect(claims.runtimeData.secureBoot == true)
      #expect(claims.runtimeData.console == true)
      #expect(claims.runtimeData.endorsementKey != nil)
      #expect(claims.registers["rtmr0"] == [UInt8](repeating: 0, count: 48))
      #expect(claims.registers["sha256.pcr0"]?.starts(with: [0x78, 0x2B]) ?? false)
      #expect(claims.assurance == .hardware(vendor: "Intel"))
    }
    #expect(Set(all.map(\.digest)).count == 1, "one machine, one evidence")
  }

  @Test func theNonceIsInTheQuote() throws {
    let evidence = try #require(try Self.complete().first)
    let report = try Self.appraise(evidence, binding: .bytes([1]))
    #expect(report.failures.map(\.id) == [.tpmNonce])
  }

  @Test func policiesRefuseWhatTheyDoNotAccept() throws {
    let evidence = try #require(try Self.complete().first)
    let console = try Self.appraise(evidence, AzurePolicies.with("console", false))
    #expect(console.failures.map(\.id) == [.azureConsole])
    #expect(try Self.appraise(evidence, AzurePolicies.with("secureBoot", true)).verdict == .accepted)
    let hardware = try Self.appraise(evidence, AzurePolicies.with("tdx", "none"))
    #expect(hardware.failures.map(\.id) == [.azureHardware])
  }

  /// The files of one directory belong to several machines: nothing may hold them together.
  @Test func quotesOfOtherMachinesAreRefused() throws {
    let snp = try Self.evidence(
      "kinvolk/hcl-report-snp.bin", beside: ["kinvolk/quote.bin", "kinvolk/certs.pem"])
    let report = try Self.appraise(snp)
    // The certificates are another chip's, and the quote another TPM's; the report does name the runtime data.
    #expect(
      Set(report.failures.map(\.id)) == [.snpSignature, .snpChip, .tpmSignature], "\(report.failures)")
    #expect(report.checks.contains { $0.id == .azureRuntimeData && $0.outcome.name == "passed" })
    let tdx = try Self.evidence("kinvolk/hcl-report-tdx.bin", beside: ["kinvolk/quote.bin"])
    let other = try Self.appraise(tdx)
    #expect(other.failures.map(\.id).contains(.tpmSignature))
    #expect(other.failures.map(\.id).contains(.azureTDReport), "a TDREPORT without a quote is anybody's")
  }

  @Test func aQuoteAloneIsNoEvidence() throws {
    #expect(throws: FieldError.self) { try Self.evidence("trustee-tdx/hcl-report.bin") }
  }

  @Test func theQuoteOfTheDirectoryIsGoodUnderItsOwnKey() throws {
    let file = try Self.evidence("kinvolk/hcl-report-snp.bin", beside: ["kinvolk/quote.bin"])
    let evidence = try #require(file.content as? AzureEvidence)
    let pem = try PEM.decode(String(decoding: try Self.bytes("kinvolk/akpub.pem"), as: UTF8.self), label: "PUBLIC KEY")
    var checks = CheckList()
    let quote = TPMQuoteVerifier.verify(
      quote: evidence.quote, signature: try TPMTSignature(evidence.signature), key: try TPMPublicKey(spkiDER: pem),
      pcrs: evidence.pcrs, binding: Self.nonce, into: &checks)
    #expect(quote != nil)
    #expect(checks.succeeds)
  }
}

/// A policy that accepts everything, to change one demand at a time.
enum AzurePolicies {
  static let tdx: JSONObject = [
    "collateral": "any", "tcbStatus": ["UpToDate"], "advisories": "any", "evaluationNumber": "any",
    "attributes": ["required": [], "allowed": "any"], "xfam": "any", "platforms": "any", "mrseam": "any",
    "mrsignerseam": "any", "mrconfigid": "any", "mrowner": "any", "mrownerconfig": "any", "mrservicetd": "any",
  ]
  static let open: JSONObject = [
    "snp": .object(SNPPolicies.open), "tdx": .object(tdx), "secureBoot": "any", "console": "any", "machines": "any",
    "userData": "any", "bank": "sha256", "registers": "any", "clockSafe": "any", "since": "any", "eventLog": "any",
    "runtime": ["code": "any", "locked": "any"],
  ]

  static func with(_ member: String, _ value: JSON) -> JSONObject {
    var policy = open
    policy[member] = value
    return policy
  }
}
