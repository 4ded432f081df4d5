import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// Evidence with SNP in the forms of the tools of Azure's guests: no complete set of a real machine is at hand.
@Suite struct AzureRecognitionTests {
  static let nonce = AzureMutationTests.nonce

  /// bincode: lists with their length in eight bytes before them.
  static func bincode(_ signature: [UInt8], _ message: [UInt8], _ pcrs: [[UInt8]]) -> [UInt8] {
    func length(_ count: Int) -> [UInt8] { withUnsafeBytes(of: UInt64(count).littleEndian, Array.init) }
    return length(signature.count) + signature + length(message.count) + message + length(pcrs.count) + pcrs.joined()
  }

  @Test func trusteesVersionsAndTheToolsOfGuests() throws {
    let valid = try AzureMutationTests.minted()
    let (hcl, message) = (valid.evidence.hclReport, valid.evidence.quote)
    let signature = try TPMTSignature(valid.evidence.signature).value
    let pcrs = (0..<24).compactMap { valid.evidence.pcrs[0][$0] }
    func numbers(_ bytes: [UInt8]) -> JSON { .array(bytes.map { .integer(Int64($0)) }) }
    func url(_ bytes: [UInt8], padded: Bool) -> JSON {
      let text = Base64.encodeURL(bytes)
      return .string(text + (padded ? String(repeating: "=", count: (4 - text.utf8.count % 4) % 4) : ""))
    }
    let pem = valid.evidence.certificates.map { PEM.encode($0, label: "CERTIFICATE") }
    let version0: JSON = [
      "quote": [
        "signature": numbers(signature), "message": numbers(message), "pcrs": .array(pcrs.map(numbers)),
      ], "report": numbers(hcl), "vcek": .string(pem[0]),
    ]
    let quote: JSON = [
      "signature": .string(Hex.encode(signature)), "message": .string(Hex.encode(message)),
      "pcrs": .array(pcrs.map { .string(Hex.encode($0)) }),
    ]
    let leaf = valid.evidence.certificates[0]
    let ask = (name: "ask.der", bytes: valid.evidence.certificates[1])
    let files: [RawEvidence] =
      [RawEvidence(bytes: version0.canonicalBytes(), attachments: [ask])]
      + [true, false].map { padded in
        let version1: JSON = [
          "version": 1, "tpm_quote": quote, "hcl_report": url(hcl, padded: padded), "vcek": url(leaf, padded: padded),
        ]
        return RawEvidence(bytes: version1.canonicalBytes(), attachments: [ask])
      }
      + [quote.canonicalBytes(), Self.bincode(signature, message, pcrs)].map { quote in
        RawEvidence(bytes: hcl, attachments: [("quote", quote), ("certs.pem", Array(pem.joined().utf8))])
      }
    for file in files {
      let evidence = try Evidence(reading: file)
      #expect(evidence.json == Evidence(valid.evidence).json)
      let content = try #require(evidence.content as? AzureEvidence)
      #expect(try valid.appraised(content).verdict == .accepted)
    }
  }

  @Test func registersHaveTheNumbersOfTheSelection() throws {
    let valid = try AzureMutationTests.minted { mint in
      mint.pcrs = mint.pcrs.filter { [15, 16, 22].contains($0.key) }
    }
    let signature = try TPMTSignature(valid.evidence.signature).value
    // Their position in the list would make them registers 0 to 2.
    let values = [15, 16, 22].compactMap { valid.evidence.pcrs[0][$0] }
    let quote = Self.bincode(signature, valid.evidence.quote, values)
    let certificates = valid.evidence.certificates.map { (name: "certificate", bytes: $0) }
    let file = RawEvidence(bytes: valid.evidence.hclReport, attachments: [("quote.bin", quote)] + certificates)
    let evidence = try #require(try Evidence(reading: file).content as? AzureEvidence)
    let report = try valid.appraised(evidence)
    #expect(report.verdict == .accepted, "\(report.failures)")
    #expect(report.claims?.registers["sha256.pcr22"] == [UInt8](repeating: 22, count: 32))
    #expect(report.claims?.registers["sha256.pcr0"] == nil)
  }

  @Test func whatIsNoQuoteIsRefused() throws {
    let valid = try AzureMutationTests.minted()
    for quote in [[], [1, 2, 3], Array("{}".utf8), Self.bincode([1], [2], []).dropLast()] as [[UInt8]] {
      #expect(throws: FieldError.self) {
        try Evidence(reading: RawEvidence(bytes: valid.evidence.hclReport, attachments: [("quote.bin", quote)]))
      }
    }
  }

  @Test func explanationsVerifyNothingAndNeverFail() throws {
    let valid = try AzureMutationTests.minted()
    #expect(valid.evidence.explanation.contains { $0.name == "hardware" && $0.value == "snp" })
    #expect(valid.evidence.explanation.contains { $0.name == "measurement" })
    var broken = valid.evidence
    broken.hclReport = [1]
    #expect(broken.explanation.first?.value.contains("unreadable") ?? false)
  }
}
