import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Models

@Suite struct OMSBundleTests {
  private static let key = P256.PrivateKey.generate()

  private func peer(_ question: JSON) throws -> JSON {
    let result = try Subprocess.run(
      PythonPeer.interpreter, ["-B", Vectors.packageRoot + "/Tests/Peers/model_signing.py"],
      input: question.canonicalBytes())
    try #require(result.status == 0, "\(result.errors)")
    return try JSON(parsing: result.output, limits: .document(maxBytes: 1 << 20))
  }

  private func signedDirectory() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    try Fixture.write(into: directory.path)
    _ = try peer([
      "do": "sign", "directory": .string(directory.path), "name": "tiny",
      "private": .string(Self.key.rawScalar.withUnsafeBytes { Hex.encode($0) }),
    ])
    return directory
  }

  /// A bundle of ours with one member of its statement altered, signed again.
  private func bundle(altering change: (inout JSONObject) -> Void) throws -> [UInt8] {
    var statement = try #require(OMSStatement(of: try Fixture.manifest()).json.object)
    change(&statement)
    return try wrapped(JSON.object(statement).canonicalBytes())
  }

  private func wrapped(_ payload: [UInt8]) throws -> [UInt8] {
    let envelope = try DSSEEnvelope(payload: payload, signedBy: Self.key)
    return JSON.object([
      "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope.json,
      "verificationMaterial": ["publicKey": ["hint": "x"]],
    ]).canonicalBytes()
  }

  @Test(.enabled(if: PythonPeer.isReady, PythonPeer.absence))
  func aBundleOfAnotherImplementationIsEvidence() throws {
    let directory = try signedDirectory()
    let built = try ManifestBuilder(Fixture.description()).build(
      directory: directory.path, key: Self.key.publicKey)
    #expect(built.manifest.files.map(\.path) == Fixture.contents.map(\.path).sorted())
    let appraisal = try #require(built.appraisal)
    #expect(appraisal.files == .passed("3 files with the digests of the manifest"))
    #expect(appraisal.signature == .passed("valid under the key that was given, over the statement"))
    #expect(appraisal.certificate == .notApplicable("the bundle names a key and no certificate"))
    #expect(appraisal.transparencyLog == .notApplicable("the bundle has no entry of a transparency log"))
    #expect(built.manifest.evidence == [appraisal.evidence])
    #expect(appraisal.evidence.sha256 == SHA256.hash(try directory.read("model.sig")))
    #expect(appraisal.evidence.key?.publicKey == Self.key.publicKey)
    // The bundle is kept beside a model and holds for the manifest that names it.
    let bundle = try OMSBundle(parsing: try directory.read("model.sig"))
    #expect(try bundle.appraise(built.manifest, key: Self.key.publicKey) == appraisal)
    #expect(bundle.statement.ignoredPaths == ["model.sig", ".git"])
  }

  @Test(.enabled(if: PythonPeer.isReady, PythonPeer.absence))
  func withoutAKeyTheSignatureIsNotCheckedAndThatIsSaid() throws {
    let directory = try signedDirectory()
    let built = try ManifestBuilder(Fixture.description()).build(directory: directory.path)
    #expect(
      built.appraisal?.signature == .notPerformed("no key was given: anybody may have made this bundle"))
    #expect(built.manifest.evidence.first?.key == nil)
  }

  @Test(.enabled(if: PythonPeer.isReady, PythonPeer.absence))
  func aBundleThatDoesNotHoldForTheDirectoryIsNoEvidence() throws {
    let cases: [(String, (String) throws -> Void, (OMSFault) -> Bool)] = [
      (
        "another content", { try Fixture.write([1], to: $0 + "/config.json") },
        { if case .digest("config.json", _, _) = $0 { true } else { false } }
      ),
      (
        "an unsigned file", { try Fixture.write([1], to: $0 + "/extra") }, { $0 == .uncovered(path: "extra") }
      ),
      (
        "a file too few", { #expect(unlink($0 + "/config.json") == 0) }, { $0 == .missing(path: "config.json") }
      ),
    ]
    for (name, spoil, isRight) in cases {
      let directory = try signedDirectory()
      try spoil(directory.path)
      let error = fault { () throws(ManifestBuildFault) in
        _ = try ManifestBuilder(Fixture.description()).build(directory: directory.path, key: Self.key.publicKey)
      }
      guard case .evidence(let fault)? = error else {
        return #expect(Bool(false), "\(name): \(String(describing: error))")
      }
      #expect(isRight(fault), "\(name): \(fault)")
    }
  }

  @Test(.enabled(if: PythonPeer.isReady, PythonPeer.absence))
  func anotherImplementationReadsWhatWeSign() throws {
    // Where the order of names and the order of path segments differ.
    let files = try ["a-b/c", "a/c", "a/b.d", "Z", "a.gguf"].map { try Fixture.file($0, Array($0.utf8)) }
    let manifest = try ModelManifest(Fixture.description(), files: files)
    let bundle = try OMSBundle(manifest, signedBy: Self.key)
    let statement = try peer([
      "do": "verify", "bundle": .string(String(decoding: bundle.bytes, as: UTF8.self)),
      "public": .string(PEM.encode(Self.key.publicKey.spkiDER, label: "PUBLIC KEY")),
    ])
    let names = statement["predicate"]?["resources"]?.array?.compactMap { $0["name"]?.string }
    #expect(names == ["Z", "a/b.d", "a/c", "a-b/c", "a.gguf"])
    #expect(statement["subject"]?.array?.first?["name"] == "tiny")
  }

  @Test func whatWeWriteReadsAsItself() throws {
    let manifest = try Fixture.manifest()
    let bundle = try OMSBundle(manifest, signedBy: Self.key)
    let read = try OMSBundle(parsing: bundle.bytes)
    #expect(read == bundle)
    #expect(try read.appraise(manifest, key: Self.key.publicKey).evidence.sha256 == bundle.digest)
    let statement = try OMSStatement(
      json: JSON(parsing: OMSStatement(of: manifest).payload, limits: .document(maxBytes: 65_536)))
    #expect(statement == OMSStatement(of: manifest))
  }

  @Test func anotherKeysSignatureIsRefused() throws {
    let manifest = try Fixture.manifest()
    let bundle = try OMSBundle(manifest, signedBy: Self.key)
    let stranger = P256.PrivateKey.generate().publicKey
    #expect(fault { () throws(OMSFault) in _ = try bundle.appraise(manifest, key: stranger) } == .signature)
  }

  @Test func aSignatureIsOverTheStatementAndItsType() throws {
    let manifest = try Fixture.manifest()
    let payload = OMSStatement(of: manifest).payload
    // Signatures over the payload alone, and over what an earlier draft signed, are not this one.
    for message in [payload, Array("DSSEV1 28 application/vnd.in-toto+json \(payload.count) ".utf8) + payload] {
      let envelope: JSON = [
        "payload": .string(Base64.encode(payload)), "payloadType": "application/vnd.in-toto+json",
        "signatures": [["sig": .string(Base64.encode(try Self.key.sign(message).der))]],
      ]
      let bytes = JSON.object([
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope,
        "verificationMaterial": ["publicKey": ["hint": ""]],
      ]).canonicalBytes()
      let bundle = try OMSBundle(parsing: bytes)
      #expect(fault { () throws(OMSFault) in _ = try bundle.appraise(manifest, key: Self.key.publicKey) } == .signature)
    }
  }

  @Test func everyAlteredByteOfTheStatementSpoilsTheSignature() throws {
    let manifest = try Fixture.manifest()
    let whole = try #require(try OMSBundle(manifest, signedBy: Self.key).json.object)
    let envelope = try #require(whole["dsseEnvelope"]?.object)
    let payload = OMSStatement(of: manifest).payload
    var accepted = 0
    for index in stride(from: 0, to: payload.count, by: 3) {
      var altered = payload
      altered[index] ^= 1
      var other = envelope
      other["payload"] = .string(Base64.encode(altered))
      var bundle = whole
      bundle["dsseEnvelope"] = .object(other)
      guard let read = try? OMSBundle(parsing: JSON.object(bundle).canonicalBytes()) else { continue }
      if (try? read.appraise(manifest, key: Self.key.publicKey)) != nil { accepted += 1 }
    }
    #expect(accepted == 0)
  }

  @Test func certificatesAndLogEntriesAreNamedAsUnchecked() throws {
    let manifest = try Fixture.manifest()
    let envelope = try DSSEEnvelope(payload: OMSStatement(of: manifest).payload, signedBy: Self.key)
    let bytes = JSON.object([
      "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope.json,
      "verificationMaterial": ["certificate": ["rawBytes": "AAAA"], "tlogEntries": [["logIndex": "1"]]],
    ]).canonicalBytes()
    let appraisal = try OMSBundle(parsing: bytes).appraise(manifest, key: nil)
    #expect(appraisal.certificate == .notPerformed("certificates are not verified here"))
    #expect(appraisal.transparencyLog == .notPerformed("the entries in the bundle are not verified here"))
  }

  @Test func statementsThatAreNotUnderstoodAreRefused() throws {
    func field(_ change: (inout JSONObject) -> Void) throws -> String? {
      let bytes = try bundle(altering: change)
      return fault { () throws(FieldError) in _ = try OMSBundle(parsing: bytes) }?.field
    }
    func predicate(_ change: (inout JSONObject) -> Void) throws -> String? {
      try field {
        var predicate = $0["predicate"]?.object ?? [:]
        change(&predicate)
        $0["predicate"] = .object(predicate)
      }
    }
    func resource(_ name: JSON, _ algorithm: JSON = "sha256") throws -> String? {
      let digest = JSON.string(SHA256.hash([1]).hex)
      return try predicate { $0["resources"] = [["name": name, "algorithm": algorithm, "digest": digest]] }
    }
    #expect(try field { _ in } == nil)
    #expect(try field { $0["_type"] = "https://in-toto.io/Statement/v0.1" } == "payload._type")
    #expect(try field { $0["predicateType"] = "https://slsa.dev/provenance/v1" } == "payload.predicateType")
    #expect(try field { $0["subject"] = [] } == "payload.subject")
    #expect(
      try field { $0["subject"] = [["name": "x", "digest": ["sha256": .string(SHA256.hash([9]).hex)]]] }
        == "payload.subject[0].digest.sha256")
    #expect(try field { $0["more"] = 1 } == "payload.more")
    #expect(try predicate { $0["resources"] = [] } == "payload.predicate.resources")
    #expect(
      try predicate { $0["serialization"] = ["method": "shards", "hash_type": "sha256"] }
        == "payload.predicate.serialization.method")
    #expect(
      try predicate { $0["serialization"] = ["method": "files", "hash_type": "blake3"] }
        == "payload.predicate.serialization.hash_type")
    #expect(try resource("a", "blake2b") == "payload.predicate.resources[0].algorithm")
    for name in ["../../etc/passwd", "/etc/passwd", "a/../b", ""] {
      #expect(try resource(.string(name)) == "payload.predicate.resources[0].name")
    }
    let digest = JSON.string(SHA256.hash([1]).hex)
    let one: JSON = ["name": "a", "algorithm": "sha256", "digest": digest]
    #expect(try predicate { $0["resources"] = [one, one] } == "payload.predicate.resources[1].name")
  }

  @Test func envelopesThatAreNotOneSignatureOverAStatementAreRefused() throws {
    let sound = try #require(try OMSBundle(try Fixture.manifest(), signedBy: Self.key).json.object)
    func field(_ change: (inout JSONObject) -> Void) throws -> String? {
      var bundle = sound
      change(&bundle)
      return fault { () throws(FieldError) in _ = try OMSBundle(parsing: JSON.object(bundle).canonicalBytes()) }?.field
    }
    func envelope(_ change: (inout JSONObject) -> Void) throws -> String? {
      try field {
        var envelope = $0["dsseEnvelope"]?.object ?? [:]
        change(&envelope)
        $0["dsseEnvelope"] = .object(envelope)
      }
    }
    #expect(try field { _ in } == nil)
    #expect(try field { $0["mediaType"] = "text/plain" } == "mediaType")
    #expect(try field { $0["verificationMaterial"] = [:] } == "verificationMaterial")
    #expect(try field { $0["dsseEnvelope"] = nil } == "dsseEnvelope")
    #expect(try field { $0["messageSignature"] = [:] } == "messageSignature")
    #expect(try envelope { $0["payloadType"] = "application/json" } == "dsseEnvelope.payloadType")
    #expect(try envelope { $0["payload"] = "e30" } == "dsseEnvelope.payload")
    #expect(try envelope { $0["payload"] = "e30=" } == "payload._type")
    #expect(try envelope { $0["signatures"] = [] } == "dsseEnvelope.signatures")
    #expect(try envelope { $0["signatures"] = [["sig": "AAAA"], ["sig": "AAAA"]] } == "dsseEnvelope.signatures")
    #expect(try envelope { $0["signatures"] = [["sig": "!"]] } == "dsseEnvelope.signatures[0].sig")
    #expect(throws: FieldError.self) { try OMSBundle(parsing: Array("[]".utf8)) }
  }
}

extension OMSBundle {
  fileprivate var json: JSON {
    get throws { try JSON(parsing: bytes, limits: .document(maxBytes: OMSBundle.maxBytes)) }
  }
}
