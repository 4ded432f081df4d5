import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import Attestation

/// What a machine of Google Cloud said (go-tpm-tools), up to the roots that this program carries.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct GCPVectorTests {
  /// 2023-01-01: the certificate holds from 2021 to 2051.
  static let at: Int64 = 1_672_531_200_000
  static let nonce: [UInt8] = [0x90, 0x09]

  static let policy = GCPScenario.policy(
    anchor: nil,
    [
      ("bank", "sha256"), ("registers", "any"), ("clockSafe", true), ("since", "any"),
      ("eventLog", ["secureBoot": "any", "separators": "any"]), ("runtime", ["code": "any", "locked": "any"]),
      ("production", true), ("projects", ["google.com:wuale-gcp-testing"]), ("zones", ["us-central1-a"]),
    ])

  static func evidence(_ name: String) throws -> Evidence {
    try Evidence(reading: RawEvidence(bytes: Vectors.bytes("attestation/gcp-vtpm/go-tpm-tools/\(name)")))
  }

  static func report(_ evidence: Evidence, _ binding: Binding = .bytes(nonce)) throws -> AttestationReport {
    evidence.appraised(by: try AppraisalPolicy(json: policy), binding: binding, at: at)
  }

  @Test func evidenceWithANonceIsAccepted() throws {
    let evidence = try Self.evidence("gce-cos-85-nonce9009.pb")
    #expect(evidence.kind == .gcpVTPM)
    let report = try Self.report(evidence)
    #expect(report.verdict == .accepted, "\(report.failures)")
    #expect(report.deadline == 2_576_531_765_000, "the end of the key's certificate")
    let claims = try #require(report.claims as? GCPClaims)
    #expect(claims.machine.instance.instanceName == "cos-test")
    #expect(claims.machine.isProduction == true)
    #expect(claims.quotes.count == 2)
    #expect(report.checks.contains { $0.id == .gcpSHA1 })
    #expect(try Evidence(json: evidence.json).digest == evidence.digest)
    #expect(!evidence.content.explanation.isEmpty)
  }

  @Test func evidenceWithoutANonceIsAReplay() throws {
    let evidence = try Self.evidence("gce-cos-85-no-nonce.pb")
    let report = try Self.report(evidence)
    #expect(report.verdict == .rejected)
    #expect(Set(report.failures.map(\.id.name)) == ["tpm.nonce", "gcp.sha1"])
    #expect(try Self.report(evidence, .any).verdict == .accepted, "the caller asked for no nonce")
    #expect(try Self.report(Self.evidence("gce-cos-85-nonce9009.pb"), .bytes([0x90])).verdict == .rejected)
  }

  /// The event log has data that nothing is hashed over; of all the rest, every byte counts.
  @Test func everyByteOutsideTheLogCounts() throws {
    let bytes = try Vectors.bytes("attestation/gcp-vtpm/go-tpm-tools/gce-cos-85-nonce9009.pb")
    let marker = Array("Spec ID Event03".utf8)
    let log = try #require(bytes.indices.first { bytes[$0...].starts(with: marker) })
    let certificate = bytes.count - 1340 - 3
    let offsets =
      Array(stride(from: 0, to: log - 36, by: 37)) + Array(stride(from: certificate, to: bytes.count, by: 29))
    for offset in offsets {
      var changed = bytes
      changed[offset] ^= 0x04
      let report = try? Self.report(Evidence(reading: RawEvidence(bytes: changed)))
      #expect(report?.verdict != .accepted, "byte \(offset)")
    }
    for changed in [Array(bytes.dropLast()), bytes + [0]] {
      #expect(throws: FieldError.self) { try Evidence(reading: RawEvidence(bytes: changed)) }
    }
  }

  @Test func digestsOfTheLogCountInEveryTrustedBank() throws {
    guard let content = try Self.evidence("gce-cos-85-nonce9009.pb").content as? GCPEvidence else { return }
    let log = try #require(content.logs.eventLog)
    let parsed = try EventLog(parsing: log, for: .pcrs)
    let event = try #require(parsed.events.first { $0.register == 4 })
    for bank in [BankAlgorithm.sha256, .sha384] {
      let digest = try #require(event.digests[bank])
      let offset = try #require(log.indices.first { log[$0...].starts(with: digest) })
      var changed = content
      changed.logs.eventLog?[offset] ^= 1
      let report = try Self.report(Evidence(changed))
      #expect(report.verdict == .rejected, "\(bank)")
      #expect(report.failures.contains { $0.id.name.hasPrefix("eventlog.") })
    }
  }

  @Test(arguments: ["pca_tpm_ecc_sign_cert", "pca_tpm_rsa_sign_cert", "uca_tpm_ecc_sign_cert", "uca_tpm_rsa_sign_cert"])
  func certificatesOfGoogleLeadToItsRoots(name: String) throws {
    let text = try Vectors.text("attestation/gcp-vtpm/go-tpm-tools/\(name).pem")
    let leaf = try #require(try Certificate.all(pem: text).first)
    let anchors = TrustAnchors.compiledIn.anchors(for: .googleVTPM).map(\.certificate)
    #expect(anchors.count == 2)
    let path = try CertificatePath.verify(
      leaf: leaf, intermediates: GCPRoots.intermediates, anchors: anchors, at: 1_700_000_000_000,
      knownCriticalExtensions: [.subjectAlternativeName])
    #expect(path.chain.count == 3)
    let certified = try #require(try GCPInstanceCertificate(leaf))
    #expect(certified.isProduction == true)
    #expect(certified.instance.zone == "us-central1-a")
  }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func thePageAgrees() throws {
    var cases: [BrowserVerifier.Case] = []
    for name in ["gce-cos-85-nonce9009.pb", "gce-cos-85-no-nonce.pb"] {
      let json = try Self.evidence(name).json
      for binding in [Binding.bytes(Self.nonce), .any] {
        cases.append(
          BrowserVerifier.Case(name: name, evidence: json, policy: Self.policy, at: Self.at, binding: binding))
      }
    }
    try BrowserVerifier.expectAgreement(cases)
  }
}
