import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Attestation

/// Whatever is changed in genuine evidence, it is refused for the right reason, here and in the browser.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct NitroMutationTests {
  struct Mutation {
    var name: String
    var evidence: any EvidenceFormat
    var at: Int64
    var binding: Binding
    var expected: CheckID
  }

  static func flipped(_ bytes: [UInt8], at offset: Int, bit: UInt8 = 1) -> [UInt8] {
    var bytes = bytes
    bytes[offset] ^= bit
    return bytes
  }

  static func offset(of needle: [UInt8], in bytes: [UInt8]) throws -> Int {
    try #require((0...bytes.count - needle.count).first { bytes[$0..<$0 + needle.count].elementsEqual(needle) })
  }

  /// One bit in each field of a document, and what finds it.
  static func documentMutations(_ document: [UInt8]) throws -> [(String, [UInt8], CheckID)] {
    let read = try NitroDocument(COSESign1(document).payload)
    func at(_ needle: [UInt8], _ inside: Int = 0) throws -> Int { try offset(of: needle, in: document) + inside }
    var table: [(String, Int, CheckID)] = [
      ("array", 0, .nitroEnvelope), ("protected header", 1, .nitroEnvelope), ("algorithm", 5, .nitroEnvelope),
      ("unprotected header", 6, .nitroEnvelope), ("payload's head", 7, .nitroEnvelope), ("map", 10, .nitroDocument),
      ("module_id", try at(Array(read.moduleID.utf8), 3), .nitroSignature),
      ("digest", try at(Array("SHA384".utf8)), .nitroDocument),
      ("timestamp", try at(Array("timestamp".utf8), 17), .nitroSignature),
      ("a register", try at(read.pcrs[0] ?? [], 4), .nitroSignature),
      ("certificate's head", try at(read.certificate), .nitroCertificate),
      ("certificate's key", read.certificate.count / 2 + (try at(read.certificate)), .nitroSignature),
      ("certificate's signature", try at(read.certificate, read.certificate.count - 1), .nitroChain),
      ("signature r", document.count - 96, .nitroSignature), ("signature s", document.count - 1, .nitroSignature),
      ("signature's head", document.count - 98, .nitroEnvelope),
    ]
    for name in ["module_id", "digest", "timestamp", "certificate", "cabundle"] {
      table.append(("name of \(name)", try at(Array(name.utf8)), .nitroDocument))
    }
    for (index, authority) in read.authorities.enumerated() {
      // The root inside is not what is trusted: a change of it is found by the signature alone.
      table.append(
        ("authority \(index)", try at(authority, authority.count - 1), index == 0 ? .nitroSignature : .nitroChain))
    }
    for (name, value) in [("public_key", read.publicKey), ("user_data", read.userData), ("nonce", read.nonce)] {
      if let value {
        table.append((name, try at(Array(name.utf8)) + name.utf8.count + 2, .nitroSignature))
        _ = value
      }
    }
    return table.map { ($0.0, flipped(document, at: $0.1), $0.2) } + [
      ("cut by one", Array(document.dropLast()), .nitroEnvelope), ("one more", document + [0], .nitroEnvelope),
      ("nothing", [], .nitroEnvelope),
    ]
  }

  static func enclaves() throws -> [Mutation] {
    try [
      (NitroVectors.production, NitroVectors.productionTime, Binding.any),
      (NitroVectors.withUserData, NitroVectors.userDataTime, .bytes(NitroVectors.emptyDigest)),
    ].flatMap { name, at, binding in
      try documentMutations(try NitroVectors.document(name + "doc.cose")).map {
        Mutation(
          name: "\(name) \($0.0)", evidence: NitroEvidence(document: $0.1), at: at, binding: binding, expected: $0.2)
      }
    }
  }

  static func instances() throws -> [Mutation] {
    let genuine = try NitroVectors.instanceEvidence()
    func mutation(_ name: String, _ expected: CheckID, _ change: (inout NitroTPMEvidence) throws -> Void) throws
      -> Mutation
    {
      var evidence = genuine
      try change(&evidence)
      return Mutation(
        name: "instance: \(name)", evidence: evidence, at: NitroVectors.instanceTime,
        binding: .bytes(NitroVectors.nonce), expected: expected)
    }
    var mutations = try documentMutations(genuine.document).map { name, document, id in
      try mutation(name, id) { $0.document = document }
    }
    // TPMS_ATTEST: magic, type, signer, nonce, clock, counts, safe, firmware, selection, digest.
    for (offset, id) in [
      (0, CheckID.tpmQuote), (4, .tpmQuote), (7, .tpmQuote), (10, .tpmSignature), (45, .nitroTPMNonce),
      (80, .tpmSignature),
      (86, .tpmSignature), (90, .tpmSignature), (94, .tpmSignature), (100, .tpmSignature), (144, .tpmDigest),
    ] {
      mutations.append(try mutation("quote, byte \(offset)", id) { $0.quote = flipped($0.quote, at: offset) })
    }
    mutations.append(try mutation("quote cut by one", .tpmQuote) { $0.quote.removeLast() })
    mutations.append(try mutation("quote and one more", .tpmQuote) { $0.quote.append(0) })
    mutations.append(
      try mutation("signature's algorithm", .tpmSignature) { $0.signature = flipped($0.signature, at: 1) })
    mutations.append(try mutation("signature's end", .tpmSignature) { $0.signature[$0.signature.count - 1] ^= 1 })
    mutations.append(try mutation("signature and one more", .tpmSignature) { $0.signature.append(0) })
    mutations.append(
      try mutation("another key", .nitroTPMKey) { $0.key = [4] + P256.PrivateKey.generate().publicKey.x963.dropFirst() }
    )
    mutations.append(try mutation("no point", .nitroTPMKey) { $0.key = flipped($0.key ?? [], at: 64) })
    for index in [0, 7, 14, 23] {
      mutations.append(
        try mutation("register \(index)", .nitroTPMRegisters) {
          var values = $0.pcrs[0].values
          values[index]?[0] ^= 1
          $0.pcrs = [try PCRBank(algorithm: .sha384, values: values)]
        })
      mutations.append(
        try mutation("no register \(index)", .nitroTPMRegisters) {
          $0.pcrs = [try PCRBank(algorithm: .sha384, values: $0.pcrs[0].values.filter { $0.key != index })]
        })
    }
    mutations.append(
      try mutation("a bank that the document has not", .nitroTPMRegisters) {
        $0.pcrs.append(try PCRBank(algorithm: .sha256, values: [0: [UInt8](repeating: 0, count: 32)]))
      })
    return mutations
  }

  static func platform(_ evidence: any EvidenceFormat) -> JSONObject {
    evidence is NitroEvidence ? NitroPolicies.enclave : NitroPolicies.instance
  }

  static func policy(_ evidence: any EvidenceFormat) -> JSON {
    SNPPolicies.appraisal(type(of: evidence).kind.rawValue, platform(evidence))
  }

  @Test func everyChangeIsRefusedForItsReason() throws {
    for mutation in try Self.enclaves() + Self.instances() {
      let report = Evidence(mutation.evidence).appraised(
        by: try AppraisalPolicy(json: Self.policy(mutation.evidence)), binding: mutation.binding, at: mutation.at)
      #expect(report.verdict == .rejected, "\(mutation.name)")
      #expect(
        report.failures.map(\.id).contains(mutation.expected), "\(mutation.name): \(report.failures.map(\.id.name))")
      #expect(report.claims == nil, "\(mutation.name)")
    }
  }

  /// One bit in every 13th byte, beginning elsewhere in each document.
  @Test func noByteOfADocumentIsFree() throws {
    let document = try NitroVectors.document(NitroVectors.production + "doc.cose")
    for offset in stride(from: 5, to: document.count, by: 13) {
      let evidence = NitroEvidence(document: Self.flipped(document, at: offset, bit: 1 << UInt8(offset % 8)))
      let report = try NitroPolicies.appraise(evidence, NitroPolicies.enclave, at: NitroVectors.productionTime)
      #expect(report.verdict == .rejected, "byte \(offset)")
    }
  }

  /// The envelope's own statements are not signed: they must not contradict what is.
  @Test func vaportpmSaysOneThing() throws {
    let text = String(decoding: try Vectors.bytes(NitroVectors.instance + "test-nitro-fixture.json"), as: UTF8.self)
    let policy = try AppraisalPolicy(json: SNPPolicies.appraisal("nitrotpm", NitroPolicies.instance))
    func isAccepted(_ text: String) -> Bool {
      guard let evidence = try? Evidence(reading: RawEvidence(bytes: Array(text.utf8))) else { return false }
      return evidence.appraised(by: policy, binding: .any, at: NitroVectors.instanceTime).verdict == .accepted
    }
    #expect(isAccepted(text))
    for (old, new) in [
      ("\"nonce\": \"2", "\"nonce\": \"3"), ("\"x\": \"7", "\"x\": \"6"), ("\"0\": \"6", "\"0\": \"7"),
      ("\"nonce\"", "\"other\""), ("\"ak_pubkeys\"", "\"other\""), ("\"pcrs\"", "\"other\""),
      ("\"attest_data\"", "\"other\""), ("\"signature\"", "\"other\""), ("\"document\"", "\"other\""),
    ] {
      let changed = text.replacingFirst(old, with: new)
      try #require(changed != text, "\(old) is not there")
      #expect(!isAccepted(changed), "\(old)")
    }
  }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func theBrowserAgrees() throws {
    let debug = NitroEvidence(document: try NitroVectors.document(NitroVectors.withUserData + "doc-debug.cose"))
    let whole = [
      Mutation(
        name: "debug", evidence: debug, at: NitroVectors.debugTime, binding: .any, expected: .nitroDebug),
      Mutation(
        name: "instance", evidence: try NitroVectors.instanceEvidence(), at: NitroVectors.instanceTime,
        binding: .bytes(NitroVectors.nonce), expected: .nitroDebug),
    ]
    let genuine = try [
      (NitroVectors.production, NitroVectors.productionTime), (NitroVectors.withUserData, NitroVectors.userDataTime),
    ].flatMap { name, at in
      try [Binding.any, .bytes(NitroVectors.emptyDigest), .bytes([9])].map {
        Mutation(
          name: name, evidence: NitroEvidence(document: try NitroVectors.document(name + "doc.cose")), at: at,
          binding: $0, expected: .nitroDebug)
      }
    }
    let all = try whole + genuine + Self.enclaves() + Self.instances()
    try BrowserVerifier.expectAgreement(
      all.map {
        BrowserVerifier.Case(
          name: $0.name, evidence: Evidence($0.evidence).json, policy: Self.policy($0.evidence), at: $0.at,
          binding: $0.binding)
      })
  }
}

extension String {
  fileprivate func replacingFirst(_ old: String, with new: String) -> String {
    guard let range = range(of: old) else { return self }
    return replacingCharacters(in: range, with: new)
  }
}
