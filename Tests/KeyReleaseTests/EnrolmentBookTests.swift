import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import Governance
import Synchronization
import Testing

@testable import KeyRelease

/// By what a broker knows a box's attestation key: a certificate of exactly this key for exactly this purpose, or a challenge.
@Suite struct EnrolmentBookTests {
  private static let peer = SHA256.hash(utf8: "peer")
  private static let at = CertificateMint.notBefore + 1000

  private let authority: CertificateMint
  private let mint = TPMMint.p256()
  private let endorsement = P256.PrivateKey.generate()

  init() throws { authority = try CertificateMint.root("Authority", key: MintKeys.p256) }

  private func book(_ now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }) -> EnrolmentBook
  {
    EnrolmentBook(
      authorities: EnrolmentAuthorities(anchors: [
        TrustAnchor(
          name: "authority", purpose: .tpm, certificate: authority.certificate,
          assurance: .hardware(vendor: "authority"))
      ]), now: now)
  }

  /// The public area of template L-2 (TCG EK Credential Profile 2.4, annex B.3.4), with another policy.
  private func endorsementArea() throws -> TPMTPublic {
    let point = endorsement.publicKey.x963
    func sized(_ bytes: ArraySlice<UInt8>) -> [UInt8] { [0, UInt8(bytes.count)] + bytes }
    return try TPMTPublic(
      [0x00, 0x23, 0x00, 0x0B, 0x00, 0x03, 0x00, 0xB2] + sized([UInt8](repeating: 0, count: 32)[...])
        + [0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10] + sized(point[1..<33])
        + sized(point[33...]))
  }

  private func request(
    _ certificates: [Certificate], endorsing: [Certificate] = [], mint other: TPMMint? = nil
  ) throws -> EnrolmentRequest {
    EnrolmentRequest(
      box: "a.example", attestationKey: try TPMTPublic(try (other ?? mint).area()),
      attestationCertificates: certificates.map(\.der), endorsementKey: try endorsementArea(),
      endorsementCertificates: endorsing.map(\.der))
  }

  private func expectRefused(
    _ field: String, _ request: EnrolmentRequest, at time: Int64 = at, _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(sourceLocation: location) {
      _ = try book().begin(request, peer: Self.peer, at: time)
    } throws: { ($0 as? FieldError)?.field == field }
  }

  @Test func aCertificateOfTheKeyDecides() throws {
    let certificate = try mint.certificate(by: authority)
    guard case .proved(let enrolment) = try book().begin(try request([certificate]), peer: Self.peer, at: Self.at)
    else {
      Issue.record("it is challenged")
      return
    }
    #expect(enrolment.box == "a.example" && enrolment.proof == .certificate && enrolment.assurance == .hardware)
    #expect(try enrolment.ak == TPMTPublic(mint.area()).name)
  }

  @Test func certificatesOfOtherKeysPurposesAndIssuersAreRefused() throws {
    let good = try mint.certificate(by: authority)
    let stranger = try CertificateMint.root("Authority", key: .p256(.generate()))
    expectRefused("akCertificates", try request([try TPMMint.p256(.generate()).certificate(by: authority)]))
    expectRefused("akCertificates", try request([try mint.certificate(by: stranger)]))
    expectRefused("akCertificates", try request([good]), at: CertificateMint.notAfter + 1000)
    // A key that the authority certified for something else may sign whatever it is given; what its public area says is only
    // what the box says.
    expectRefused("akCertificates", try request([try authority.leaf("Server", publicKey: mint.publicKey)]))
    expectRefused(
      "akCertificates",
      try request([
        try authority.leaf(
          "EK", publicKey: mint.publicKey, extensions: [.extendedKeyUsage([.endorsementKeyCertificate])])
      ]))
  }

  /// What a key must be so that only the TPM can make it sign, and quotes alone; a certificate does not make up for it.
  @Test func aKeyThatSignsAnythingIsRefused() throws {
    let good = try mint.certificate(by: authority)
    let bits: [(String, UInt32)] = [
      ("fixedTPM", 0x2), ("fixedParent", 0x10), ("sensitiveDataOrigin", 0x20), ("restricted", 0x1_0000),
      ("sign", 0x4_0000), ("decrypt", 0x2_0000),
    ]
    for (name, bit) in bits {
      var loose = mint
      loose.attributes ^= bit
      for certificates in [[], [good]] {
        #expect("\(name)") {
          _ = try book().begin(try request(certificates, mint: loose), peer: Self.peer, at: Self.at)
        } throws: { ($0 as? FieldError)?.field == "ak" }
      }
    }
  }

  @Test func anEndorsementKeyIsChallengedAndItsCertificateIsForIt() throws {
    let key = CertificateKey.p256(endorsement.publicKey)
    let good = try authority.leaf(
      "EK", publicKey: key, usage: .keyAgreement, extensions: [.extendedKeyUsage([.endorsementKeyCertificate])])
    for certificates in [[], [good]] {
      guard case .challenge = try book().begin(try request([], endorsing: certificates), peer: Self.peer, at: Self.at)
      else {
        Issue.record("it is not challenged")
        return
      }
    }
    expectRefused(
      "ekCertificates",
      try request(
        [],
        endorsing: [
          try authority.leaf(
            "AK", publicKey: key, usage: .keyAgreement, extensions: [.extendedKeyUsage([.attestationKeyCertificate])])
        ]))
    expectRefused("ekCertificates", try request([], endorsing: [try mint.certificate(by: authority)]))
  }

  /// A root of something else vouches for no TPM, and software's for no hardware.
  @Test func anAuthorityVouchesForWhatItIs() throws {
    let request = try request([try mint.certificate(by: authority)])
    func step(_ purpose: TrustAnchor.Purpose, _ assurance: Assurance) throws -> EnrolmentBook.Step {
      let anchor = TrustAnchor(
        name: "a", purpose: purpose, certificate: authority.certificate, assurance: assurance)
      return try EnrolmentBook(authorities: EnrolmentAuthorities(anchors: [anchor]))
        .begin(request, peer: Self.peer, at: Self.at)
    }
    guard case .proved(let enrolment) = try step(.tpm, .software(name: "a")) else {
      Issue.record("it is challenged")
      return
    }
    #expect(enrolment.assurance == .software)
    #expect(throws: FieldError.self) { try step(.amdSEV, .hardware(vendor: "a")) }
  }

  @Test func aRequestIsReadStrictly() throws {
    let certificates = [Certificate](
      repeating: try mint.certificate(by: authority), count: EnrolmentRequest.maxCertificates)
    let good = try request(certificates, endorsing: certificates).json
    #expect(try EnrolmentRequest(json: good).json == good)
    let more = JSON.array([JSON](repeating: "AAAA", count: EnrolmentRequest.maxCertificates + 1))
    let long = JSON.string(Base64.encode([UInt8](repeating: 0, count: TPMTPublic.maxBytes + 1)))
    for (name, value) in [
      ("box", nil), ("box", ""), ("box", "a+b"), ("box", .string(String(repeating: "a", count: 256))), ("ak", nil),
      ("ak", "AAAA"), ("ak", long), ("ek", nil), ("ek", "AAAA"), ("ek", long), ("akCertificates", nil),
      ("akCertificates", more), ("ekCertificates", nil), ("ekCertificates", more), ("further", 1),
    ] as [(String, JSON?)] {
      var members = try #require(good.object)
      members[name] = value
      #expect("\(name) \(value?.summary ?? "left out")") {
        _ = try EnrolmentRequest(json: .object(members))
      } throws: { ($0 as? FieldError)?.field.hasPrefix(name) == true }
    }
  }

  @Test func aChallengeIsAnsweredOnceInTimeAndByItsPeer() throws {
    let time = Mutex(ContinuousClock.now)
    let book = book { time.withLock { $0 } }
    func begin() throws -> [UInt8] {
      guard case .challenge(let id, _) = try book.begin(try request([]), peer: Self.peer, at: Self.at) else {
        return []
      }
      return id
    }
    let wrong = SecretBytes(copying: [UInt8](repeating: 1, count: 32))
    let id = try begin()
    #expect(throws: EnrolmentBook.Fault.wrongSecret) { try book.finish(id, answer: wrong, peer: Self.peer) }
    #expect(throws: EnrolmentBook.Fault.unknown) { try book.finish(id, answer: wrong, peer: Self.peer) }
    let foreign = try begin()
    #expect(throws: EnrolmentBook.Fault.foreign) {
      try book.finish(foreign, answer: wrong, peer: SHA256.hash(utf8: "other"))
    }
    let late = try begin()
    time.withLock { $0 = $0.advanced(by: NonceBook.lifetime) }
    #expect(throws: EnrolmentBook.Fault.expired) { try book.finish(late, answer: wrong, peer: Self.peer) }
    for _ in 0..<EnrolmentBook.maxOpen { _ = try begin() }
    #expect(throws: EnrolmentBook.Fault.full) { try begin() }
    // Time makes room.
    time.withLock { $0 = $0.advanced(by: NonceBook.lifetime) }
    #expect(throws: Never.self) { try begin() }
  }
}
