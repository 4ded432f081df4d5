import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import Attestation

/// Documents of real enclaves and instances behave as it is known of them.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct NitroVectorTests {
  @Test func genuineEnclavesAreAccepted() throws {
    for (name, at) in [
      (NitroVectors.production, NitroVectors.productionTime), (NitroVectors.withUserData, NitroVectors.userDataTime),
    ] {
      let evidence = NitroEvidence(document: try NitroVectors.document(name + "doc.cose"))
      let report = try NitroPolicies.appraise(evidence, NitroPolicies.enclave, at: at)
      #expect(report.verdict == .accepted, "\(name): \(report.failures)")
      #expect(report.claims?.assurance == .hardware(vendor: "AWS"))
      #expect(report.claims?.registers == evidence.unverifiedRegisters)
      #expect(report.claims?.registers.count == 16)
      #expect(report.checks.contains { $0.id == .nitroRevocation && $0.outcome.name == "not-performed" })
    }
  }

  @Test func debugModeIsRefusedUnlessThePolicySaysAny() throws {
    let evidence = NitroEvidence(document: try NitroVectors.document(NitroVectors.withUserData + "doc-debug.cose"))
    let report = try NitroPolicies.appraise(evidence, NitroPolicies.enclave, at: NitroVectors.debugTime)
    #expect(report.failures.map(\.id) == [.nitroDebug])
    let any = try NitroPolicies.appraise(
      evidence, NitroPolicies.enclave("debug", "any"), at: NitroVectors.debugTime)
    #expect(any.verdict == .accepted)
  }

  @Test func anEnclaveThatWasNotAskedIsRefused() throws {
    let evidence = NitroEvidence(document: try NitroVectors.document(NitroVectors.production + "doc.cose"))
    for binding in [Binding.bytes(NitroVectors.nonce), .bytes([0, 1]), .bytes([])] {
      let report = try NitroPolicies.appraise(
        evidence, NitroPolicies.enclave, at: NitroVectors.productionTime, binding: binding)
      #expect(report.failures.map(\.id) == [.nitroBinding])
    }
  }

  @Test func paddedUserDataCarriesTheBinding() throws {
    let evidence = NitroEvidence(document: try NitroVectors.document(NitroVectors.withUserData + "doc.cose"))
    let binding = Binding.bytes(NitroVectors.emptyDigest)
    for (fields, failures) in [
      ("any", []), (["user-data"], []), (["nonce", "public-key"], [CheckID.nitroField]),
    ] as [(JSON, [CheckID])] {
      let report = try NitroPolicies.appraise(
        evidence, NitroPolicies.enclave("binding", fields), at: NitroVectors.userDataTime, binding: binding)
      #expect(report.failures.map(\.id) == failures)
    }
  }

  @Test func certificatesEnd() throws {
    let evidence = NitroEvidence(document: try NitroVectors.document(NitroVectors.production + "doc.cose"))
    let report = try NitroPolicies.appraise(evidence, NitroPolicies.enclave, at: NitroVectors.productionTime)
    let deadline = try #require(report.deadline)
    #expect(deadline == 1_766_679_337_000, "16:15:37 of that day")
    #expect(try NitroPolicies.appraise(evidence, NitroPolicies.enclave, at: deadline).verdict == .accepted)
    let late = try NitroPolicies.appraise(evidence, NitroPolicies.enclave, at: deadline + 1)
    #expect(late.failures.map(\.id).contains(.nitroChain))
  }

  @Test func rawFormsAreRecognised() throws {
    let document = try NitroVectors.document(NitroVectors.production + "doc.cose")
    let envelope = try NitroVectors.document(NitroVectors.production + "nitro_attestation.bin")
    let hex = Hex.encode(document)
    for form in [
      document, envelope, Array(hex.utf8), Array((Base64.encode(document) + "\n").utf8), [0xD2] + document,
      Array("{\"attestation\":\"\(Hex.encode(envelope))\"}".utf8), Array("{\"document\":\"\(hex)\"}".utf8),
    ] {
      let evidence = try Evidence(reading: RawEvidence(bytes: form))
      #expect(evidence.kind == .nitroEnclave)
      let policy = try AppraisalPolicy(json: SNPPolicies.appraisal("nitro-enclave", NitroPolicies.enclave))
      #expect(
        evidence.appraised(by: policy, binding: .any, at: NitroVectors.productionTime).verdict == .accepted)
      #expect(try Evidence(json: evidence.json).digest == evidence.digest)
    }
    for name in ["nitro_attestation.bin", "nitro_attestation_dbg.bin"] {
      let envelope = try NitroVectors.document(NitroVectors.withUserData + name)
      #expect(try Evidence(reading: RawEvidence(bytes: envelope)).kind == .nitroEnclave)
    }
  }

  @Test func instanceAndQuoteAreAccepted() throws {
    let evidence = try NitroVectors.instanceEvidence()
    let report = try NitroPolicies.appraise(
      evidence, NitroPolicies.instance, at: NitroVectors.instanceTime, binding: .bytes(NitroVectors.nonce))
    #expect(report.verdict == .accepted, "\(report.failures)")
    #expect(report.claims?.assurance == .hardware(vendor: "AWS"))
    #expect(report.claims?.registers.count == 24)
    #expect(report.claims?.registers["sha384.pcr0"]?.starts(with: [0x6E, 0x90]) ?? false)
    #expect(report.deadline == 1_770_124_322_000)
  }

  @Test func filesBesideEachOtherAreOneEvidence() throws {
    let files = try ["doc.cose", "tpm-quote.attest", "tpm-quote.ecdsa-der"].map {
      (name: $0, bytes: try NitroVectors.document(NitroVectors.instance + $0))
    }
    for order in [files, [files[1], files[2], files[0]]] {
      let evidence = try Evidence(
        reading: RawEvidence(bytes: order[0].bytes, attachments: Array(order.dropFirst())))
      #expect(evidence.kind == .nitroTPM)
      let policy = try AppraisalPolicy(json: SNPPolicies.appraisal("nitrotpm", NitroPolicies.instance))
      let report = evidence.appraised(
        by: policy, binding: .bytes(NitroVectors.nonce), at: NitroVectors.instanceTime)
      #expect(report.verdict == .accepted, "\(report.failures)")
    }
    #expect(throws: FieldError.self, "a document without its quote") {
      try Evidence(reading: RawEvidence(bytes: files[0].bytes))
    }
  }

  /// The same root vouches for both, so the kind must not be taken from what the sender calls it.
  @Test func noKindPassesForTheOther() throws {
    let instance = try NitroVectors.instanceEvidence()
    let asEnclave = try NitroPolicies.appraise(
      NitroEvidence(document: instance.document), NitroPolicies.enclave, at: NitroVectors.instanceTime)
    #expect(asEnclave.failures.map(\.id) == [.nitroDocument])
    var enclave = instance
    enclave.document = try NitroVectors.document(NitroVectors.production + "doc.cose")
    let asInstance = try NitroPolicies.appraise(enclave, NitroPolicies.instance, at: NitroVectors.productionTime)
    #expect(asInstance.failures.map(\.id) == [.nitroDocument])
  }

  @Test func otherRootsCountForNothing() throws {
    let evidence = NitroEvidence(document: try NitroVectors.document(NitroVectors.production + "doc.cose"))
    let policy = try AppraisalPolicy(json: SNPPolicies.appraisal("nitro-enclave", NitroPolicies.enclave))
    let report = Evidence(evidence).appraised(
      by: policy, binding: .any, at: NitroVectors.productionTime, anchors: TrustAnchors())
    #expect(report.failures.map(\.id) == [.nitroChain])
    #expect(report.claims == nil)
  }
}
