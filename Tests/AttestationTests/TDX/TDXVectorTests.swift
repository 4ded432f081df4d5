import Attestation
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

/// Quotes of real machines behave as their index says.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct TDXVectorTests {
  /// Name, time, which version, which FMSPC.
  static let quotes: [(String, Int64, UInt16, String)] = [
    ("dstack/quote-report.json", TDXSamples.time2026, 4, "90c06f000000"),
    ("dstack/tdx-lite-getquote.json", TDXSamples.time2026, 4, "90c06f000000"),
    ("dstack/tdx-lite-attestation.json", TDXSamples.time2026, 4, "90c06f000000"),
    ("dstack/ra-tls-tdx_quote", TDXSamples.time2026, 4, "b0c06f000000"),
    ("dstack/simulator-attestation.bin", TDXSamples.time2026, 4, "b0c06f000000"),
    ("gcp-cos-113/cos-113-tdx-quote.dat", TDXSamples.time2025, 4, "00806f050000"),
    ("go-tdx-guest/quote_v5_sample.dat", TDXSamples.time2026, 5, "90c06f000000"),
  ]

  @Test(arguments: quotes)
  func aGenuineQuoteIsAccepted(name: String, at: Int64, version: UInt16, fmspc: String) throws {
    let evidence = try TDXSamples.evidence(name)
    let report = Evidence(evidence).appraised(
      by: try TDXSamples.policy(), binding: try TDXSamples.binding(evidence), at: at)
    #expect(report.verdict == .accepted, "\(report.checks.map { "\($0.id.name) \($0.outcome)" })")
    let claims = try #require(report.claims as? TDXClaims)
    #expect(claims.quote.quote.version == version)
    #expect(Hex.encode(claims.quote.platform.fmspc) == fmspc)
    #expect(claims.assurance == .hardware(vendor: "Intel"))
    #expect(claims.quote.tcb == nil)
    #expect(report.outcome("tdx.tcb-level") == "not-performed")
    let again = try Evidence(json: Evidence(evidence).json)
    #expect(again.content as? TDXEvidence == evidence)
  }

  /// No collateral is accepted only where the policy gives it up in so many words.
  @Test func withoutCollateralThePolicyMustSaySo() throws {
    let evidence = try TDXSamples.evidence("go-tdx-guest/quote_v5_sample.dat")
    let report = Evidence(evidence).appraised(
      by: try TDXSamples.policy(["collateral": "required"]), binding: try TDXSamples.binding(evidence),
      at: TDXSamples.time2026)
    #expect(report.verdict == .rejected)
    #expect(report.failed == ["tdx.collateral"])
  }

  /// All of the collateral holds at its time. The machine itself was made before there was a status for its versions: it
  /// reaches no level, which is no status at all.
  @Test func collateralOfItsTimeHolds() throws {
    let evidence = try TDXSamples.complete()
    let report = Evidence(evidence).appraised(
      by: try TDXSamples.policy(), binding: try TDXSamples.binding(evidence), at: TDXSamples.collateralTime)
    #expect(report.failed == ["tdx.tcb-level"])
    for check in report.checks.prefix(19) { #expect(check.outcome.name == "passed", "\(check)") }
    // The quoting enclave's identity ends first: 2023-07-08T07:24:59Z.
    #expect(report.deadline == 1_688_801_099_000)
  }

  /// Each part ends by itself: before the first is issued, after each has ended.
  static let ends: [(Int64, [String])] = [
    (1_686_000_000_000, ["tdx.tcb-info-current", "tdx.qe-document-current", "tdx.pck-crl"]),
    (1_688_900_000_000, ["tdx.qe-document-current", "tdx.pck-crl"]),
    (1_689_700_000_000, ["tdx.tcb-info-current", "tdx.qe-document-current", "tdx.pck-crl"]),
    (1_717_200_000_000, ["tdx.tcb-info-current", "tdx.qe-document-current", "tdx.root-crl", "tdx.pck-crl"]),
    (
      1_750_000_000_000,
      [
        "tdx.tcb-signer", "tdx.tcb-info-current", "tdx.qe-signer", "tdx.qe-document-current", "tdx.root-crl",
        "tdx.pck-crl",
      ]
    ),
  ]

  @Test(arguments: ends) func collateralEnds(at: Int64, failing: [String]) throws {
    let evidence = try TDXSamples.complete()
    let report = Evidence(evidence).appraised(
      by: try TDXSamples.policy(), binding: try TDXSamples.binding(evidence), at: at)
    #expect(report.verdict == .rejected)
    #expect(report.failed == failing + ["tdx.tcb-level"])
  }

  /// TCB info of 2026 is signed by a key whose certificate in these files ended in 2025, and nothing else of 2026 is there.
  @Test func theSignerIsHeldAgainstTheTimeToo() throws {
    let files = TDXSamples.collateralFiles.map {
      $0.hasSuffix("sample_tcbInfo_response") ? "go-tdx-guest/sample_tcbinfo_response_v5" : $0
    }
    let evidence = try TDXSamples.evidence("go-tdx-guest/quote_v5_sample.dat", with: files)
    let report = Evidence(evidence).appraised(
      by: try TDXSamples.policy(), binding: try TDXSamples.binding(evidence), at: 1_770_500_000_000)
    #expect(report.failed.contains("tdx.tcb-signer"))
    #expect(report.outcome("tdx.tcb-info") == "passed")
    #expect(report.outcome("tdx.tcb-info-current") == "passed")
    #expect(report.outcome("tdx.tcb-info-platform") == "passed")
    #expect(report.outcome("tdx.module") == "passed")
    #expect(report.outcome("tdx.tcb-level") == "passed")
  }

  /// Every signature of this quote holds; the 39 bytes after it are nobody's.
  @Test func bytesAfterAQuoteAreRefused() throws {
    let evidence = try TDXSamples.evidence("go-tdx-guest/tdx_prod_quote_SPR_E4.dat")
    let report = Evidence(evidence).appraised(
      by: try TDXSamples.policy(), binding: try TDXSamples.binding(evidence), at: TDXSamples.collateralTime)
    #expect(report.failed == ["tdx.length"])
    for id in [
      "quote-signature", "attestation-key", "pck-chain", "pck-profile", "qe-signature", "qe-identity", "module",
    ] {
      #expect(report.outcome("tdx.\(id)") == "passed")
    }
  }

  /// Zeros fill a buffer of a size that platforms use, and nothing else.
  @Test(arguments: [
    (70, true), (71, false), (1, false), (15, false), (8000 - 4936, true), (8192 - 4936, true), (8193 - 4936, false),
  ]) func onlyZerosOfABufferMayFollow(count: Int, isAccepted: Bool) throws {
    let whole = try TDXSamples.evidence("dstack/ra-tls-tdx_quote").quote
    let exact = [UInt8](whole.prefix(4936))
    for (last, accepted) in [(0 as UInt8, isAccepted), (1, false)] {
      let bytes = exact + [UInt8](repeating: 0, count: count - 1) + [last]
      let report = Evidence(TDXEvidence(quote: bytes)).appraised(
        by: try TDXSamples.policy(), binding: .any, at: TDXSamples.time2026)
      #expect(report.failed == (accepted ? [] : ["tdx.length"]), "\(count) \(last)")
    }
    let report = Evidence(TDXEvidence(quote: exact)).appraised(
      by: try TDXSamples.policy(), binding: .any, at: TDXSamples.time2026)
    #expect(report.verdict == .accepted)
  }

  /// Report data that is a shell startup file, or nothing, binds nothing.
  @Test func reportDataMustBeTheBinding() throws {
    let nonce = Binding.bytes(SHA256.hash(utf8: "nonce").bytes)
    for (name, at) in [
      ("dstack/ra-tls-tdx_quote", TDXSamples.time2026), ("gcp-cos-113/cos-113-tdx-quote.dat", TDXSamples.time2025),
    ] {
      let report = Evidence(try TDXSamples.evidence(name)).appraised(
        by: try TDXSamples.policy(), binding: nonce, at: at)
      #expect(report.verdict == .rejected)
      #expect(report.failed == ["tdx.binding"])
    }
    let zeros = Binding.bytes([])
    let report = Evidence(try TDXSamples.evidence("gcp-cos-113/cos-113-tdx-quote.dat")).appraised(
      by: try TDXSamples.policy(), binding: zeros, at: TDXSamples.time2025)
    #expect(report.failed == ["tdx.binding"])
  }

  /// The logs beside the quotes yield their registers.
  @Test func logsYieldTheRegisters() throws {
    let attached = ["gcp-cos-113/ccel_data.dat", "gcp-cos-113/ccel_table.dat", "gcp-cos-113/nonce.dat"]
    for (evidence, at) in [
      (try TDXSamples.evidence("dstack/quote-report.json"), TDXSamples.time2026),
      (try TDXSamples.evidence("dstack/tdx-lite-getquote.json"), TDXSamples.time2026),
      (try TDXSamples.evidence("dstack/simulator-attestation.bin"), TDXSamples.time2026),
      (try TDXSamples.evidence("gcp-cos-113/cos-113-tdx-quote.dat", with: attached), TDXSamples.time2025),
    ] {
      #expect(evidence.logs.eventLog != nil)
      let policy = try TDXSamples.policy(["eventLog": ["secureBoot": "any", "separators": "any"]])
      let report = Evidence(evidence).appraised(by: policy, binding: .any, at: at)
      #expect(report.verdict == .accepted, "\(report.failures)")
      #expect(report.outcome("eventlog.replay") == "passed")
    }
  }

  /// A release names its registers; the report names the one that differs.
  @Test func registersAreHeldAgainstReleases() throws {
    let evidence = try TDXSamples.evidence("dstack/ra-tls-tdx_quote")
    let registers = try TDXQuote(parsing: evidence.quote).report.registers
    func release(_ changes: [String: [UInt8]]) -> JSON {
      let names = ["mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3", "mrconfigid", "mrowner", "mrownerconfig", "mrseam"]
      let values = names.map { name -> (String, JSON) in
        (name, [.string(Hex.encode(changes[name] ?? registers[name] ?? []))])
      }
      return [["name": "image", "version": "1", "references": ["tdx": .object(JSONObject(values))]]]
    }
    let accepted = Evidence(evidence).appraised(
      by: try TDXSamples.policy(releases: release([:])), binding: .any, at: TDXSamples.time2026)
    #expect(accepted.verdict == .accepted)
    for name in registers.keys {
      let other = [UInt8](repeating: 7, count: 48)
      let report = Evidence(evidence).appraised(
        by: try TDXSamples.policy(releases: release([name: other])), binding: .any, at: TDXSamples.time2026)
      #expect(report.failed == ["policy.release"])
      let outcome = try #require(report.failures.first?.outcome)
      #expect("\(outcome)".contains(name))
    }
  }

  /// Of Intel's answers for two platforms each quote takes its own.
  @Test func collateralIsThatOfThePlatform() throws {
    let files = TDXSamples.collateralFiles + ["go-tdx-guest/sample_tcbinfo_response_v5"]
    for name in ["quote_v5_sample.dat", "tdx_prod_quote_SPR_E4.dat"] {
      let evidence = try TDXSamples.evidence("go-tdx-guest/\(name)", with: files)
      let report = Evidence(evidence).appraised(by: try TDXSamples.policy(), binding: .any, at: TDXSamples.time2026)
      #expect(report.outcome("tdx.tcb-info-platform") == "passed")
    }
  }

  /// Collateral in part is none: what is left out might be the list that revokes.
  @Test func collateralIsWholeOrAbsent() throws {
    let needed = [
      "pckcrl": "collateral.pckCRL", "rootcrl.der": "collateral.rootCRL",
      "sample_tcbInfo_response": "collateral.tcbInfo",
      "sample_qeIdentity_response": "collateral.qeIdentity",
    ]
    for (left, field) in needed {
      let files = TDXSamples.collateralFiles.filter { !$0.hasSuffix(left) }
      let error = #expect(throws: FieldError.self) {
        try TDXSamples.evidence("go-tdx-guest/tdx_prod_quote_SPR_E4.dat", with: files)
      }
      #expect(error?.field == field)
    }
    let files = TDXSamples.collateralFiles.filter { !$0.hasSuffix(".pem") }
    let error = #expect(throws: FieldError.self) {
      try TDXSamples.evidence("go-tdx-guest/tdx_prod_quote_SPR_E4.dat", with: files)
    }
    #expect(error?.field == "collateral.tcbInfoChain")
  }
}
