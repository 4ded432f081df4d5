import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

/// Quotes that a TPM makes now, by tools that are not ours.
@Suite(.enabled(if: TPMTools.isReady, TPMTools.absence)) struct TPMLiveTests {
  static let nonce = SHA256.hash(utf8: "a nonce").bytes

  @Test(arguments: [("ecc", "ecdsa"), ("rsa", "rsassa")])
  func aQuoteOfATPMIsGenuineAndNoOtherIs(_ algorithm: String, _ scheme: String) throws {
    let tools = try TPMTools()
    try tools.makeKeys(endorsement: algorithm, algorithm: algorithm, scheme: scheme)
    let measured = SHA256.hash(utf8: "measured").hex
    try tools.run("tpm2_pcrextend", ["14:sha256=\(measured)"])
    let evidence = try tools.quote("sha256:0,7,14,16", nonce: Self.nonce)
    let name = try TPMTPublic(try #require(evidence.key)).name
    #expect(name == (try tools.directory.read("ak.name")))

    let runtime = BankAlgorithm.sha256.extend(BankAlgorithm.sha256.zeros, with: SHA256.hash(utf8: "measured").bytes)
    let platform: JSON = [
      "bank": "sha256", "registers": ["safebox-code": [.string(Hex.encode(runtime))], "secure-boot": "any"],
      "clockSafe": "any", "since": "any", "eventLog": "any", "runtime": ["code": "any", "locked": "any"],
    ]
    let enrolling = TPMScenario.policy(enrolled: [(name, "software")], platform: platform)
    // The key as a privacy authority would certify it: then its parent must be the endorsement key.
    let root = try CertificateMint.root("Privacy CA", key: MintKeys.p256)
    var certified = evidence
    certified.certificates = [
      try root.leaf(
        "Attestation key", publicKey: try CertificateKey(spkiDER: TPMTPublic(evidence.key ?? []).key.spkiDER),
        extensions: [.extendedKeyUsage([.attestationKeyCertificate])]
      ).der
    ]
    let certifying = TPMScenario.policy(anchors: [(root.certificate, "software")], platform: platform)

    func item(_ name: String, _ evidence: TPMEvidence, _ policy: JSON, nonce: [UInt8] = Self.nonce)
      -> BrowserVerifier.Case
    {
      BrowserVerifier.Case(
        name: name, evidence: Evidence(evidence).json, policy: policy, at: TPMScenario.at, binding: .bytes(nonce))
    }
    var other = evidence
    other.pcrs = [try PCRBank(algorithm: .sha256, values: evidence.pcrs[0].values.mapValues { $0.flipping(bit: 0) })]
    let genuine = [item("enrolled", evidence, enrolling), item("certified", certified, certifying)]
    let refused = [
      item("another nonce", evidence, enrolling, nonce: [1]), item("other values", other, enrolling),
      item("not enrolled", evidence, certifying),
    ]
    for item in genuine {
      #expect(BrowserVerifier.ours(item)["verdict"] == "accepted", "\(item.name): \(BrowserVerifier.ours(item))")
    }
    for item in refused { #expect(BrowserVerifier.ours(item)["verdict"] == "rejected", "\(item.name)") }
    if BrowserVerifier.node != nil { try BrowserVerifier.expectAgreement(genuine + refused) }
  }

  /// Two quotes of one boot, and one that claims to come after a later one.
  @Test func aLaterQuoteComesAfterAnEarlierOne() throws {
    let tools = try TPMTools()
    try tools.makeKeys(endorsement: "ecc", algorithm: "ecc", scheme: "ecdsa")
    let first = try TPMQuote(tools.quote("sha256:0", nonce: Self.nonce).quote).clockInfo
    let second = try TPMQuote(tools.quote("sha256:0", nonce: Self.nonce).quote).clockInfo
    #expect(QuotePolicy.Since(first, isSameBoot: true).fault(in: second) == nil)
    #expect(QuotePolicy.Since(second, isSameBoot: true).fault(in: second) == nil)
    #expect(second.clock > first.clock)
    #expect(QuotePolicy.Since(second, isSameBoot: true).fault(in: first) != nil)
  }
}
