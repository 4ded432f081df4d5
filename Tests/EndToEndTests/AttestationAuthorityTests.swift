import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

/// An authority certifies the attestation key of a box's TPM, through files that are carried between the two, and whoever
/// trusts the authority accepts the box's evidence.
@Suite(.enabled(if: SoftwareTPM.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct AttestationAuthorityTests {
  /// One authority, and the files that go to and fro.
  struct Desk {
    let files: TemporaryDirectory
    var directory: String { files.file("authority") }

    init(trusting root: String) throws {
      files = try TemporaryDirectory()
      let made = try Safebox.run([
        "attest", "authority", "init", files.file("authority"), "--name", "Test authority", "--root",
        try files.write(Array(root.utf8), to: "root.pem"),
      ])
      #expect(made.output.contains("certificate:  \(directory)/certificate.pem"))
    }

    func request(_ tpm: SoftwareTPM, expecting status: Int32 = 0) throws -> String {
      let file = files.file("request")
      try Safebox.run(
        [
          "attest", "key", "request", "--tpm", tpm.tcti, "--name", "a.example", "--certificates",
          try files.write(Array(tpm.issuer.utf8), to: "issuer.pem"), "--out", file,
        ], expecting: status)
      return file
    }

    @discardableResult
    func challenge(_ request: String, expecting status: Int32 = 0) throws -> SpawnedProcess.Ending {
      try Safebox.run(
        ["attest", "authority", "challenge", directory, request, "--out", files.file("challenge")], expecting: status)
    }

    @discardableResult
    func activate(_ tpm: SoftwareTPM, expecting status: Int32 = 0) throws -> SpawnedProcess.Ending {
      try Safebox.run(
        ["attest", "key", "activate", files.file("challenge"), "--tpm", tpm.tcti, "--out", files.file("answer")],
        expecting: status)
    }

    @discardableResult
    func certify(expecting status: Int32 = 0) throws -> SpawnedProcess.Ending {
      try Safebox.run(
        ["attest", "authority", "certify", directory, files.file("answer"), "--out", files.file("ak.pem")],
        expecting: status)
    }

    /// All four steps.
    ///
    /// - Returns: the certificate's file.
    func certificate(of tpm: SoftwareTPM) throws -> String {
      try challenge(try request(tpm))
      try activate(tpm)
      try certify()
      return files.file("ak.pem")
    }

    func anchor() throws -> JSON {
      try Safebox.run(["attest", "authority", "anchor", directory, "--assurance", "software"]).json
    }

    /// Replaces a member of one of the files.
    func alter(_ name: String, _ edit: (inout JSONObject) throws -> Void) throws {
      var object = try #require(
        try JSON(parsing: files.read(name), limits: .document(maxBytes: 1 << 20)).object)
      try edit(&object)
      try FileManager.default.removeItem(atPath: files.file(name))
      _ = try files.write(JSON.object(object).canonicalBytes(), to: name)
    }

    var nothingWasCertified: Bool {
      get throws {
        try !FileManager.default.fileExists(atPath: files.file("ak.pem"))
          && FileManager.default.contentsOfDirectory(atPath: directory + "/issued").isEmpty
      }
    }
  }

  private static let nonce = String(repeating: "5a", count: 32)

  private static func policy(_ anchors: [JSON]) -> JSON {
    [
      "format": "safebox-appraisal/v1", "name": "test", "assurance": "any", "anchors": .array(anchors),
      "releases": "any", "enrolled": [],
      "platforms": [
        "tpm": [
          "bank": "sha256", "registers": "any", "clockSafe": "any", "since": "any", "eventLog": "any",
          "runtime": ["code": "any", "locked": "any"],
        ]
      ],
    ]
  }

  @Test func whoTrustsTheAuthorityAcceptsTheBox() async throws {
    try await story {
      let tpm = try SoftwareTPM()
      let desk = try Desk(trusting: tpm.root)
      let certificate = try desk.certificate(of: tpm)
      let box = try TestBox(options: ["--tpm", tpm.tcti, "--certificates", certificate])
      let evidence = box.directory.file("evidence.json")
      try box.safebox("attest", "evidence", "--nonce", Self.nonce, "--out", evidence)
      func verify(_ anchors: [JSON], expecting status: Int32 = 0) throws -> SpawnedProcess.Ending {
        let policy = box.directory.file("policy.json")
        try Data(Self.policy(anchors).canonicalBytes()).write(to: URL(fileURLWithPath: policy))
        return try Safebox.run(
          ["attest", "verify", evidence, "--policy", policy, "--nonce", Self.nonce, "--at", "now", "--json"],
          expecting: status)
      }
      let report = try verify([try desk.anchor()]).json
      #expect(report["verdict"] == "accepted")
      #expect(report["assurance"] == ["type": "software", "by": "Test authority"])
      let trust = report["checks"]?.array?.first { $0["id"] == "tpm.ak-trust" }
      #expect(trust?["state"] == "passed")
      #expect(trust?["actual"]?.string?.contains("a.example") == true)
      // Without the authority, and with another of the same name, nobody vouches.
      for anchors in [[], [try Desk(trusting: tpm.root).anchor()]] {
        #expect(try verify(anchors, expecting: 5).errors.contains("tpm.ak-trust"))
      }
      try box.stop()
    }
  }

  @Test func nobodyElseIsCertified() async throws {
    try await story {
      let manufacturer = try TemporaryDirectory()
      let (tpm, other) = (
        try SoftwareTPM(manufacturer: manufacturer), try SoftwareTPM(manufacturer: manufacturer)
      )
      let desk = try Desk(trusting: tpm.root)

      // Another TPM, of the same maker: it says so itself, and does not open the challenge where the name is made to fit.
      try desk.challenge(try desk.request(tpm))
      #expect(try desk.activate(other, expecting: 5).errors.contains("for another attestation key"))
      let file = try desk.request(other)
      let name = try JSON(
        parsing: Data(contentsOf: URL(fileURLWithPath: file)).map { $0 }, limits: .document(maxBytes: 1 << 20))
      let area = try #require(name["ak"]?.string.flatMap { Base64.decode($0) })
      try desk.alter("challenge") { $0["ak"] = .string("000b" + SHA256.hash(area).hex) }
      #expect(try desk.activate(other, expecting: 5).errors.contains("does not open the challenge"))

      // A challenge that was changed on the way.
      for member in ["credential", "secret"] {
        try desk.challenge(try desk.request(tpm))
        try desk.alter("challenge") { challenge in
          var bytes = try #require(challenge[member]?.string.flatMap { Base64.decode($0) })
          bytes[bytes.count - 1] ^= 1
          challenge[member] = .string(Base64.encode(bytes))
        }
        #expect(try desk.activate(tpm, expecting: 5).errors.contains("does not open the challenge"))
      }

      // An answer that was changed, and one to a challenge of another name.
      try desk.challenge(try desk.request(tpm))
      try desk.activate(tpm)
      try desk.alter("answer") { $0["answer"] = .string(String(repeating: "5a", count: 32)) }
      #expect(try desk.certify(expecting: 5).errors.contains("the answer is wrong"))
      try desk.activate(tpm)
      try desk.alter("answer") { $0["id"] = .string(String(repeating: "5a", count: 16)) }
      #expect(try desk.certify(expecting: 5).errors.contains("answered before"))
      #expect(try desk.nothingWasCertified)

      // The right one, once.
      try desk.activate(tpm)
      try desk.certify()
      try FileManager.default.removeItem(atPath: desk.files.file("ak.pem"))
      #expect(try desk.certify(expecting: 5).errors.contains("answered before"))
      #expect(!FileManager.default.fileExists(atPath: desk.files.file("ak.pem")))
    }
  }

  @Test func aMakerThatNobodyTrustsVouchesForNothing() async throws {
    try await story {
      let (trusted, tpm) = (try SoftwareTPM(), try SoftwareTPM())
      let desk = try Desk(trusting: trusted.root)
      let request = try desk.request(tpm)
      #expect(try desk.challenge(request, expecting: 5).errors.contains("the endorsement key's certificate"))
      #expect(!FileManager.default.fileExists(atPath: desk.files.file("challenge")))
      // The certificate of another's endorsement key, with one's own.
      let good = try JSON(
        parsing: Array(Data(contentsOf: URL(fileURLWithPath: try desk.request(trusted)))),
        limits: .document(maxBytes: 1 << 20))
      _ = try desk.request(tpm)
      try desk.alter("request") { $0["ekCertificates"] = good["ekCertificates"] }
      #expect(try desk.challenge(request, expecting: 5).errors.contains("another endorsement key"))
      #expect(try desk.nothingWasCertified)
    }
  }
}
