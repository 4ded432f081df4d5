import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography

/// Minted evidence that a policy accepts, with the public-key operations that nobody can verify it without.
struct AttestationSample {
  /// As the measurements call it.
  let name: String
  let evidence: Evidence
  let policy: JSON
  /// When it is judged, Unix milliseconds.
  let at: Int64
  /// What is verified: the signatures of all certificates below the anchor, of revocation lists and documents, and of the quote
  /// itself.
  let signatures: [SignatureFloor.Operation: Int]

  static let nonce = SHA256.hash(utf8: "the verifier's nonce").bytes

  init(
    _ name: String, _ content: any EvidenceFormat, _ policy: JSON, at: Int64,
    _ signatures: [SignatureFloor.Operation: Int]
  ) {
    self.name = name
    evidence = Evidence(content)
    self.policy = policy
    self.at = at
    self.signatures = signatures
  }

  /// One of each kind, by keys that are made anew.
  static func all() throws -> [AttestationSample] {
    [
      try tpm("tpm-p256", .p256(), [.p256: 2, .p384: 1]),
      try tpm("tpm-rsa", .rsa(), [.rsa2048: 1, .p256: 1, .p384: 1]),
      try tpm("tpm-log", .p256(), hasLog: true, [.p256: 2, .p384: 1]),
      try gcp(), try snp(), try azure(), try tdx("tdx", hasCollateral: false, [.p256: 4]),
      try tdx("tdx-collateral", hasCollateral: true, [.p256: 10]), try nitroEnclave(), try nitroTPM(),
    ]
  }

  /// A policy for one kind, with one more root.
  private static func policy(
    _ kind: EvidenceKind, anchor: Certificate, _ purpose: TrustAnchor.Purpose, _ platform: JSONObject
  ) -> JSON {
    [
      "format": "safebox-appraisal/v1", "name": "benchmark", "assurance": "any",
      "anchors": [
        [
          "name": "mint", "purpose": .string(purpose.rawValue), "certificate": .string(Base64.encode(anchor.der)),
          "assurance": "software",
        ]
      ],
      "enrolled": [], "releases": "any", "platforms": .object([kind.rawValue: .object(platform)]),
    ]
  }

  /// Demands on a quote and its logs. All registers are given to the policy of releases, which accepts any here.
  private static func demands(hasLog: Bool = false) -> JSONObject {
    [
      "bank": "sha256", "registers": "any", "clockSafe": true, "since": "any",
      "eventLog": hasLog ? ["secureBoot": true, "separators": "any"] : "any",
      "runtime": ["code": "any", "locked": "any"],
    ]
  }

  private static func registers(_ bank: BankAlgorithm) throws -> PCRBank {
    try PCRBank(
      algorithm: bank, values: Dictionary(uniqueKeysWithValues: (0..<16).map { ($0, bank.hash([UInt8($0)])) }))
  }

  // MARK: Kinds

  /// A key that is certified by a maker's authority below the maker's root.
  private static func tpm(
    _ name: String, _ mint: TPMMint, hasLog: Bool = false, _ signatures: [SignatureFloor.Operation: Int]
  ) throws -> AttestationSample {
    let root = try CertificateMint.root("TPM Root", key: MintKeys.p256)
    let issuer = try root.authority("TPM Issuer", key: MintKeys.p384)
    var registers = try registers(.sha256)
    var logs = MeasurementLogs()
    if hasLog {
      let log = try eventLog()
      logs.eventLog = log.bytes
      registers = try PCRBank(
        algorithm: .sha256,
        values: Dictionary(
          uniqueKeysWithValues: (0..<16).map { ($0, log.registers[.sha256]?[$0] ?? BankAlgorithm.sha256.zeros) }))
    }
    let evidence = try mint.evidence(
      [registers], extraData: nonce, certificates: [try mint.certificate(by: issuer), issuer.certificate], logs: logs)
    return AttestationSample(
      name, evidence, policy(.tpm, anchor: root.certificate, .tpm, demands(hasLog: hasLog)),
      at: CertificateMint.notBefore + 1000, signatures)
  }

  /// The log of a start with as many events and bytes as a server has, about 130 and 40 KB: what the mint measures, and a hundred
  /// applications and tables.
  private static func eventLog() throws -> EventLogMint {
    var mint = EventLogMint(.agile([.sha1, .sha256, .sha384]))
    mint.firmware()
    for number in 0..<50 {
      mint.measure(4, 0x8000_0003, hashed: [UInt8(number)], logged: [UInt8](repeating: UInt8(number), count: 64))
      mint.measure(5, 0x8000_0006, [UInt8](repeating: UInt8(number), count: 320))
    }
    mint.loaders()
    return mint
  }

