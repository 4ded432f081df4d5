import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography

/// A minted machine whose evidence is genuine and accepted, to be spoiled in one point.
struct GCPScenario {
  static let nonce = [UInt8](repeating: 0x5C, count: 32)
  static let at = CertificateMint.notBefore + 1000

  var mint: GCPMint
  let root: CertificateMint
  let issuer: CertificateMint
  var evidence: GCPEvidence
  var policy: JSON
  var binding = Binding.bytes(nonce)

  /// - Parameter value: of the certificate's extension, in the place of the mint's own.
  init(
    _ mint: GCPMint = GCPMint(), banks: [BankAlgorithm] = [.sha1, .sha256, .sha384], value: [UInt8]? = nil,
    change: (Int, inout TPMMint.Quote) -> Void = { _, _ in }
  ) throws {
    self.mint = mint
    root = try CertificateMint.root("Google Root of tests", key: MintKeys.p256)
    issuer = try root.authority("Google Issuer of tests", key: MintKeys.p384)
    evidence = try mint.evidence(
      try banks.map(Self.registers), extraData: Self.nonce,
      certificates: [try mint.certificate(by: issuer, value: value), issuer.certificate], change: change)
    policy = Self.policy(anchor: root.certificate, Self.demands)
  }

  static func registers(_ bank: BankAlgorithm) throws -> PCRBank {
    try PCRBank(
      algorithm: bank, values: Dictionary(uniqueKeysWithValues: (0..<24).map { ($0, bank.hash([UInt8($0)])) }))
  }

  /// Everything that a policy can demand of the machine, and nothing of registers and logs, which have tests of their own.
  static let demands: [(String, JSON)] = [
    ("bank", "sha256"), ("registers", "any"), ("clockSafe", true), ("since", "any"), ("eventLog", "any"),
    ("runtime", ["code": "any", "locked": "any"]), ("production", true), ("projects", ["a-project"]),
    ("zones", ["europe-west4-a", "europe-west4-b"]),
  ]

  static func policy(anchor: Certificate?, _ platform: [(String, JSON)]) -> JSON {
    let anchors = anchor.map { anchor -> [JSON] in
      [
        [
          "name": "Google of tests", "purpose": "google-vtpm", "certificate": .string(Base64.encode(anchor.der)),
          "assurance": "hardware",
        ]
      ]
    }
    return [
      "format": "safebox-appraisal/v1", "name": "machines of Google", "assurance": "hardware",
      "anchors": .array(anchors ?? []), "enrolled": [], "releases": "any",
      "platforms": ["gcp-vtpm": .object(JSONObject(platform))],
    ]
  }

  /// The policy with one demand replaced, or left out.
  mutating func demand(_ name: String, _ value: JSON?) {
    let others = Self.demands.filter { $0.0 != name }
    policy = Self.policy(anchor: root.certificate, others + (value.map { [(name, $0)] } ?? []))
  }

  func report(at: Int64 = Self.at) throws -> AttestationReport {
    try Evidence(json: Evidence(evidence).json).appraised(
      by: AppraisalPolicy(json: policy), binding: binding, at: at)
  }

  /// The names of the checks that failed, in order.
  func failures(at: Int64 = Self.at) throws -> [String] {
    let report = try report(at: at)
    let names = report.failures.map(\.id.name)
    return report.verdict == .rejected && names.isEmpty ? ["rejected without a failure"] : names
  }

  func browserCase(_ name: String) -> BrowserVerifier.Case {
    BrowserVerifier.Case(
      name: name, evidence: Evidence(evidence).json, policy: policy, at: Self.at, binding: binding)
  }
}
