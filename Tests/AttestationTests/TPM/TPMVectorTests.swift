import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

/// Quotes of TPMs of others, in the forms in which their tools handed them out.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct TPMVectorTests {
  struct Vector: CustomTestStringConvertible {
    var name: String
    var file: String
    var beside: [String] = []
    /// What the quote was made for; nil where it was made for nothing.
    var extraData: String?
    /// The registers of the bank of the quote.
    var registers: Set<String>
    /// Whether the key's own name can be enrolled: a bare key has none.
    var isWhole = true
    var testDescription: String { name }
  }

  static func names(_ bank: String, _ indexes: some Sequence<Int>) -> Set<String> {
    Set(indexes.map { "\(bank).pcr\($0)" })
  }

  static let vectors: [Vector] = [
    Vector(
      name: "files of tpm2-tools", file: "attestation/tpm2-quote/keylime-swtpm/quote.out",
      beside: ["quotesig.out", "quotepcr.out", "ak.pub", "ek.pub"].map { "attestation/tpm2-quote/keylime-swtpm/" + $0 },
      extraData: "db1db298db6d60e6385b7231743e9c3056a18003", registers: names("sha256", [15, 16, 22])),
    Vector(
      name: "trustee's plain TPM", file: "attestation/tpm2-quote/trustee/tpm_evidence.json",
      extraData: "a04182b506878d4f29b91ee606a71a0d3361ccf1b22db20c98adcaa537bea393ef0e41a18b3569ab678f1497fbc5c120"
        + String(repeating: "00", count: 16),
      registers: names("sha256", 0..<24), isWhole: false),
    Vector(
      name: "Azure's vTPM tools", file: "attestation/azure-hcl/kinvolk/quote.bin",
      beside: ["attestation/azure-hcl/kinvolk/akpub.pem"],
      extraData: Hex.encode(Array("challenge".utf8)), registers: names("sha256", 0..<24), isWhole: false),
  ]

  static func read(_ vector: Vector) throws -> TPMEvidence {
    let attachments = try vector.beside.map { (name: $0, bytes: try Vectors.bytes($0)) }
    let raw = RawEvidence(bytes: try Vectors.bytes(vector.file), attachments: attachments)
    return try #require(try TPMEvidence.recognise(raw))
  }

  /// A policy that enrols the evidence's key, or certifies it where it is bare.
  static func trusting(_ evidence: TPMEvidence, isWhole: Bool) throws -> (evidence: TPMEvidence, policy: JSON) {
    let platform: JSON = [
      "bank": "sha256", "registers": "any", "clockSafe": "any", "since": "any", "eventLog": "any",
      "runtime": ["code": "any", "locked": "any"],
    ]
    let key = try #require(evidence.key)
    if isWhole {
      return (evidence, TPMScenario.policy(enrolled: [(try TPMTPublic(key).name, "software")], platform: platform))
    }
    let root = try CertificateMint.root("Somebody", key: MintKeys.p256)
    let leaf = try root.leaf(
      "Attestation key", publicKey: try CertificateKey(spkiDER: key),
      extensions: [.extendedKeyUsage([.attestationKeyCertificate])])
    var copy = evidence
    copy.certificates = [leaf.der]
    return (copy, TPMScenario.policy(anchors: [(root.certificate, "software")], platform: platform))
  }

  static func report(_ evidence: TPMEvidence, _ policy: JSON, _ binding: Binding) throws -> AttestationReport {
    Evidence(evidence).appraised(by: try AppraisalPolicy(json: policy), binding: binding, at: TPMScenario.at)
  }

  @Test(arguments: vectors) func whatAnotherTPMSignedIsGenuine(_ vector: Vector) throws {
    let (evidence, policy) = try Self.trusting(Self.read(vector), isWhole: vector.isWhole)
    let nonce = try #require(vector.extraData.flatMap { Hex.decode($0) })
    let report = try Self.report(evidence, policy, .bytes(nonce))
    #expect(report.verdict == .accepted, "\(report.failures)")
    #expect(report.claims.map { Set($0.registers.keys) } == vector.registers)
    #expect(try Self.report(evidence, policy, .bytes(nonce + [1])).failures.map(\.id.name) == ["tpm.nonce"])
    // Its key vouches for itself.
    let untrusting = TPMScenario.policy(platform: TPMScenario.demands())
    let failures = try Self.report(Self.read(vector), untrusting, .bytes(nonce)).failures.map(\.id.name)
    #expect(failures.contains("tpm.ak-trust"))
  }

  @Test(arguments: vectors) func oneBitOfWhatAnotherTPMSignedIsRefused(_ vector: Vector) throws {
    let (evidence, policy) = try Self.trusting(Self.read(vector), isWhole: vector.isWhole)
    for byte in evidence.quote.indices {
      var copy = evidence
      copy.quote = copy.quote.flipping(bit: byte * 8 + byte % 8)
      #expect(try Self.report(copy, policy, .any).verdict == .rejected, "quote byte \(byte)")
    }
    for byte in evidence.signature.indices {
      var copy = evidence
      copy.signature = copy.signature.flipping(bit: byte * 8 + byte % 8)
      #expect(try Self.report(copy, policy, .any).verdict == .rejected, "signature byte \(byte)")
    }
    let key = try #require(evidence.key)
    for byte in key.indices {
      var copy = evidence
      copy.key = key.flipping(bit: byte * 8 + byte % 8)
      #expect(try Self.report(copy, policy, .any).verdict == .rejected, "key byte \(byte)")
    }
  }

  /// Without the enrolment a certificate is needed, and then the parent: it is the endorsement key, given beside the quote.
  @Test func theParentOfAKeyIsTheStorageKeyBesideIt() throws {
    var evidence = try Self.read(Self.vectors[0])
    #expect(evidence.parent == (try Vectors.bytes("attestation/tpm2-quote/keylime-swtpm/ek.pub")))
    let area = try TPMTPublic(try #require(evidence.key))
    #expect(area.name == (try Vectors.bytes("attestation/tpm2-quote/keylime-swtpm/ak.name")))
    #expect(
      area.key.spkiDER
        == (try PEM.decode(Vectors.text("attestation/tpm2-quote/keylime-swtpm/akpub.pem"), label: "PUBLIC KEY")))
    let root = try CertificateMint.root("Somebody", key: MintKeys.p256)
    let leaf = try root.leaf(
      "Attestation key", publicKey: try CertificateKey(spkiDER: area.key.spkiDER),
      extensions: [.extendedKeyUsage([.attestationKeyCertificate])])
    evidence.certificates = [leaf.der]
    let platform: JSON = [
      "bank": "sha256", "registers": "any", "clockSafe": "any", "since": "any", "eventLog": "any",
      "runtime": ["code": "any", "locked": "any"],
    ]
    let policy = TPMScenario.policy(anchors: [(root.certificate, "software")], platform: platform)
    #expect(try Self.report(evidence, policy, .any).verdict == .accepted)
    evidence.parent = nil
    #expect(try Self.report(evidence, policy, .any).failures.map(\.id.name) == ["tpm.ak-name"])
  }

  @Test func keylimesStringWithSHA1IsRefused() throws {
    let bytes = try Vectors.bytes("attestation/tpm2-quote/rust-keylime/test-quote.txt")
    var evidence = try #require(try TPMEvidence.recognise(RawEvidence(bytes: bytes)))
    #expect(evidence.key == nil)
    let policy = TPMScenario.policy(platform: TPMScenario.demands())
    #expect(try Self.report(evidence, policy, .any).failures.map(\.id.name) == ["tpm.ak"])
    evidence.key = try TPMMint.rsa().area()
    let failures = try Set(Self.report(evidence, policy, .any).failures.map(\.id.name))
    #expect(
      failures.isSuperset(of: ["tpm.ak-trust", "tpm.signature-hash", "tpm.signature", "tpm.bank", "tpm.pcr-digest"]))
    #expect(evidence.pcrs.map(\.algorithm) == [.sha1])
    #expect(evidence.pcrs[0].values.keys.sorted() == [16])
    // The digest is that of the value, in SHA-1: the layout was read right.
    #expect(try TPMQuote(evidence.quote).pcrDigest == BankAlgorithm.sha1.hash(try #require(evidence.pcrs[0][16])))
    // The same inside an agent's answer.
    let answer: JSON = [
      "code": 200, "results": ["quote": .string(String(decoding: bytes, as: UTF8.self)), "hash_alg": "sha1"],
    ]
    let again = try #require(try TPMEvidence.recognise(RawEvidence(bytes: answer.canonicalBytes())))
    #expect(again.quote == evidence.quote && again.pcrs == evidence.pcrs)
  }

  @Test func aQuoteOfSHA1RegistersForNobodyIsRefused() throws {
    let bytes = try Vectors.bytes("attestation/uefi-eventlog/google-legacy/windows_gcp_shielded_vm.json")
    let evidence = try #require(try TPMEvidence.recognise(RawEvidence(bytes: bytes)))
    let (trusted, policy) = try Self.trusting(evidence, isWhole: true)
    let failures = try Set(Self.report(trusted, policy, .bytes([1])).failures.map(\.id.name))
    #expect(failures == ["tpm.signature-hash", "tpm.signature", "tpm.nonce", "tpm.bank", "tpm.pcr-digest"])
    #expect(evidence.logs.eventLog != nil)
  }

  @Test func theQuoteOfAnAzureMachineIsOfItsKey() throws {
    let bytes = try Vectors.bytes("attestation/azure-hcl/trustee-tdx/tpm-quote-v1.json")
    let evidence = try #require(try TPMEvidence.recognise(RawEvidence(bytes: bytes)))
    #expect(evidence.key == nil)
    #expect(try TPMQuote(evidence.quote).extraData == Array("challenge".utf8))
    let report = try Vectors.bytes("attestation/azure-hcl/trustee-tdx/hcl-report.bin")
    let part = try TPMEvidence.recognise(RawEvidence(bytes: bytes, attachments: [("hcl-report.bin", report)]))
    #expect(part == nil, "beside a report, a quote is a part of other evidence")
  }

  /// NitroTPM: SHA-384 registers, digest by the signature's SHA-256.
  @Test func theDigestFollowsTheSignatureNotTheBank() throws {
    let json = try Vectors.json("attestation/aws-nitrotpm/vaportpm/test-nitro-fixture.json")
    let point = try #require(json["ak_pubkeys"]?["ecc_p256"])
    let x = try #require(point["x"]?.string.flatMap { Hex.decode($0) })
    let y = try #require(point["y"]?.string.flatMap { Hex.decode($0) })
    let banks = try PCRBank.banks(try #require(json["pcrs"]))
    let signature = try ECDSASignature(
      strictDER: try Vectors.bytes("attestation/aws-nitrotpm/vaportpm/tpm-quote.ecdsa-der"))
    var checks = CheckList()
    let quote = TPMQuoteVerifier.verify(
      quote: try Vectors.bytes("attestation/aws-nitrotpm/vaportpm/tpm-quote.attest"),
      signature: TPMTSignature(scheme: .ecdsa, hash: .sha256, value: signature.p1363),
      key: .p256(try P256.PublicKey(x963: [4] + x + y)), pcrs: banks,
      binding: .bytes(try #require(json["nonce"]?.string.flatMap { Hex.decode($0) })), into: &checks)
    #expect(checks.succeeds, "\(checks.checks)")
    #expect(quote?.registers.count == 24)
    #expect(quote?.bank(.sha384)?[4] == banks[0][4])
  }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func theBrowserSaysTheSameOfEveryVector() throws {
    var cases: [BrowserVerifier.Case] = []
    for vector in Self.vectors {
      let (evidence, policy) = try Self.trusting(Self.read(vector), isWhole: vector.isWhole)
      let nonce = try #require(vector.extraData.flatMap { Hex.decode($0) })
      func add(_ name: String, _ evidence: TPMEvidence, _ binding: Binding) {
        cases.append(
          BrowserVerifier.Case(
            name: "\(vector.name): \(name)", evidence: Evidence(evidence).json, policy: policy, at: TPMScenario.at,
            binding: binding))
      }
      add("genuine", evidence, .bytes(nonce))
      add("another nonce", evidence, .bytes([0]))
      for byte in stride(from: 0, to: evidence.quote.count, by: 3) {
        var copy = evidence
        copy.quote = copy.quote.flipping(bit: byte * 8)
        add("quote byte \(byte)", copy, .any)
      }
      for byte in stride(from: 0, to: evidence.signature.count, by: 7) {
        var copy = evidence
        copy.signature = copy.signature.flipping(bit: byte * 8)
        add("signature byte \(byte)", copy, .any)
      }
      for byte in stride(from: 0, to: evidence.key?.count ?? 0, by: 5) {
        var copy = evidence
        copy.key = copy.key?.flipping(bit: byte * 8)
        add("key byte \(byte)", copy, .any)
      }
    }
    for file in [
      "attestation/tpm2-quote/rust-keylime/test-quote.txt",
      "attestation/uefi-eventlog/google-legacy/windows_gcp_shielded_vm.json",
    ] {
      let evidence = try #require(try TPMEvidence.recognise(RawEvidence(bytes: try Vectors.bytes(file))))
      cases.append(
        BrowserVerifier.Case(
          name: file, evidence: Evidence(evidence).json, policy: TPMScenario.policy(platform: TPMScenario.demands()),
          at: TPMScenario.at, binding: .any))
    }
    try BrowserVerifier.expectAgreement(cases)
  }
}
