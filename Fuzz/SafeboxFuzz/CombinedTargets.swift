import Attestation
import CanonicalJSON
import Cryptography

/// Combinations of evidence, as a machine that wants to be trusted may put them together.
enum CombinedTargets {
  private static let members: [(kind: String, text: String)] = [
    ("nitro-enclave", #"{"kind":"nitro-enclave","document":"hEOhATgioEDA"}"#),
    ("nvidia-gpu", #"{"kind":"nvidia-gpu","report":"EeAA","certificates":[]}"#),
    ("sev-snp", #"{"kind":"sev-snp","report":"\#(Base64.encode(report))","certificates":["MAA="]}"#),
    (
      "tpm",
      #"{"kind":"tpm","akCertificates":[],"quote":"/1RDR4AY","signature":"ABgACw==","pcrs":{"sha1":{"0":"\#(digest)"}}}"#
    ),
  ]
  private static let report = [UInt8](repeating: 0, count: 1184)
  private static let digest = String(repeating: "00", count: 20)

  private static func seed(_ kinds: [String]) -> [UInt8] {
    let texts = kinds.compactMap { kind in members.first { $0.kind == kind }?.text }.joined(separator: ",")
    return Array(#"{"format":"safebox-evidence/v1","kind":"combined","members":[\#(texts)]}"#.utf8)
  }

  private static let policy: AppraisalPolicy? = {
    let open =
      #""products":"any","signingKeys":"any","providers":"any","vmpl":"any","minimumTCB":"any","minimumFirmware":"any","#
      + #""minimumGuestSVN":"any","guestPolicy":"any","platform":"any","mitigations":"any","chips":"any","#
      + #""familyIDs":"any","imageIDs":"any","hostData":"any","idKeys":"any","authorKeys":"any""#
    let quote =
      #""bank":"sha256","registers":"any","clockSafe":"any","since":"any","eventLog":"any","#
      + #""runtime":{"code":"any","locked":"any"}"#
    let text =
      #"{"format":"safebox-appraisal/v1","name":"fuzz","assurance":"any","anchors":[],"enrolled":[],"releases":"any","#
      + #""platforms":{"combined":{"members":{"sev-snp":{\#(open)},"tpm":{\#(quote)}}}}}"#
    return try? AppraisalPolicy(parsing: Array(text.utf8))
  }()

  /// Each kind once, in one order, none within another; what is read comes back the same, and nothing is accepted that nobody
  /// signed.
  static let evidence = FuzzTarget(
    name: "attestation.combined", shape: .json,
    seeds: [seed(["sev-snp", "tpm"]), seed(["nitro-enclave", "tpm"]), seed(members.map { $0.kind })],
    tokens: members.map { "\"\($0.kind)\"" } + ["\"combined\"", "\"members\""]
  ) { input throws(FuzzTarget.Violation) in
    guard let json = try? JSON(parsing: input, limits: .document(maxBytes: 1 << 20)) else { return "not JSON" }
    let evidence: Evidence
    // Indexes would make a new behaviour of every member.
    do throws(FieldError) { evidence = try Evidence(json: json) } catch { return String(error.field.suffix(16)) }
    let kinds = evidence.parts.map(\.kind.rawValue)
    try FuzzTarget.require((try? Evidence(json: evidence.json))?.digest == evidence.digest, "comes back otherwise")
    try FuzzTarget.require(zip(kinds, kinds.dropFirst()).allSatisfy { $0 < $1 }, "kinds \(kinds)")
    try FuzzTarget.require(!kinds.contains("combined"), "a combination within another")
    try FuzzTarget.require(kinds.count <= 4, "\(kinds.count) members")
    guard let policy else { throw FuzzTarget.Violation("the policy of the target cannot be read") }
    let report = evidence.appraised(by: policy, binding: .any, at: 1_735_689_600_000)
    try FuzzTarget.require(report.verdict == .rejected, "accepted without a signature")
    try FuzzTarget.require(report.claims == nil, "claims without a signature")
    _ = evidence.content.explanation
    return "\(kinds.joined(separator: " ")): \(report.failures.prefix(2).map(\.id.name).joined(separator: " "))"
  }
}
