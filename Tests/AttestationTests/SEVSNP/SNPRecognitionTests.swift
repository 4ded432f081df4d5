import AttestationMint
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import Attestation

/// The forms in which platforms and tools hand reports out all lead to the same evidence.
@Suite struct SNPRecognitionTests {
  static func read(_ bytes: [UInt8], _ attachments: [[UInt8]] = []) throws -> SNPEvidence {
    let file = RawEvidence(bytes: bytes, attachments: attachments.enumerated().map { ("file \($0)", $1) })
    return try #require(try Evidence(reading: file).content as? SNPEvidence)
  }

  /// A host's table: headers, an end of zeros, then the certificates.
  static func table(_ entries: [(guid: String, der: [UInt8])]) throws -> [UInt8] {
    func little(_ value: Int) -> [UInt8] { withUnsafeBytes(of: UInt32(value).littleEndian, Array.init) }
    var offset = (entries.count + 1) * 24
    var bytes: [UInt8] = []
    for (guid, der) in entries {
      bytes += try #require(Hex.decode(guid)) + little(offset) + little(der.count)
      offset += der.count
    }
    return bytes + [UInt8](repeating: 0, count: 24) + entries.flatMap(\.der)
  }

  static let vcekGUID = "63da758de6644564adc5f4b93be8accd"
  static let vlekGUID = "a8074bc2a25a483eaae639c045a0b8a1"
  static let askGUID = "4ab7b379bbac4fe4a02f05aef327c782"
  static let arkGUID = "c0b406a4a803495297433fb6014cd0ae"
  static let crlGUID = "92f81bc358114d3d97ffd19f88dc67ea"

  @Test func reportsInAllForms() throws {
    let mint = try SNPMint()
    let report = try mint.report(SNPMint.Fields(binding: [1]))
    let whole = SNPEvidence(report: report, certificates: mint.certificates)
    let pem = mint.certificates.map { PEM.encode($0, label: "CERTIFICATE") }
    let response: [UInt8] = [0, 0, 0, 0, 0xA0, 4, 0, 0] + [UInt8](repeating: 0, count: 24) + report
    let lines = stride(from: 0, to: report.count, by: 30).map {
      Hex.encode(Array(report[$0..<min($0 + 30, report.count)]))
    }
    let chain: JSON = .string(pem.dropFirst().joined())
    let answer = JSON.object(["vcekCert": .string(pem[0]), "tcbm": "DB18000000000004", "certificateChain": chain])
      .canonicalBytes()
    let table = try Self.table([(Self.vcekGUID, Array(pem[0].utf8)), (Self.askGUID, Array(pem[1].utf8))])
    let tsm: JSON = [
      "outblob": .string(Base64.encodeURL(report)), "auxblob": .string(Base64.encodeURL(table)),
      "provider": "sev_guest\n",
    ]
    let capitals: JSON = ["OutBlob": .string(Base64.encode(report)), "AuxBlob": "", "Provider": "sev_guest"]
    let forms: [(String, [UInt8], [[UInt8]])] = [
      ("hexadecimal in lines", Array(lines.joined(separator: "\n").utf8), mint.certificates),
      ("capital hexadecimal", Array(Hex.encode(report).uppercased().utf8), mint.certificates),
      ("base64url", Array(Base64.encodeURL(report).utf8), mint.certificates),
      ("a host's answer", report, [answer]), ("the same in base64", report, [Array(Base64.encode(answer).utf8)]),
      ("PEM in a table", report, [table]), ("configfs-tsm", tsm.canonicalBytes(), []),
      ("configfs-tsm in capitals", capitals.canonicalBytes(), mint.certificates),
      ("DER", report, mint.certificates), ("other order", report, mint.certificates.reversed()),
      ("PEM", report, pem.map { Array($0.utf8) }), ("one PEM", report, [Array(pem.joined().utf8)]),
      ("hexadecimal", Array(Hex.encode(report).utf8) + [0x0A], mint.certificates),
      ("base64", Array(Base64.encode(report).utf8), mint.certificates), ("response", response, mint.certificates),
      ("buffer", response + [UInt8](repeating: 0, count: 4000 - response.count), mint.certificates),
      ("strangers beside it", report, mint.certificates + [Array("a README".utf8), [0x30]]),
    ]
    for (name, bytes, attachments) in forms {
      #expect(Evidence(try Self.read(bytes, attachments)).json == Evidence(whole).json, "\(name)")
    }
  }

