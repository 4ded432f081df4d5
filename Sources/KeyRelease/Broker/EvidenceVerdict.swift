import Attestation
import CanonicalJSON
import Cryptography
import Governance

/// What a broker found in evidence.
public struct EvidenceVerdict: Sendable {
  /// Digest of the evidence; nil where it could not be read.
  public var evidence: SHA256Digest?
  /// `tpm`, `sev-snp`, ...
  public var kind: String
  public var assurance: KeyEnrolment.Assurance
  /// The accepted release, or `any` where the policy asks for none.
  public var release: String
  /// The TPM's name of the key that made the evidence; nil for kinds without one.
  public var attestationKey: [UInt8]?
  /// The checks that did not hold; empty for accepted evidence.
  public var failures: [KeyRefusalRecord.FailedCheck]
  /// The registers that differed.
  public var registers: [String]

  public init(
    evidence: SHA256Digest?, kind: String, assurance: KeyEnrolment.Assurance, release: String, attestationKey: [UInt8]?,
    failures: [KeyRefusalRecord.FailedCheck], registers: [String]
  ) {
    self.evidence = evidence
    self.kind = kind
    self.assurance = assurance
    self.release = release
    self.attestationKey = attestationKey
    self.failures = failures
    self.registers = registers
  }

  public var isAccepted: Bool { failures.isEmpty }
}

/// Whether evidence is genuine and acceptable. Pure: no clock, no socket; a value, so that a test can put another in its place.
public struct EvidenceAppraiser: Sendable {
  /// What is appraised, and by what.
  public struct Question: Sendable {
    /// `safebox-evidence/v1`.
    public var evidence: JSON
    /// `safebox-appraisal/v1`.
    public var policy: [UInt8]
    /// What the evidence must have been made for.
    public var binding: [UInt8]
    /// The box's enrolment; nil for a box that is not enrolled.
    public var enrolment: KeyEnrolment?
    /// Releases that their owners revoked, as `NAME VERSION`.
    public var revoked: Set<String>
    /// Unix milliseconds.
    public var at: Int64

    public init(
      evidence: JSON, policy: [UInt8], binding: [UInt8], enrolment: KeyEnrolment?, revoked: Set<String>, at: Int64
    ) {
      self.evidence = evidence
      self.policy = policy
      self.binding = binding
      self.enrolment = enrolment
      self.revoked = revoked
      self.at = at
    }
  }

  public var appraise: @Sendable (Question) -> EvidenceVerdict

  public init(appraise: @escaping @Sendable (Question) -> EvidenceVerdict) { self.appraise = appraise }

  /// By the verifiers of this program, up to their compiled-in roots, the policy's own and the box's enrolled key.
  public static let standard = EvidenceAppraiser { question in
    let policy: AppraisalPolicy
    let evidence: Evidence
    do {
      policy = try AppraisalPolicy(parsing: question.policy)
    } catch {
      return refused(nil, "broker.policy", expected: "a readable appraisal policy", actual: "\(error)")
    }
    do throws(FieldError) {
      evidence = try Evidence(json: question.evidence)
    } catch {
      return refused(nil, "broker.evidence", expected: "\(error.field): \(error.expected)", actual: error.actual)
    }
    var anchors = TrustAnchors.compiledIn
    if let enrolment = question.enrolment {
      anchors.enrolled[enrolment.ak] =
        enrolment.assurance == .hardware ? .hardware(vendor: "enrolled") : .software(name: "enrolled")
    }
    let report = evidence.appraised(
      by: policy, binding: .bytes(question.binding), at: question.at, anchors: anchors)
    return verdict(of: report, evidence, by: policy, question)
  }

  private static func refused(
    _ evidence: SHA256Digest?, _ id: String, expected: String, actual: String
  ) -> EvidenceVerdict {
    EvidenceVerdict(
      evidence: evidence, kind: "none", assurance: .software, release: "none", attestationKey: nil,
      failures: [.init(reading: id, expected: expected, actual: actual)], registers: [])
  }

  private static func verdict(
    of report: AttestationReport, _ evidence: Evidence, by policy: AppraisalPolicy, _ question: Question
  ) -> EvidenceVerdict {
    let isAccepted = report.verdict == .accepted
    var verdict = EvidenceVerdict(
      evidence: evidence.digest, kind: report.kind.rawValue,
      assurance: report.claims?.assurance.isHardware == true ? .hardware : .software, release: release(of: report),
      attestationKey: attestationKey(of: evidence),
      failures: report.failures.compactMap { check in
        guard case .failed(let expected, let actual) = check.outcome else { return nil }
        return .init(reading: check.id.name, expected: expected, actual: actual)
      }, registers: isAccepted ? [] : policy.differingRegisters(in: report))
    if !isAccepted, verdict.failures.isEmpty {
      verdict.failures = [
        .init(reading: "broker.checks", expected: "every demanded check made", actual: "not all were")
      ]
    }
    if isAccepted, question.revoked.contains(verdict.release) {
      verdict.failures = [
        .init(reading: "broker.release", expected: "a release that is not revoked", actual: verdict.release)
      ]
    }
    // The policy may trust a whole maker of TPMs; the name of a box belongs to one of them. A key that cannot be named, as
    // when the evidence holds it in another form, is none.
    let isKnown =
      question.enrolment.map { $0.ak == verdict.attestationKey } ?? !evidence.parts.contains { $0.kind == .tpm }
    if !isKnown {
      verdict.failures.append(
        .init(
          reading: "broker.enrolment",
          expected: question.enrolment.map { "the enrolled attestation key \(Hex.encode($0.ak))" }
            ?? "a box that is enrolled", actual: verdict.attestationKey.map(Hex.encode) ?? "a key without a name"))
    }
    return verdict
  }

  /// The name of the attestation key in kinds that have one (TPM 2.0 part 1, section 16). Of a combination it is that of the TPM,
  /// whatever other members bring: theirs are certified, this one may only be enrolled.
  private static func attestationKey(of evidence: Evidence) -> [UInt8]? {
    if let quote = evidence.parts.first(where: { $0.kind == .tpm }) { return attestationKey(in: quote) }
    return evidence.parts.lazy.compactMap { attestationKey(in: $0) }.first
  }

  private static func attestationKey(in part: Evidence) -> [UInt8]? {
    guard let text = part.content.members["akPublic"]?.string, let bytes = Base64.decode(text),
      let area = try? TPMTPublic(bytes)
    else { return nil }
    return area.name
  }

  private static func release(of report: AttestationReport) -> String {
    for check in report.checks where check.id.name == "policy.release" {
      if case .passed(let release) = check.outcome { return release }
      if case .notPerformed = check.outcome { return "any" }
    }
    return "none"
  }
}

extension KeyRefusalRecord.FailedCheck {
  /// A check as an entry can carry it: what a stranger sent is cut, and shown in printable ASCII.
  public init(reading id: String, expected: String, actual: String) {
    self.init(id: Self.printable(id, 64), expected: Self.printable(expected), actual: Self.printable(actual))
  }

  private static func printable(_ text: String, _ limit: Int = KeyRefusalRecord.Limits.text) -> String {
    var bytes = Array(text.utf8.prefix(limit)).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
    if text.utf8.count > limit { bytes.replaceSubrange((limit - 3)..., with: Array("...".utf8)) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