  /// Three banks, as Google's tool quotes them; RSA certificates, as Google's authorities sign.
  private static func gcp() throws -> AttestationSample {
    let root = try CertificateMint.root("Google Root", key: try MintKeys.rsa4096PKCS1())
    let issuer = try root.authority("Google Issuer", key: try MintKeys.rsa4096PKCS1())
    let mint = GCPMint()
    let evidence = try mint.evidence(
      [try registers(.sha1), try registers(.sha256), try registers(.sha384)], extraData: nonce,
      certificates: [try mint.certificate(by: issuer), issuer.certificate])
    var platform = demands()
    for name in ["production", "projects", "zones"] { platform[name] = "any" }
    return AttestationSample(
      "gcp-vtpm", evidence, policy(.gcpVTPM, anchor: root.certificate, .googleVTPM, platform),
      at: CertificateMint.notBefore + 1000, [.p256: 3, .rsa4096: 2])
  }

  private static let snpDemands = JSONObject(
    [
      "products", "signingKeys", "providers", "vmpl", "minimumTCB", "minimumFirmware", "minimumGuestSVN", "guestPolicy",
      "platform", "mitigations", "chips", "familyIDs", "imageIDs", "hostData", "idKeys", "authorKeys",
    ].map { ($0, "any") })

  /// VCEK, ASK and ARK of Milan.
  private static func snp() throws -> AttestationSample {
    let mint = try SNPMint()
    return AttestationSample(
      "sev-snp", try mint.evidence(SNPMint.Fields(binding: nonce)),
      policy(.snp, anchor: mint.anchor.certificate, .amdSEV, snpDemands),
      at: CertificateMint.notBefore + 1000, [.rsa4096PSS: 2, .p384: 1])
  }

  private static let tdxDemands: JSONObject = [
    "collateral": "any", "tcbStatus": ["UpToDate"], "advisories": "any", "evaluationNumber": "any",
    "attributes": ["required": [], "allowed": "any"], "xfam": "any", "platforms": "any", "mrseam": "any",
    "mrsignerseam": "any", "mrconfigid": "any", "mrowner": "any", "mrownerconfig": "any", "mrservicetd": "any",
  ]

  /// An SNP report over the key of a TPM that quotes with RSA-2048.
  private static func azure() throws -> AttestationSample {
    let hardware = try SNPMint()
    var platform = demands()
    platform["snp"] = .object(snpDemands)
    platform["tdx"] = .object(tdxDemands)
    for name in ["secureBoot", "console", "machines", "userData"] { platform[name] = "any" }
    return AttestationSample(
      "azure-cvm", try AzureMint(hardware: hardware, extraData: nonce).evidence(),
      policy(.azure, anchor: hardware.anchor.certificate, .amdSEV, platform),
      at: CertificateMint.notBefore + 1000, [.rsa4096PSS: 2, .p384: 1, .rsa2048: 1])
  }

  /// Without collateral: PCK's certificate and its CA's, the enclave's report, the quote. With it also the signer's
  /// certificate twice, two documents, two revocation lists.
  private static func tdx(
    _ name: String, hasCollateral: Bool, _ signatures: [SignatureFloor.Operation: Int]
  ) throws -> AttestationSample {
    var mint = try TDXMint()
    mint.hasCollateral = hasCollateral
    mint.report["report-data"] = nonce + [UInt8](repeating: 0, count: 32)
    var platform = tdxDemands
    for (name, value) in demands() where name == "eventLog" || name == "runtime" { platform[name] = value }
    if hasCollateral { platform["collateral"] = "required" }
    return AttestationSample(
      name, try mint.evidence(),
      policy(.tdx, anchor: mint.anchor.certificate, .intelSGX, platform), at: TDXMint.time,
      signatures)
  }
  /// The document, its signer's certificate and the authority's.
  private static func nitroEnclave() throws -> AttestationSample {
    let mint = try NitroMint()
    var demands = JSONObject(["binding", "maximumAge", "instances", "registers"].map { ($0, "any") })
    demands["debug"] = false
    return AttestationSample(
      "nitro-enclave", NitroEvidence(document: try mint.sign(mint.enclave(nonce: nonce))),
      policy(.nitroEnclave, anchor: mint.root.certificate, .awsNitro, demands), at: NitroMint.timestamp + 1000,
      [.p384: 3])
  }

  /// The same over the key of a TPM that quotes with P-256.
  private static func nitroTPM() throws -> AttestationSample {
    let mint = try NitroMint()
    var platform = demands()
    for name in ["maximumAge", "instances"] { platform[name] = "any" }
    platform["bank"] = "sha384"
    return AttestationSample(
      "nitrotpm", try mint.instanceEvidence(.p256(), nonce: nonce),
      policy(.nitroTPM, anchor: mint.root.certificate, .awsNitro, platform), at: NitroMint.timestamp + 1000,
      [.p384: 3, .p256: 1])
  }
}
