import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

/// A minted TPM whose evidence is genuine and accepted, to be spoiled in one point.
struct TPMScenario {
  static let nonce = [UInt8](repeating: 0xA7, count: 32)
  static let at = CertificateMint.notBefore + 1000
  /// Extended into PCR 14 before its first use.
  static let tool = SHA256.hash(utf8: "a tool")

  let mint: TPMMint
  let root: CertificateMint
  var evidence: TPMEvidence
  var policy: JSON
  var at = Self.at
  var binding = Binding.bytes(Self.nonce)

  static func p256() throws -> TPMScenario { try TPMScenario(.p256()) }
  static func rsa() throws -> TPMScenario { try TPMScenario(.rsa()) }

  init(_ mint: TPMMint, bank: BankAlgorithm = .sha256, change: (inout TPMMint.Quote) -> Void = { _ in }) throws {
    self.mint = mint
    root = try CertificateMint.root("TPM Root", key: MintKeys.p256)
    let issuer = try root.authority("TPM Issuer", key: MintKeys.p384, serialNumber: [9])
    let certificate = try mint.certificate(by: issuer)
    let runtime = try Self.runtime(locked: true)
    evidence = try mint.evidence(
      [try Self.registers(bank, runtime: runtime)], extraData: Self.nonce,
      certificates: [certificate, issuer.certificate], logs: MeasurementLogs(runtime: runtime), change: change)
    policy = Self.policy(anchors: [(root.certificate, "software")], platform: Self.demands(bank))
  }

  static func runtime(locked: Bool) throws -> RuntimeLog {
    let tool = try RuntimeEvent(kind: .tool, name: "invoice@1", digest: tool)
    let lock = try RuntimeEvent(kind: .lock, name: "lock", digest: SHA256.hash(utf8: "the decision"))
    return try RuntimeLog(locked ? [tool, lock] : [tool])
  }

  /// PCR 0 to 15 with the runtime events in 14.
  static func registers(_ bank: BankAlgorithm, runtime: RuntimeLog) throws -> PCRBank {
    var values = Dictionary(uniqueKeysWithValues: (0..<16).map { ($0, bank.hash([UInt8($0)])) })
    values[14] = runtime.replay(from: bank.zeros, algorithm: bank)
    return try PCRBank(algorithm: bank, values: values)
  }

  /// What the policy demands of a quote: everything.
  static func demands(_ bank: BankAlgorithm = .sha256) -> JSON {
    [
      "bank": .string(bank.rawValue),
      "registers": [
        "secure-boot": [.string(Hex.encode(bank.hash([7])))], "pcr4": "any",
        "kernel-parameters": [.string(Hex.encode(bank.zeros)), .string(Hex.encode(bank.hash([12])))],
      ],
      "clockSafe": true,
      "since": ["clock": 123_000, "resetCount": 7, "restartCount": 2, "sameBoot": true],
      "eventLog": "any", "runtime": ["code": [.string(tool.hex)], "locked": true],
    ]
  }

  static func policy(
    anchors: [(Certificate, String)] = [], enrolled: [([UInt8], String)] = [], assurance: String = "any",
    releases: JSON = "any", platform: JSON
  ) -> JSON {
    [
      "format": "safebox-appraisal/v1", "name": "test", "assurance": .string(assurance),
      "anchors": .array(
        anchors.map {
          [
            "name": "test root", "purpose": "tpm", "certificate": .string(Base64.encode($0.0.der)),
            "assurance": .string($0.1),
          ]
        }),
      "enrolled": .array(
        enrolled.map { ["name": "box", "ak": .string(Hex.encode($0.0)), "assurance": .string($0.1)] }),
      "releases": releases, "platforms": ["tpm": platform],
    ]
  }

  /// The policy with one demand on quotes replaced, or left out.
  func demanding(_ name: String, _ value: JSON?) -> TPMScenario {
    var copy = self
    guard var policy = policy.object, var platforms = policy["platforms"]?.object,
      var platform = platforms["tpm"]?.object
    else { return copy }
    platform[name] = value
    platforms["tpm"] = .object(platform)
    policy["platforms"] = .object(platforms)
    copy.policy = .object(policy)
    return copy
  }

  func report() throws -> AttestationReport {
    Evidence(evidence).appraised(by: try AppraisalPolicy(json: policy), binding: binding, at: at)
  }

  /// Names of the checks that failed.
  func failures() throws -> Set<String> { Set(try report().failures.map(\.id.name)) }

  func browserCase(_ name: String) -> BrowserVerifier.Case {
    BrowserVerifier.Case(name: name, evidence: Evidence(evidence).json, policy: policy, at: at, binding: binding)
  }
}

extension [UInt8] {
  /// With one bit turned.
  func flipping(bit: Int) -> [UInt8] {
    var copy = self
    copy[bit / 8] ^= 1 << UInt8(bit % 8)
    return copy
  }
}
