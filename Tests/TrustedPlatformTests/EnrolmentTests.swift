import Attestation
import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import TrustedPlatform

/// Unix milliseconds now: swtpm makes its certificates with the machine's clock.
private func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
private let day: Int64 = 24 * 60 * 60 * 1000

@Suite("Enrolment of an attestation key", .enabled(if: Tools.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct EnrolmentTests {
  let tpm: SoftwareTPM
  let device: TPMDevice
  let roots: [Certificate]
  let authority: AttestationAuthority

  init() throws {
    tpm = try SoftwareTPM.twin()
    device = try TPMDevice(tcti: tpm.tcti)
    roots = try Certificate.all(pem: tpm.root)
    authority = try AttestationAuthority.make(name: "Test authority", at: now() - day, validity: 30 * day)
  }

  private func request(_ kind: AttestationKey.Kind = .p256) async throws -> EnrolmentRequest {
    let endorsement = try await device.endorsementKey()
    let certificate = try #require(endorsement.certificate)
    return EnrolmentRequest(
      name: "box one", endorsementKey: endorsement.publicArea,
      endorsementCertificates: [try Certificate(der: certificate)] + (try Certificate.all(pem: tpm.issuer)),
      attestationKey: try await device.attestationKey(kind).publicArea)
  }

  private func answer(_ challenge: CredentialChallenge, _ kind: AttestationKey.Kind = .p256) async throws -> [UInt8] {
    try await device.activate(
      credential: challenge.credentialBlob, encryptedSecret: challenge.encryptedSecret, for: kind)
  }

  @Test(
    "Evidence under the certified key is accepted with the authority as the only anchor",
    arguments: AttestationKey.Kind.allCases)
  func certified(kind: AttestationKey.Kind) async throws {
    let pending = try authority.challenge(try await request(kind), roots: roots, at: now())
    let certificate = try authority.certify(
      pending, answer: try await answer(pending.challenge, kind), at: now(), validity: day)
    #expect(certificate.subject.commonName == "box one")
    let name = try await device.attestationKey(kind).name
    #expect(certificate.subject.values(.serialNumberAttribute) == [Hex.encode(name)])
    let binding = SHA256.hash([1]).bytes
    let runtime = try RuntimeLog([
      try RuntimeEvent(kind: .tool, name: "a tool", digest: SHA256.hash([2])),
      try RuntimeEvent(kind: .lock, name: "lock", digest: SHA256.hash([3])),
    ])
    for event in runtime.events { try await device.extend(14, with: event.registerDigest(.sha256)) }
    let collector = TPMCollector(device: device, key: kind, certificates: [certificate.der])
    let evidence = try Evidence(json: try await collector.evidence(binding: binding, runtime: runtime).json)
    let anchor = TrustAnchor(
      name: "test", purpose: .tpm, certificate: authority.certificate, assurance: .software(name: "swtpm"))
    func checks(_ binding: [UInt8], at: Int64, _ anchors: [TrustAnchor]) -> CheckList {
      var checks = CheckList()
      let context = VerificationContext(
        anchors: TrustAnchors(anchors: anchors), at: at, binding: .bytes(binding))
      let claims = evidence.content.verify(in: context, into: &checks)
      #expect((claims != nil) == checks.succeeds)
      return checks
    }
    let accepted = checks(binding, at: now(), [anchor])
    #expect(accepted.succeeds, "\(accepted.checks)")
    #expect(accepted.deadline == certificate.notAfter)
    #expect(!checks([9], at: now(), [anchor]).succeeds)
    #expect(!checks(binding, at: now() + 2 * day, [anchor]).succeeds)
    #expect(!checks(binding, at: now(), []).succeeds)
  }

  @Test("OpenSSL reads the certificate and verifies it under the authority")
  func independent() async throws {
    let pending = try authority.challenge(try await request(), roots: roots, at: now())
    let certificate = try authority.certify(
      pending, answer: try await answer(pending.challenge), at: now(), validity: day)
    let directory = try TemporaryDirectory()
    func file(_ certificate: Certificate, _ name: String) throws -> String {
      try directory.write(Array(PEM.encode(certificate.der, label: "CERTIFICATE").utf8), to: name)
    }
    let leaf = try file(certificate, "leaf")
    try Tools.run("openssl", "verify", "-x509_strict", "-CAfile", try file(authority.certificate, "ca"), leaf)
    let text = try Tools.run("openssl", "x509", "-in", leaf, "-noout", "-text")
    #expect(text.contains("2.23.133.8.3"))
    #expect(text.contains("CN = box one"))
  }

  @Test(
    "The challenge of an independent implementation is answered, for both kinds of endorsement key",
    arguments: EndorsementKey.Kind.allCases)
  func makeCredential(kind: EndorsementKey.Kind) async throws {
    let directory = try TemporaryDirectory()
    let endorsement = try await device.endorsementKey(kind)
    let area = endorsement.publicArea.bytes
    try directory.write([UInt8(area.count >> 8), UInt8(area.count & 0xFF)] + area, to: "ek")
    let secret = SHA256.hash([4]).bytes
    try directory.write(secret, to: "secret")
    let name = try await device.attestationKey().name
    try Tools.run(
      "tpm2_makecredential", "-T", "none", "-u", directory.file("ek"), "-s", directory.file("secret"), "-n",
      Hex.encode(name), "-o", directory.file("blob"))
    // The tool's file: magic, version, then both structures with their lengths.
    var reader = ByteReader(try directory.read("blob"))
    #expect(try reader.uint32(bigEndian: "magic") == 0xBADC_C0DE)
    #expect(try reader.uint32(bigEndian: "version") == 1)
    let credential = try reader.sized16("credential", max: 200)
    let encrypted = try reader.sized16("secret", max: 512)
    try reader.finish()
    #expect(
      try await device.activate(credential: credential, encryptedSecret: encrypted, endorsement: kind) == secret)
    // The same challenge for another key is not answered.
    let failure = await #expect(throws: TPMFailure.self) {
      try await device.activate(
        credential: credential, encryptedSecret: encrypted, endorsement: kind, for: .rsa2048)
    }
    #expect(failure?.responseCode == .integrity)
  }

  @Test("Our own challenge is answered for a P-256 endorsement key")
  func ownChallenge() async throws {
    let endorsement = try await device.endorsementKey(.p256)
    #expect(endorsement.certificate == nil, "swtpm certifies P-384 and RSA")
    let secret = SHA256.hash([4]).bytes
    let challenge = try CredentialChallenge.make(
      endorsementKey: endorsement.publicArea, attestationKeyName: try await device.attestationKey().name,
      secret: SecretBytes(copying: secret))
    #expect(
      try await device.activate(
        credential: challenge.credentialBlob, encryptedSecret: challenge.encryptedSecret, endorsement: .p256)
        == secret)
  }

  @Test("Wrong and late answers are refused")
  func answers() async throws {
    let at = now()
    let pending = try authority.challenge(try await request(), roots: roots, at: at)
    var right = try await answer(pending.challenge)
    #expect(throws: EnrolmentFailure.late(until: pending.until, at: pending.until + 1)) {
      try authority.certify(pending, answer: right, at: pending.until + 1, validity: day)
    }
    right[0] ^= 1
    #expect(throws: EnrolmentFailure.wrongAnswer) {
      try authority.certify(pending, answer: right, at: at, validity: day)
    }
    #expect(throws: EnrolmentFailure.wrongAnswer) {
      try authority.certify(pending, answer: [], at: at, validity: day)
    }
  }

  @Test("An authority certifies within its own time, for names that can be printed, and as an authority")
  func limits() async throws {
    let pending = try authority.challenge(try await request(), roots: roots, at: now())
    let answer = try await answer(pending.challenge)
    let key = try P256.PrivateKey(pkcs8PEM: authority.privateKeyPEM)
    let end = authority.certificate.notAfter
    for (from, until) in [(now() + day, end), (now() - 2 * day, now() - day)] {
      let other = try AttestationAuthority.certificate(of: key, from: from, until: until)
      let ended = try AttestationAuthority(key: key, certificate: other)
      #expect(throws: EnrolmentFailure.authorityExpired(until: other.notAfter)) {
        try ended.certify(pending, answer: answer, at: now(), validity: day)
      }
    }
    let plain = try AttestationAuthority.certificate(of: key, from: now(), until: end, isAuthority: false)
    #expect(throws: EnrolmentFailure.notOurs) { try AttestationAuthority(key: key, certificate: plain) }
    for name in ["b\u{f6}x", "box\n", String(repeating: "b", count: 65)] {
      #expect(throws: EnrolmentFailure.self) { try AttestationAuthority.make(name: name, at: now(), validity: day) }
    }
  }

  @Test("Another TPM cannot answer")
  func otherTPM() async throws {
    let pending = try authority.challenge(try await request(), roots: roots, at: now())
    let other = try SoftwareTPM()
    await #expect(throws: TPMFailure.self) {
      try await TPMDevice(tcti: other.tcti).activate(
        credential: pending.challenge.credentialBlob, encryptedSecret: pending.challenge.encryptedSecret)
    }
  }

  @Test("Endorsement keys that no given root vouches for are refused, each for its reason")
  func endorsement() async throws {
    let good = try await request()
    func refusal(
      key: TPMTPublic? = nil, certificates: [Certificate]? = nil, attestation: TPMTPublic? = nil,
      roots others: [Certificate]? = nil, name: String = "box", at: Int64? = nil
    ) -> EnrolmentFailure? {
      let request = EnrolmentRequest(
        name: name, endorsementKey: key ?? good.endorsementKey,
        endorsementCertificates: certificates ?? good.endorsementCertificates,
        attestationKey: attestation ?? good.attestationKey)
      do throws(EnrolmentFailure) {
        _ = try authority.challenge(request, roots: others ?? roots, at: at ?? now())
        return nil
      } catch { return error }
    }
    #expect(refusal() == nil)
    #expect(refusal(certificates: []) == .noEndorsementCertificate)
    #expect(
      refusal(certificates: [Certificate](repeating: good.endorsementCertificates[0], count: 10))
        == .tooManyCertificates(limit: 9, actual: 10))
    #expect(refusal(key: try await device.endorsementKey(.p256).publicArea) == .otherEndorsementKey)
    #expect(refusal(roots: []) == .endorsementPath(.noAnchors))
    let other = try SoftwareTPM()
    guard case .endorsementPath = refusal(roots: try Certificate.all(pem: other.root)) else {
      Issue.record("a root of the same name and another key")
      return
    }
    guard case .endorsementPath(.notYetValid) = refusal(at: 0) else {
      Issue.record("before its time")
      return
    }
    guard case .notAttestationKey = refusal(attestation: good.endorsementKey) else {
      Issue.record("an endorsement key as attestation key")
      return
    }
    // The platform's certificate names the same endorsement key, and is none of it.
    let platform = try #require(try await device.storedBytes(at: 0x01C0_8000))
    #expect(platform.starts(with: [0x30, 0x82]))
    guard case .field(let error) = refusal(name: "") else {
      Issue.record("an empty name")
      return
    }
    #expect(error.field == "name")
  }

  @Test("A certificate for another purpose does not endorse")
  func purpose() async throws {
    let good = try await request()
    guard case .rsa = good.endorsementKey.key else { return }
    let leaf = try CertificateDraft(
      serialNumber: [1], subject: DistinguishedName(commonName: "server"),
      publicKey: try CertificateKey(spkiDER: good.endorsementKey.key.spkiDER),
      notBefore: authority.certificate.notBefore,
      notAfter: authority.certificate.notAfter,
      extensions: [.basicConstraints(isAuthority: false), .keyUsage([.keyEncipherment])]
    ).signed(
      by: .p256(try P256.PrivateKey(pkcs8PEM: authority.privateKeyPEM)), issuer: authority.certificate.subject)
    let request = EnrolmentRequest(
      name: "box", endorsementKey: good.endorsementKey, endorsementCertificates: [leaf],
      attestationKey: good.attestationKey)
    #expect(throws: EnrolmentFailure.notForEndorsement) {
      try authority.challenge(request, roots: [authority.certificate], at: now())
    }
  }

  @Test("An authority is kept in a directory and comes back the same; nothing is overwritten")
  func directory() throws {
    let directory = try TemporaryDirectory()
    let kept = AuthorityDirectory(directory.file("authority"))
    let made = try kept.make(name: "Kept", at: now(), validity: day, roots: roots)
    let loaded = try kept.load()
    #expect(loaded.certificate == made.certificate)
    #expect(loaded.privateKeyPEM == made.privateKeyPEM)
    #expect(try kept.roots() == roots)
    #expect(throws: AuthorityDirectory.Failure.roots(limit: 64, actual: 0)) {
      try AuthorityDirectory(directory.file("trusting")).make(name: "None", at: now(), validity: day, roots: [])
    }
    #expect(throws: AuthorityDirectory.Failure.exists(path: directory.file("authority/key.pem"))) {
      try kept.make(name: "Again", at: now(), validity: day, roots: roots)
    }
    let attributes = try FileManager.default.attributesOfItem(atPath: directory.file("authority/key.pem"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    // A certificate of another key.
    let other = try AttestationAuthority.make(name: "Other", at: now(), validity: day)
    try directory.write(
      Array(PEM.encode(other.certificate.der, label: "CERTIFICATE").utf8), to: "authority/certificate.pem")
    #expect(throws: AuthorityDirectory.Failure.authority(.notOurs)) { try kept.load() }
    #expect(throws: AuthorityDirectory.Failure.self) { try AuthorityDirectory(directory.file("none")).load() }
  }
}

extension AttestationAuthority {
  /// What an authority's certificate could be.
  fileprivate static func certificate(
    of key: P256.PrivateKey, from: Int64, until: Int64, isAuthority: Bool = true
  ) throws -> Certificate {
    let subject = DistinguishedName(commonName: "Authority")
    return try CertificateDraft(
      serialNumber: [1], subject: subject, publicKey: .p256(key.publicKey), notBefore: from / 1000 * 1000,
      notAfter: until / 1000 * 1000, extensions: [.basicConstraints(isAuthority: isAuthority)]
    ).signed(by: .p256(key), issuer: subject)
  }
}
