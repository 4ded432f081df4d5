import Attestation
import CanonicalJSON
import Cryptography

/// Reports of SEV-SNP and of Azure's paravisor, in all the forms in which they come from a machine that wants to be trusted.
enum ConfidentialVMTargets {
  /// A report: whatever is read has zeros wherever nothing is signed.
  static let report = FuzzTarget(
    name: "attestation.snp", shape: .binary,
    seeds: [snpReport(version: 2), snpReport(version: 3), snpReport(version: 5)]
  ) { input throws(FuzzTarget.Violation) in
    let report: SNPReport
    do throws(FieldError) { report = try SNPReport(input) } catch { return error.field }
    try FuzzTarget.require(input.count == SNPReport.byteCount, "another length")
    let behind = [0x2D0..<0x2E8, 0x318..<0x4A0].flatMap { input[$0] }
    try FuzzTarget.require(behind.allSatisfy { $0 == 0 }, "something behind the signature")
    return "read \(report.version) \(report.signingKey.rawValue) \(report.policy.allowsDebug)"
  }

  /// Any form of a report with certificates: nobody can sign here, so nothing is ever accepted, and what was recognised
  /// comes back the same from JSON.
  static let snp = FuzzTarget(
    name: "attestation.snp-forms", shape: .binary,
    seeds: [
      snpReport(version: 3), snpReport(version: 3) + table,
      [0, 0, 0, 0, 0xA0, 4, 0, 0] + zeros(24)
        + snpReport(version: 3), [0, 3, 0x81, 0x12] + snpReport(version: 3) + [4, 16, 1, 2, 3, 4],
      Array(Hex.encode(snpReport(version: 3)).utf8),
      Array(#"{"attestation":"00038112\#(Hex.encode(snpReport(version: 3)))00"}"#.utf8),
    ]
  ) { input throws(FuzzTarget.Violation) in
    try recognise(SNPEvidence.self, RawEvidence(bytes: input), policy: snpPolicy)
  }

  /// The contents of the NV index beside a quote, and trustee's JSON.
  static let azure = FuzzTarget(
    name: "attestation.azure-forms", shape: .binary, seeds: [hcl, trustee],
    tokens: ["HCLA", "HCLAkPub", "HCLEkPub", "\"kty\":\"RSA\"", "\"e\":\"AQAB\"", "hcl_report", "td_quote", "vcek"]
  ) { input throws(FuzzTarget.Violation) in
    try recognise(
      AzureEvidence.self, RawEvidence(bytes: input, attachments: [("quote.bin", bincode)]), policy: azurePolicy)
  }

  /// The paravisor's report alone: sizes agree, and nothing stands where nothing belongs.
  static let paravisor = FuzzTarget(
    name: "attestation.hcl", shape: .binary, seeds: [hcl], tokens: ["HCLA", "HCLAkPub", "\"keys\":["]
  ) { input throws(FuzzTarget.Violation) in
    let report: HCLReport
    do throws(FieldError) { report = try HCLReport(input) } catch { return error.field }
    let end = 0x4D4 + report.runtimeData.count
    try FuzzTarget.require(end <= input.count && input[end...].allSatisfy { $0 == 0 }, "something behind the data")
    do throws(FieldError) {
      let data = try AzureRuntimeData(report.runtimeData)
      return "\(report.hardware) \(data.endorsementKey != nil) \(data.secureBoot.map { "\($0)" } ?? "nothing")"
    } catch { return "\(report.hardware) \(error.field)" }
  }

  private static func recognise<Content: EvidenceFormat>(
    _: Content.Type, _ file: RawEvidence, policy: AppraisalPolicy?
  ) throws(FuzzTarget.Violation) -> String {
    let found: Content?
    do throws(FieldError) { found = try Content.recognise(file) } catch { return error.field }
    guard let found else { return "something else" }
    guard let policy else { throw FuzzTarget.Violation("the policy of the target cannot be read") }
    let evidence = Evidence(found)
    let again = try? Evidence(json: evidence.json)
    // Members longer than JSON carries are refused there; a report of any other length comes back.
    if let again { try FuzzTarget.require(again.json == evidence.json, "comes back otherwise") }
    let report = evidence.appraised(by: policy, binding: .any, at: 1_735_689_600_000)
    try FuzzTarget.require(report.verdict == .rejected, "accepted without a signature")
    _ = found.explanation
    return report.failures.map(\.id.name).joined(separator: " ")
  }

  private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

  private static func little(_ value: Int) -> [UInt8] {
    stride(from: 0, through: 24, by: 8).map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  private static func snpReport(version: Int) -> [UInt8] {
    var bytes = little(version) + zeros(SNPReport.byteCount - 4)
    bytes[0x0A] = 3
    bytes[0x34] = 1
    if version > 2 { bytes.replaceSubrange(0x188..<0x18B, with: [0x19, 1, 1]) }
    for index in 0x2A0..<0x2D0 { bytes[index] = 1 }
    for index in 0x2E8..<0x318 { bytes[index] = 1 }
    return bytes
  }

  /// One entry, a VCEK of four bytes.
  private static let table: [UInt8] =
    (Hex.decode("63da758de6644564adc5f4b93be8accd") ?? []) + little(48) + little(4) + zeros(24) + [0x30, 2, 5, 0]

  private static let runtimeData: [UInt8] = {
    let modulus = Base64.encodeURL([UInt8](repeating: 0xC1, count: 256))
    return Array(
      #"{"keys":[{"e":"AQAB","kid":"HCLAkPub","kty":"RSA","n":"\#(modulus)"}],"vm-configuration":{"secure-boot":true}}"#
        .utf8)
  }()

  private static let hcl: [UInt8] =
    Array("HCLA".utf8) + little(2) + little(1236 + runtimeData.count) + little(2) + zeros(16) + snpReport(version: 3)
    + little(20 + runtimeData.count) + little(1) + little(2) + little(1) + little(runtimeData.count) + runtimeData
    + zeros(7)

  private static let bincode: [UInt8] =
    little(256) + zeros(4 + 256) + little(4) + zeros(4) + [0xFF, 0x54, 0x43, 0x47] + little(1) + zeros(4 + 32)

  private static let trustee: [UInt8] = {
    let report = Base64.encode(hcl)
    return Array(
      #"{"hcl_report":"\#(report)","tpm_quote":{"message":"ff544347","pcrs":["\#(Hex.encode(zeros(32)))"],"signature":"00"}}"#
        .utf8)
  }()

  private static let open =
    #""products":"any","signingKeys":"any","providers":"any","vmpl":"any","minimumTCB":"any","minimumFirmware":"any","#
    + #""minimumGuestSVN":"any","guestPolicy":"any","platform":"any","mitigations":"any","chips":"any","#
    + #""familyIDs":"any","imageIDs":"any","hostData":"any","idKeys":"any","authorKeys":"any""#

  private static func policy(_ platforms: String) -> AppraisalPolicy? {
    let text =
      #"{"format":"safebox-appraisal/v1","name":"fuzz","assurance":"any","anchors":[],"enrolled":[],"releases":"any","#
      + #""platforms":\#(platforms)}"#
    return try? AppraisalPolicy(parsing: Array(text.utf8))
  }

  private static let snpPolicy = policy(#"{"sev-snp":{\#(open)}}"#)
  private static let azurePolicy = policy(
    #"{"azure-cvm":{"snp":{\#(open)},"tdx":"none","secureBoot":"any","console":"any","machines":"any","userData":"any","#
      + #""bank":"sha256","registers":"any","clockSafe":"any","since":"any","eventLog":"any","#
      + #""runtime":{"code":"any","locked":"any"}}}"#)
}
