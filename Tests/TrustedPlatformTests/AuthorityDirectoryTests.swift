import Attestation
import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import TrustedPlatform

private let day: Int64 = 24 * 60 * 60 * 1000

/// What an authority keeps between a challenge and its answer, and what passes between the two machines.
@Suite("An authority's directory", .enabled(if: Tools.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct AuthorityDirectoryTests {
  let tpm: SoftwareTPM
  let device: TPMDevice
  let directory: TemporaryDirectory
  let authority: AuthorityDirectory
  /// swtpm makes its certificates with the machine's clock.
  let at: Int64

  init() throws {
    tpm = try SoftwareTPM.twin()
    device = try TPMDevice(tcti: tpm.tcti)
    directory = try TemporaryDirectory()
    authority = AuthorityDirectory(directory.file("authority"))
    at = Int64(Date().timeIntervalSince1970 * 1000)
    _ = try authority.make(name: "Kept", at: at, validity: 30 * day, roots: try Certificate.all(pem: tpm.root))
  }

  private func request() async throws -> EnrolmentRequest {
    let endorsement = try await device.endorsementKey()
    return EnrolmentRequest(
      name: "box", endorsementKey: endorsement.publicArea,
      endorsementCertificates: [try Certificate(der: try #require(endorsement.certificate))]
        + (try Certificate.all(pem: tpm.issuer)),
      attestationKey: try await device.attestationKey().publicArea)
  }

  /// A challenge that the directory keeps.
  private func pending(in directory: AuthorityDirectory? = nil, at time: Int64? = nil) async throws -> PendingEnrolment
  {
    let directory = directory ?? authority
    let pending = try directory.load().challenge(
      try await request(), roots: try directory.roots(), at: at)
    let kept =
      time.map {
        PendingEnrolment(
          id: pending.id, request: pending.request, challenge: pending.challenge, answer: pending.answer, until: $0)
      } ?? pending
    try directory.keep(kept, at: at)
    return kept
  }

  private func answer(_ pending: PendingEnrolment) async throws -> EnrolmentAnswer {
    let message = try EnrolmentChallenge(json: pending.message.json)
    return EnrolmentAnswer(
      id: message.id,
      secret: try await device.activate(
        credential: message.credential, encryptedSecret: message.encryptedSecret, endorsement: message.endorsement))
  }

  private func issued() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: authority.path + "/issued")
  }

  @Test("A challenge that was kept is answered once; a wrong answer does not use it up")
  func once() async throws {
    let pending = try await pending()
    let right = try await answer(pending)
    var wrong = right.secret
    wrong[0] ^= 1
    #expect(throws: AuthorityDirectory.Failure.authority(.wrongAnswer)) {
      try authority.certify(EnrolmentAnswer(id: right.id, secret: wrong), at: at, validity: day)
    }
    #expect(try issued().isEmpty)
    let certificate = try authority.certify(right, at: at, validity: day)
    #expect(certificate.publicKey.spkiDER == pending.request.attestationKey.key.spkiDER)
    #expect(try issued() == ["\(Hex.encode(certificate.serialNumber)).pem"])
    #expect(throws: AuthorityDirectory.Failure.notPending(id: right.id)) {
      try authority.certify(right, at: at, validity: day)
    }
    #expect(try issued().count == 1)
  }

  @Test("A late answer, and the answer to another authority's challenge, are refused")
  func lateAndForeign() async throws {
    let late = try await pending(at: at + 1)
    let answer = try await answer(late)
    #expect(throws: AuthorityDirectory.Failure.authority(.late(until: at + 1, at: at + 2))) {
      try authority.certify(answer, at: at + 2, validity: day)
    }
    let other = AuthorityDirectory(directory.file("other"))
    _ = try other.make(name: "Other", at: at, validity: day, roots: try authority.roots())
    #expect(throws: AuthorityDirectory.Failure.notPending(id: answer.id)) {
      try other.certify(answer, at: at, validity: day)
    }
    #expect(try issued().isEmpty)
  }

  @Test("What is too old goes, and no more challenges wait than may")
  func bounded() async throws {
    let old = try await pending(at: at - 1)
    let first = try await pending()
    #expect(throws: AuthorityDirectory.Failure.notPending(id: old.id)) { try authority.pending(old.id) }
    #expect(try authority.pending(first.id).message == first.message)
    for _ in 1..<AuthorityDirectory.Limits.pending {
      try authority.keep(
        PendingEnrolment(
          id: SecureRandom.bytes(16), request: first.request, challenge: first.challenge, answer: first.answer,
          until: first.until), at: at)
    }
    await #expect(throws: AuthorityDirectory.Failure.full(limit: AuthorityDirectory.Limits.pending)) {
      _ = try await pending()
    }
  }

  @Test("What an authority keeps does not hold the answer")
  func nothingSecret() async throws {
    let pending = try await pending()
    let answer = try await answer(pending)
    let kept = try directory.read("authority/pending/\(Hex.encode(pending.id)).json")
    #expect(!String(decoding: kept, as: UTF8.self).contains(Hex.encode(answer.secret)))
    #expect(!String(decoding: kept, as: UTF8.self).contains(Base64.encode(answer.secret)))
    #expect(SHA256.hash(answer.secret) == pending.answer)
  }

  @Test("Requests, challenges and answers are read as they were written, and nothing else is")
  func messages() async throws {
    let request = try await request()
    let pending = try await pending()
    let answer = try await answer(pending)
    #expect(try EnrolmentRequest(json: request.json).json == request.json)
    #expect(try EnrolmentChallenge(json: pending.message.json) == pending.message)
    #expect(try EnrolmentAnswer(json: answer.json) == answer)
    let documents: [(JSON, @Sendable (JSON) throws -> Void)] = [
      (request.json, { _ = try EnrolmentRequest(json: $0) }),
      (pending.message.json, { _ = try EnrolmentChallenge(json: $0) }),
      (answer.json, { _ = try EnrolmentAnswer(json: $0) }),
    ]
    for (json, read) in documents {
      let object = try #require(json.object)
      for name in object.keys {
        for value: JSON? in [nil, .null, [:], "\u{1F511}", .integer(-1)] {
          var changed = object
          changed[name] = value
          let error = #expect(throws: FieldError.self) { try read(.object(changed)) }
          #expect(error?.field.hasPrefix(name) == true)
        }
      }
      var more = object
      more["more"] = true
      #expect(throws: FieldError.self) { try read(.object(more)) }
    }
  }
}