  @Test func tablesOfCertificates() throws {
    let mint = try SNPMint()
    let provider = try SNPMint(signingKey: .vlek)
    let report = try mint.report(SNPMint.Fields())
    let table = try Self.table([
      (Self.arkGUID, mint.anchor.certificate.der), (Self.askGUID, mint.certificates[1]),
      (Self.crlGUID, [0x30, 0x82, 1, 2]), (Self.vlekGUID, provider.certificates[0]),
      (Self.vcekGUID, mint.certificates[0]), ("000102030405060708090a0b0c0d0e0f", [1, 2, 3]),
    ])
    let expected = mint.certificates + [mint.anchor.certificate.der]
    #expect(try Self.read(report + table).certificates == expected)
    #expect(try Self.read(report, [table]).certificates == expected)
    // A host that writes the GUID as a structure of integers.
    let swapped = try Self.table([("8d75da6364e66445adc5f4b93be8accd", mint.certificates[0])])
    #expect(try Self.read(report, [swapped]).certificates == [mint.certificates[0]])
    let evidence = try Self.read(report, [table])
    let result = Evidence(evidence).appraised(
      by: try AppraisalPolicy(json: SNPPolicies.appraisal(anchors: SNPMinted.anchors(mint))), binding: .any,
      at: SNPMinted.at)
    #expect(result.verdict == .accepted, "\(result.failures)")
    // A provider's report takes the other key of the same table.
    let other = try Self.read(try provider.report(SNPMint.Fields()), [table])
    #expect(other.certificates.first == provider.certificates[0])
    for broken in [Array(table.dropLast()), Array(table.prefix(100)), []] {
      #expect(SNPCertificateTable.certificates(broken) == nil)
    }
    var outside = table
    outside[16] = 0xFF
    outside[18] = 0xFF
    #expect(SNPCertificateTable.certificates(outside) == nil, "an offset behind the end")
  }

  /// What was cut or added is still a report, so that the verifier says what is wrong with it.
  @Test func brokenReportsAreReports() throws {
    let mint = try SNPMint()
    let report = try mint.report(SNPMint.Fields())
    for bytes in [Array(report.dropLast()), report + [0], report + [1], Array(report.prefix(0x100))] {
      #expect(try Self.read(bytes, mint.certificates).report == bytes)
    }
    var other = report
    other[0] = 9
    #expect(try Self.read(other, mint.certificates).report == other)
    #expect(throws: FieldError.self) { try Self.read(Array("something else".utf8)) }
    for name in ["vcek.der", "ASK.PEM"] {
      #expect(throws: FieldError.self, "a certificate by its name alone") {
        try Evidence(reading: RawEvidence(bytes: report, attachments: [(name, [0x31, 0x82, 1, 2])]))
      }
    }
    #expect(throws: FieldError.self) { try Self.read(report, [Array("-----BEGIN CERTIFICATE-----\nx".utf8)]) }
  }

  /// A certificate with one changed bit is not quietly replaced by a good one.
  @Test func alteredIntermediatesAreNotReplaced() throws {
    let mint = try SNPMint()
    let report = try mint.report(SNPMint.Fields())
    let policy = try AppraisalPolicy(json: SNPPolicies.appraisal(anchors: SNPMinted.anchors(mint)))
    for index in stride(from: 2, to: mint.certificates[1].count, by: 23) {
      var altered = mint.certificates[1]
      altered[index] ^= 2
      let evidence = try Self.read(report, [mint.certificates[0], altered, mint.certificates[1]])
      let result = Evidence(evidence).appraised(by: policy, binding: .any, at: SNPMinted.at)
      #expect(result.failures.map(\.id) == [.snpChain], "byte \(index)")
    }
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func dstacksEnvelopes() throws {
    let vector = SNPVector.dstack
    let leaf = try vector.bytes("vcek.pem")
    let report = try vector.bytes("report.bin")
    let binary = try Self.read(try vector.bytes("sev_snp_attestation.bin"), [leaf])
    #expect(binary.report == report)
    #expect(binary.certificates.count == 1)
    let json = try Self.read(try vector.bytes("sev-snp-attestation.json"))
    #expect(json.report == report)
    #expect(json.certificates.count == 2, "chip and intermediate")
    for evidence in [binary, json] {
      let result = Evidence(evidence).appraised(
        by: try AppraisalPolicy(json: SNPPolicies.appraisal()), binding: vector.question, at: vector.at)
      #expect(result.verdict == .accepted, "\(result.failures)")
    }
  }

  @Test func explanationsVerifyNothingAndNeverFail() throws {
    let mint = try SNPMint(product: .turin)
    let evidence = try mint.evidence(SNPMint.Fields { $0.version = 5 })
    let lines = Dictionary(uniqueKeysWithValues: evidence.explanation.dropLast(2).map { ($0.name, $0.value) })
    #expect(lines["reported tcb"] == "1/4/0/24/219")
    #expect(lines["debugging"] == "forbidden")
    #expect(lines["mitigations"] == "0x7, at launch 0xb")
    let broken = SNPEvidence(report: [1, 2, 3], certificates: [[9]])
    #expect(broken.explanation.map(\.value).allSatisfy { $0.contains("unreadable") })
  }
}
