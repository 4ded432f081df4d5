import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// Minted evidence of several kinds that is genuine and accepted together, to be spoiled in one point.
struct CombinedScenario {
  static let nonce = [UInt8](repeating: 0xC0, count: 32)
  static let other = [UInt8](repeating: 0xC1, count: 32)

  /// One member, and what a policy needs for it.
  struct Member {
    var evidence: Evidence
    var demands: JSON
    var anchors: [JSON]
    /// A register that releases name, with its value.
    var register: (name: String, value: [UInt8])

    /// The member with one bit turned in what is signed or signs.
    func flipping(_ name: String) throws -> JSON {
      var object = evidence.members
      let text = try #require(object[name]?.string)
      var bytes = try #require(Base64.decode(text))
      // The signature of an SNP report lies before the zeros at its end.
      bytes[name == "report" ? 0x2A0 : bytes.count - 1] ^= 1
      object[name] = .string(Base64.encode(bytes))
      return .object(object)
    }
  }

  var members: [Member]
  var at: Int64
  var binding = Binding.bytes(nonce)
  var assurance = "any"
  var releases: JSON = "any"
  var enrolled: JSON = []

  init(_ members: [Member], at: Int64 = NitroMint.timestamp + 1000) {
    self.members = members.sorted { $0.evidence.kind.rawValue < $1.evidence.kind.rawValue }
    self.at = at
  }

  /// An SNP report beside the quote of a TPM, as on a confidential VM of Google.
  static func machine() throws -> CombinedScenario { CombinedScenario([try snp(), try tpm()]) }

  // MARK: Members

  static func snp(
    _ nonce: [UInt8] = nonce, notAfter: Int64 = CertificateMint.notAfter, measurement: UInt8 = 3
  ) throws -> Member {
    let mint = try SNPMint(notAfter: notAfter)
    let value = [UInt8](repeating: measurement, count: 48)
    return Member(
      evidence: Evidence(try mint.evidence(SNPMint.Fields(binding: nonce) { $0.measurement = value })),
      demands: .object(SNPPolicies.open), anchors: SNPMinted.anchors(mint).array ?? [], register: ("measurement", value)
    )
  }

