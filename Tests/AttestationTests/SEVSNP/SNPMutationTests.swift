import AttestationMint
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import Attestation

/// Every single-field change of valid evidence is refused, with the reason that it has.
@Suite struct SNPMutationTests {
  /// A field of the report with the checks that fail when its last bit is flipped.
  struct Field: Sendable {
    let name: String
    let offset: Int
    let count: Int
    let failures: Set<CheckID>

    init(_ name: String, _ offset: Int, _ count: Int, _ failures: Set<CheckID>) {
      (self.name, self.offset, self.count, self.failures) = (name, offset, count, failures)
    }
  }

  /// The layout of version 3 and, where it says so, others (AMD 56860 table 23).
  static let fields: [Field] = [
    Field("version", 0x000, 4, [.snpFormat]), Field("guest svn", 0x004, 4, [.snpSignature]),
    Field("policy", 0x008, 3, [.snpSignature]), Field("policy reserved", 0x00C, 4, [.snpFormat]),
    Field("family id", 0x010, 16, [.snpSignature]), Field("image id", 0x020, 16, [.snpSignature]),
    Field("vmpl", 0x030, 4, [.snpFormat]), Field("signature algorithm", 0x034, 4, [.snpFormat]),
    Field("current tcb", 0x038, 8, [.snpSignature]), Field("current tcb reserved", 0x03C, 1, [.snpSignature, .snpTCB]),
    Field("platform", 0x040, 8, [.snpSignature]), Field("key information reserved", 0x048, 4, [.snpFormat]),
    Field("reserved at 0x4c", 0x04C, 4, [.snpFormat]), Field("report data", 0x050, 64, [.snpSignature, .snpBinding]),
    Field("measurement", 0x090, 48, [.snpSignature]), Field("host data", 0x0C0, 32, [.snpSignature]),
    Field("id key digest", 0x0E0, 48, [.snpSignature]), Field("author key digest", 0x110, 48, [.snpSignature]),
    Field("report id", 0x140, 32, [.snpSignature]), Field("report id of the agent", 0x160, 32, [.snpSignature]),
    Field("reported tcb", 0x180, 8, [.snpSignature, .snpTCB]), Field("reserved at 0x18b", 0x18B, 21, [.snpFormat]),
    Field("committed tcb", 0x1E0, 8, [.snpSignature]), Field("current firmware", 0x1E8, 3, [.snpSignature]),
    Field("reserved at 0x1eb", 0x1EB, 1, [.snpFormat]), Field("committed firmware", 0x1EC, 3, [.snpSignature]),
    Field("reserved at 0x1ef", 0x1EF, 1, [.snpFormat]), Field("launch tcb", 0x1F0, 8, [.snpSignature]),
    Field("reserved at 0x208", 0x208, 152, [.snpFormat]), Field("r", 0x2A0, 48, [.snpSignature]),
    Field("behind r", 0x2D0, 24, [.snpFormat]), Field("s", 0x2E8, 48, [.snpSignature]),
    Field("behind s", 0x318, 24, [.snpFormat]), Field("behind the signature", 0x330, 368, [.snpFormat]),
  ]

  /// Those that depend on version and key.
  static func variable(_ report: SNPReport) -> [Field] {
    var fields: [Field] = []
    fields.append(
      report.version >= 3
        ? Field("family", 0x188, 1, [.snpSignature, .snpProduct]) : Field("reserved at 0x188", 0x188, 3, [.snpFormat]))
    fields.append(
      report.version >= 5
        ? Field("launch mitigations", 0x1F8, 8, [.snpSignature]) : Field("reserved at 0x1f8", 0x1F8, 8, [.snpFormat]))
    fields.append(
      report.version >= 5
        ? Field("current mitigations", 0x200, 8, [.snpSignature]) : Field("reserved at 0x200", 0x200, 8, [.snpFormat]))
    fields.append(
      Field("chip id", 0x1A0, 64, report.signingKey == .vcek ? [.snpSignature, .snpChip] : [.snpSignature]))
    return fields
  }

  struct Valid: Sendable, CustomStringConvertible {
    let description: String
    let evidence: SNPEvidence
    let at: Int64
    let binding: Binding
    var anchors: JSON = []

    /// Of the demands that vectors meet, so that each mutation is refused for being one.
    var policy: JSON { SNPPolicies.appraisal(anchors: anchors) }

    func appraised(_ evidence: SNPEvidence) throws -> AttestationReport {
      Evidence(evidence).appraised(by: try AppraisalPolicy(json: policy), binding: binding, at: at)
    }

    func item(_ name: String, _ evidence: SNPEvidence) -> BrowserVerifier.Case {
      BrowserVerifier.Case(
        name: "\(self): \(name)", evidence: Evidence(evidence).json, policy: policy, at: at, binding: binding)
    }
  }

  static func valid() throws -> [Valid] {
    var all: [Valid] = []
    if Vectors.available {
      for vector in SNPVector.all where vector.directory != SNPVector.version2.directory {
        guard let evidence = try vector.evidence().content as? SNPEvidence else { continue }
        all.append(
          Valid(description: "\(vector)", evidence: evidence, at: vector.at, binding: .bytes(vector.binding ?? [0])))
      }
    }
    for (product, key, version) in [
      (SNPProduct.milan, SNPReport.SigningKey.vcek, UInt32(3)), (.genoa, .vlek, 4), (.turin, .vcek, 5),
    ] {
      let mint = try SNPMint(product: product, signingKey: key)
      all.append(
        Valid(
          description: "minted \(product.rawValue) \(key.rawValue)",
          evidence: try mint.evidence(SNPMint.Fields(binding: [1, 2, 3]) { $0.version = version }),
          at: SNPMinted.at, binding: .bytes([1, 2, 3]), anchors: SNPMinted.anchors(mint)))
    }
    return all
  }