  static func tpm(
    _ nonce: [UInt8] = nonce, assurance: String = "hardware", isCertified: Bool = true
  ) throws -> Member {
    let root = try CertificateMint.root("TPM Root", key: MintKeys.p256)
    let mint = TPMMint.p256()
    let registers = try TPMScenario.registers(.sha256, runtime: try TPMScenario.runtime(locked: true))
    let evidence = try mint.evidence(
      [registers], extraData: nonce, certificates: isCertified ? [try mint.certificate(by: root)] : [],
      logs: MeasurementLogs(runtime: try TPMScenario.runtime(locked: true)))
    return Member(
      evidence: Evidence(evidence), demands: TPMScenario.demands(),
      anchors: [anchor("tpm", root.certificate, assurance)],
      register: ("sha256.pcr4", try #require(registers.values[4])))
  }

  static func tdx(_ nonce: [UInt8] = nonce) throws -> Member {
    var mint = try TDXMint()
    mint.report["report-data"] = nonce + [UInt8](repeating: 0, count: 64 - nonce.count)
    return Member(
      evidence: Evidence(try mint.evidence()), demands: .object(TDXSamples.lenient), anchors: [mint.anchorJSON],
      register: ("mrtd", [UInt8](repeating: 0x11, count: 48)))
  }

  static func enclave(_ nonce: [UInt8] = nonce) throws -> Member {
    let mint = try NitroMint()
    return Member(
      evidence: Evidence(NitroEvidence(document: try mint.sign(mint.enclave(nonce: nonce)))),
      demands: .object(NitroPolicies.enclave), anchors: NitroPolicies.anchors(mint.root.certificate).array ?? [],
      register: ("pcr0", [UInt8](repeating: 1, count: 48)))
  }

  static func instance(_ nonce: [UInt8] = nonce) throws -> Member {
    let mint = try NitroMint()
    return Member(
      evidence: Evidence(try mint.instanceEvidence(try .rsa(), nonce: nonce)),
      demands: .object(NitroPolicies.instance), anchors: NitroPolicies.anchors(mint.root.certificate).array ?? [],
      register: ("sha384.pcr4", NitroMint.pcrs[4]))
  }

  static func google(_ nonce: [UInt8] = nonce) throws -> Member {
    let root = try CertificateMint.root("Google Root of tests", key: MintKeys.p384)
    let mint = GCPMint()
    let registers = try GCPScenario.registers(.sha256)
    let evidence = try mint.evidence(
      [registers], extraData: nonce, certificates: [try mint.certificate(by: root)])
    return Member(
      evidence: Evidence(evidence), demands: .object(JSONObject(GCPScenario.demands)),
      anchors: [anchor("google-vtpm", root.certificate, "hardware")],
      register: ("sha256.pcr4", try #require(registers.values[4])))
  }

  private static func anchor(_ purpose: String, _ certificate: Certificate, _ assurance: String) -> JSON {
    [
      "name": .string("\(purpose) of tests"), "purpose": .string(purpose),
      "certificate": .string(Base64.encode(certificate.der)), "assurance": .string(assurance),
    ]
  }

  // MARK: What is verified

  var kinds: [String] { members.map(\.evidence.kind.rawValue) }

  var evidence: JSON { Self.evidence(members.map { .object($0.evidence.members) }) }

  static func evidence(_ members: [JSON]) -> JSON {
    ["format": "safebox-evidence/v1", "kind": "combined", "members": .array(members)]
  }

  /// The evidence with one member put in the place of another.
  func evidence(replacing index: Int, by member: JSON) -> JSON {
    var list = members.map { JSON.object($0.evidence.members) }
    list[index] = member
    return Self.evidence(list)
  }

  /// What the policy asks of each kind.
  var demands: JSONObject { JSONObject(members.map { ($0.evidence.kind.rawValue, $0.demands) }) }

  func policy(_ platforms: JSONObject? = nil) -> JSON {
    var anchors: [JSON] = []
    for anchor in members.flatMap(\.anchors) where !anchors.contains(anchor) { anchors.append(anchor) }
    return [
      "format": "safebox-appraisal/v1", "name": "machines", "assurance": .string(assurance),
      "anchors": .array(anchors), "enrolled": enrolled, "releases": releases,
      "platforms": .object(platforms ?? ["combined": ["members": .object(demands)]]),
    ]
  }

  /// A release with a value for the register of each of these kinds.
  func release(_ name: String, kinds: [String]? = nil) -> JSON {
    var references = JSONObject()
    for member in members where kinds?.contains(member.evidence.kind.rawValue) ?? true {
      references[member.evidence.kind.rawValue] = .object([
        member.register.name: [.string(Hex.encode(member.register.value))]
      ])
    }
    return ["name": .string(name), "version": "1", "references": .object(references)]
  }

  func item(_ name: String, _ evidence: JSON? = nil, policy: JSON? = nil) -> BrowserVerifier.Case {
    BrowserVerifier.Case(
      name: name, evidence: evidence ?? self.evidence, policy: policy ?? self.policy(), at: at, binding: binding)
  }
}

extension JSON {
  /// The object with one member set, or taken out.
  func setting(_ name: String, to value: JSON?) -> JSON {
    guard var object else { return self }
    object[name] = value
    return .object(object)
  }
}

extension BrowserVerifier.Case {
  func report() throws -> AttestationReport {
    try Evidence(json: evidence).appraised(by: try AppraisalPolicy(json: policy), binding: binding, at: at)
  }

  /// Names of the checks that failed.
  func failures() throws -> [String] { try report().failures.map(\.id.name) }
}