  @Test func theUnchangedIsAccepted() throws {
    for valid in try Self.valid() {
      let report = try valid.appraised(valid.evidence)
      #expect(report.verdict == .accepted, "\(valid): \(report.failures)")
    }
  }

  @Test func everyFieldOfTheReportIsProtected() throws {
    for valid in try Self.valid() {
      let report = try SNPReport(valid.evidence.report)
      for field in Self.fields + Self.variable(report) {
        var bytes = valid.evidence.report
        bytes[field.offset + field.count - 1] ^= 1
        let result = try valid.appraised(SNPEvidence(report: bytes, certificates: valid.evidence.certificates))
        #expect(result.verdict == .rejected, "\(valid): \(field.name)")
        #expect(Set(result.failures.map(\.id)) == field.failures, "\(valid): \(field.name)")
      }
    }
  }

  /// Byte by byte, so that no field is forgotten above.
  @Test func everyByteOfTheReportIsProtected() throws {
    let valid = try #require(try Self.valid().first)
    for index in valid.evidence.report.indices {
      var bytes = valid.evidence.report
      bytes[index] ^= 1 << UInt8(index % 8)
      let result = try valid.appraised(SNPEvidence(report: bytes, certificates: valid.evidence.certificates))
      #expect(!result.failures.isEmpty, "byte \(index)")
      #expect(
        result.failures.contains { $0.id == .snpFormat || $0.id == .snpSignature }, "byte \(index): \(result.failures)")
    }
  }

  @Test func lengthsAreExact() throws {
    for valid in try Self.valid() {
      let report = valid.evidence.report
      for bytes in [Array(report.dropLast()), report + [0], [], Array(report.prefix(0x2A0))] {
        let result = try valid.appraised(SNPEvidence(report: bytes, certificates: valid.evidence.certificates))
        #expect(result.failures.map(\.id) == [.snpFormat])
      }
    }
  }

  @Test func everyCertificateIsProtected() throws {
    for valid in try Self.valid() {
      for (position, der) in valid.evidence.certificates.enumerated() {
        for index in stride(from: 1, to: der.count, by: 37) {
          var certificates = valid.evidence.certificates
          certificates[position][index] ^= 4
          let result = try valid.appraised(SNPEvidence(report: valid.evidence.report, certificates: certificates))
          let ids = Set(result.failures.map(\.id))
          #expect(
            !ids.isDisjoint(with: [.snpCertificate, .snpChain]), "\(valid): certificate \(position), byte \(index)")
        }
        for bytes in [Array(der.dropLast()), der + [0]] {
          var certificates = valid.evidence.certificates
          certificates[position] = bytes
          let result = try valid.appraised(SNPEvidence(report: valid.evidence.report, certificates: certificates))
          #expect(!Set(result.failures.map(\.id)).isDisjoint(with: [.snpCertificate, .snpChain]))
        }
      }
      let none = try valid.appraised(SNPEvidence(report: valid.evidence.report, certificates: []))
      #expect(none.failures.map(\.id) == [.snpCertificate])
    }
  }

  @Test func membersMustBeThere() throws {
    let valid = try #require(try Self.valid().last)
    for member in ["report", "certificates"] {
      guard case .object(var object) = Evidence(valid.evidence).json else { return }
      object[member] = nil
      #expect(throws: FieldError.self) { try Evidence(json: .object(object)) }
    }
    guard case .object(var object) = Evidence(valid.evidence).json else { return }
    object["root"] = "MAA="
    #expect(throws: FieldError.self, "a root from evidence") { try Evidence(json: .object(object)) }
  }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func theBrowserSaysTheSame() throws {
    var cases: [BrowserVerifier.Case] = []
    for valid in try Self.valid() {
      cases.append(valid.item("unchanged", valid.evidence))
      for field in Self.fields + Self.variable(try SNPReport(valid.evidence.report)) {
        var bytes = valid.evidence.report
        bytes[field.offset + field.count - 1] ^= 1
        cases.append(valid.item(field.name, SNPEvidence(report: bytes, certificates: valid.evidence.certificates)))
      }
      cases.append(
        valid.item(
          "longer", SNPEvidence(report: valid.evidence.report + [0], certificates: valid.evidence.certificates)))
      cases.append(valid.item("no certificate", SNPEvidence(report: valid.evidence.report, certificates: [])))
      for (position, der) in valid.evidence.certificates.enumerated() {
        for index in stride(from: 1, to: der.count, by: 149) {
          var certificates = valid.evidence.certificates
          certificates[position][index] ^= 4
          cases.append(
            valid.item(
              "certificate \(position), byte \(index)",
              SNPEvidence(report: valid.evidence.report, certificates: certificates)))
        }
      }
      var late = valid.item("too late", valid.evidence)
      late.at = 4_000_000_000_000
      cases.append(late)
      var other = valid.item("another question", valid.evidence)
      other.binding = .bytes([42])
      cases.append(other)
    }
    if Vectors.available {
      let vector = SNPVector.version2
      cases.append(
        BrowserVerifier.Case(
          name: "debug", evidence: try vector.evidence().json, policy: SNPPolicies.appraisal(), at: vector.at,
          binding: vector.question))
    }
    try BrowserVerifier.expectAgreement(cases + SNPPolicyTests.cases())
  }
}

/// What minted evidence is judged with.
enum SNPMinted {
  /// 2025-01-01.
  static let at: Int64 = 1_735_689_600_000

  static func anchors(_ mint: SNPMint) -> JSON {
    [
      [
        "name": "Test", "purpose": "amd-sev", "certificate": .string(Base64.encode(mint.anchor.certificate.der)),
        "assurance": "hardware",
      ]
    ]
  }
}
