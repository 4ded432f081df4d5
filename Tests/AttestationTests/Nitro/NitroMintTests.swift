import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// Documents that no vector shows: other members, other signers, other messages, and each demand of the policies.
@Suite struct NitroMintTests {
  static let nonce = [UInt8](repeating: 0xA5, count: 32)
  static let at = NitroMint.timestamp + 5_000

  struct Item {
    var name: String
    var evidence: any EvidenceFormat
    var policy: JSONObject
    var binding: Binding = .bytes(NitroMintTests.nonce)
    var at = NitroMintTests.at
    /// Failed checks; none where it is accepted.
    var failures: [CheckID] = []
  }

  static func document(
    _ name: String, _ mint: NitroMint, _ failures: [CheckID],
    message: (inout NitroMint.Message) -> Void = { _ in }, change: (inout NitroMint.Document) -> Void = { _ in }
  ) throws -> Item {
    var document = mint.enclave(nonce: nonce)
    change(&document)
    let bytes = try mint.sign(document, change: message)
    return Item(
      name: name, evidence: NitroEvidence(document: bytes), policy: NitroPolicies.enclave, failures: failures)
  }

  /// Messages that are validly signed and yet not what the format allows.
  static func messages(_ mint: NitroMint) throws -> [Item] {
    let es256: [UInt8] = [0xA1, 0x01, 0x26]
    let padded: [UInt8] = [0xA1, 0x01, 0x39, 0x00, 0x22]
    return [
      try document("plain", mint, []), try document("tagged", mint, [], message: { $0.tag = 18 }),
      try document("a map with its size", mint, [], change: { $0.isIndefinite = false }),
      try document("tag of COSE_Sign", mint, [.nitroEnvelope], message: { $0.tag = 98 }),
      try document("ES256", mint, [.nitroEnvelope], message: { $0.protectedHeader = es256 }),
      try document("a longer ES384", mint, [.nitroEnvelope], message: { $0.protectedHeader = padded }),
      try document(
        "a header that nobody signs", mint, [.nitroEnvelope],
        message: { $0.unprotected = .map([CBORItem.Pair(.unsigned(4), .bytes([1]))]) }),
      try document("external data", mint, [.nitroSignature], message: { $0.externalData = [1] }),
    ]
  }

  /// Members outside their limits.
  static func members(_ mint: NitroMint) throws -> [Item] {
    let zeros = { (count: Int) in CBORItem.bytes([UInt8](repeating: 0, count: count)) }
    let register = { (index: UInt64, count: Int) in CBORItem.map([CBORItem.Pair(.unsigned(index), zeros(count))]) }
    let changes: [(String, CBORItem?, CheckID)] = [
      ("module_id", nil, .nitroDocument), ("module_id", .text(""), .nitroDocument),
      ("digest", .text("SHA256"), .nitroDocument), ("digest", nil, .nitroDocument),
      ("timestamp", .unsigned(0), .nitroDocument), ("timestamp", .unsigned(.max), .nitroDocument),
      ("timestamp", .text("1"), .nitroDocument), ("timestamp", .unsigned(1_600_000_000_000), .nitroTimestamp),
      ("timestamp", .unsigned(UInt64(at) + 60_001), .nitroTimestamp),
      ("pcrs", nil, .nitroDocument), ("pcrs", .map([]), .nitroDocument), ("pcrs", register(32, 48), .nitroDocument),
      ("pcrs", register(0, 47), .nitroDocument), ("nitrotpm_pcrs", register(0, 48), .nitroDocument),
      ("certificate", nil, .nitroDocument), ("certificate", zeros(1025), .nitroDocument),
      ("certificate", zeros(9), .nitroCertificate), ("cabundle", .array([]), .nitroDocument),
      ("cabundle", nil, .nitroDocument), ("cabundle", .array([zeros(0)]), .nitroDocument),
      ("cabundle", .array([zeros(9)]), .nitroCertificate),
      ("cabundle", .array([.bytes(mint.root.certificate.der)]), .nitroChain),
      ("public_key", zeros(0), .nitroDocument), ("public_key", zeros(1025), .nitroDocument),
      ("user_data", zeros(513), .nitroDocument), ("nonce", zeros(513), .nitroDocument),
      ("nonce", .null, .nitroBinding), ("nonce", nil, .nitroBinding), ("nonce", .bytes([]), .nitroBinding),
      ("nonce", .bytes(nonce + [0]), .nitroBinding), ("nonce", .bytes(nonce.dropLast()), .nitroBinding),
    ]
    var items: [Item] = []
    for (name, value, id) in changes {
      let title = "\(name) \(value?.summary ?? "absent")"
      items.append(try document(title, mint, [id], change: { $0[name] = value }))
    }
    items.append(
      try document(
        "a name twice", mint, [.nitroDocument], change: { $0.members.append((name: "digest", value: .text("SHA384"))) })
    )
    items.append(try document("a further member", mint, [], change: { $0["later"] = .bool(true) }))
    // Unicode calls them equivalent; CBOR compares bytes.
    items.append(
      try document(
        "a composed name and its parts", mint, [],
        change: { $0.members += ["\u{E9}", "e\u{301}"].map { (name: $0, value: .null) } }))
    items.append(
      try document(
        "a nonce filled to 64 bytes", mint, [.nitroBinding],
        change: { $0["nonce"] = .bytes(nonce + [UInt8](repeating: 0, count: 32)) }))
    // User data of 64 bytes is report data, which zeros fill; of any other size it is what was asked for, to the byte.
    for (count, failures) in [(32, []), (64, []), (33, [.nitroBinding]), (63, [.nitroBinding])] as [(Int, [CheckID])] {
      items.append(
        try document(
          "\(count) bytes of user data", mint, failures,
          change: {
            $0["nonce"] = .null
            $0["user_data"] = .bytes(nonce + [UInt8](repeating: 0, count: count - 32))
          }))
    }
    return items
  }

  /// Certificates that vouch for nothing.
  static func signers(_ mint: NitroMint) throws -> [Item] {
    var small = mint
    small.leaf = try mint.authority.leaf("P-256", publicKey: MintKeys.p256.publicKey)
    var ended = mint
    ended.leaf = try mint.authority.leaf("ended", publicKey: .p384(mint.key.publicKey), notAfter: at - at % 1000 - 1000)
    var authority = mint
    authority.leaf = try mint.authority.leaf("authority", publicKey: .p384(mint.key.publicKey), usage: .keyCertSign)
    var deep = mint
    deep.leaf = try mint.authority.authority("below path length", key: .p384(mint.key)).leaf(
      "deep", publicKey: .p384(mint.key.publicKey))
    var stranger = mint
    stranger.key = .generate()
    return [
      try document("a leaf of P-256", small, [.nitroCertificate]),
      try document("an ended leaf", ended, [.nitroChain]),
      try document("a leaf that signs certificates only", authority, [.nitroChain]),
      try document("an issuer that is not there", deep, [.nitroChain]),
      try document("another key", stranger, [.nitroSignature]),
    ]
  }

  static func policies(_ mint: NitroMint) throws -> [Item] {
    let evidence = NitroEvidence(document: try mint.sign(mint.enclave(nonce: nonce)))
    let value = Hex.encode([UInt8](repeating: 1, count: 48))
    let other = Hex.encode([UInt8](repeating: 9, count: 48))
    let demands: [(String, JSON, [CheckID])] = [
      ("binding", ["nonce"], []), ("binding", ["user-data"], [.nitroField]),
      ("maximumAge", 5, []), ("maximumAge", 4, [.nitroAge]),
      ("instances", ["i-0123456789abcdef0"], []), ("instances", ["i-0123456789abcdef"], [.nitroInstance]),
      ("registers", ["image": [.string(value)]], []), ("registers", ["pcr0": [.string(other), .string(value)]], []),
      ("registers", ["image": [.string(other)]], [.nitroRegisters]), ("registers", ["signer": "any"], []),
      ("registers", ["pcr16": "any"], [.nitroRegisters]),
    ]
    var items = demands.map { name, value, failures in
      Item(
        name: "\(name) \(value)", evidence: evidence, policy: NitroPolicies.enclave(name, value), failures: failures)
    }
    for zeros in [[0], [0, 1], [0, 1, 2]] {
      var document = mint.enclave(nonce: nonce)
      guard case .map(let pairs)? = document["pcrs"] else { continue }
      document["pcrs"] = .map(
        pairs.enumerated().map {
          zeros.contains($0.offset)
            ? CBORItem.Pair($0.element.key, .bytes([UInt8](repeating: 0, count: 48))) : $0.element
        })
      let debug = NitroEvidence(document: try mint.sign(document))
      let failures: [CheckID] = zeros.count == 3 ? [.nitroDebug] : []
      items.append(
        Item(name: "zeros in \(zeros)", evidence: debug, policy: NitroPolicies.enclave, failures: failures))
      items.append(
        Item(name: "zeros in \(zeros), any", evidence: debug, policy: NitroPolicies.enclave("debug", "any")))
    }
    return items
  }

  /// What can be made of document and quote of one instance, to be changed.
  struct Instance {
    var tpm = TPMMint.p256()
    var pcrs = NitroMint.pcrs
    var logs = MeasurementLogs()
    var policy = NitroPolicies.instance
    /// Members of the document to set.
    var members: [(String, CBORItem)] = []
    var extraData: [UInt8]?
    var safe: UInt8 = 1
    var key: [UInt8]?
    var binding = Binding.bytes(NitroMintTests.nonce)

    func item(_ name: String, _ failures: [CheckID], by mint: NitroMint) throws -> Item {
      var evidence = try mint.instanceEvidence(
        tpm, nonce: NitroMintTests.nonce, pcrs: pcrs, logs: logs,
        document: { document in for (name, value) in members { document[name] = value } },
        quote: { quote in
          quote.extraData = extraData ?? quote.extraData
          quote.safe = safe
        })
      evidence.key = key
      return Item(
        name: "instance: \(name)", evidence: evidence, policy: policy, binding: binding, failures: failures)
    }
  }

  static func instances(_ mint: NitroMint) throws -> [Item] {
    var loose = TPMMint.p256()
    loose.attributes = 0x0004_0072
    let area = try TPMMint.p256().area()
    let other = try TPMMint.p256(.generate()).area()
    let point = MintKeys.machineP256.publicKey.x963
    let bare = MintKeys.machineP256.publicKey.spkiDER
    let event = try RuntimeEvent(kind: .tool, name: "t", digest: SHA256.hash([1]))
    let log = try RuntimeLog([event])
    var measured = NitroMint.pcrs
    measured[14] = log.replay(from: measured[14], algorithm: .sha384)
    let code: JSON = ["code": [.string(event.digest.hex)], "locked": "any"]
    let noCode: JSON = ["code": [], "locked": "any"]
    let pairs = NitroMint.pcrs.enumerated().map { CBORItem.Pair(.unsigned(UInt64($0.offset)), .bytes($0.element)) }
    var changed = pairs
    changed[4] = CBORItem.Pair(.unsigned(4), .bytes([UInt8](repeating: 0xEE, count: 48)))

    var items: [Item] = []
    func add(_ name: String, _ failures: [CheckID], _ instance: Instance) throws {
      items.append(try instance.item(name, failures, by: mint))
    }
    try add("plain", [], Instance())
    try add("RSA", [], Instance(tpm: try .rsa()))
    try add("a bare point", [], Instance(members: [("public_key", .bytes(point))]))
    try add("a bare key", [], Instance(members: [("public_key", .bytes(bare))]))
    try add("the key again", [], Instance(key: point))
    try add("the document's own area again", [], Instance(key: area))
    try add(
      "attributes that only the sender states", [.nitroTPMKey],
      Instance(members: [("public_key", .bytes(point))], key: area))
    try add("not restricted", [.tpmKeyAttributes], Instance(tpm: loose))
    try add("no key", [.nitroTPMKey], Instance(members: [("public_key", .null)]))
    try add("no such key", [.nitroTPMKey], Instance(members: [("public_key", .bytes([1, 2, 3]))]))
    try add("the sender's other key", [.nitroTPMKey], Instance(key: other))
    try add("the document's other key", [.tpmSignature], Instance(members: [("public_key", .bytes(other))]))
    try add("another nonce in the quote", [.nitroTPMNonce, .tpmNonce], Instance(extraData: [7]))
    try add(
      "another nonce in the document", [.nitroBinding, .nitroTPMNonce], Instance(members: [("nonce", .bytes([7]))]))
    try add("no nonce in the document", [.nitroBinding, .nitroTPMNonce], Instance(members: [("nonce", .null)]))
    try add(
      "an empty nonce in both", [.nitroTPMNonce],
      Instance(members: [("nonce", .bytes([]))], extraData: [], binding: .any))
    try add(
      "a register less in the document", [.nitroTPMRegisters],
      Instance(members: [("nitrotpm_pcrs", .map(pairs.dropLast()))]))
    try add(
      "another register in the document", [.nitroTPMRegisters], Instance(members: [("nitrotpm_pcrs", .map(changed))]))
    try add(
      "accepted code", [],
      Instance(
        pcrs: measured, logs: MeasurementLogs(runtime: log), policy: NitroPolicies.instance("runtime", code)))
    try add(
      "other code", [.runtimeCode],
      Instance(
        pcrs: measured, logs: MeasurementLogs(runtime: log), policy: NitroPolicies.instance("runtime", noCode)))
    try add("code that was not measured", [.runtimeReplay], Instance(logs: MeasurementLogs(runtime: log)))
    try add("bank", [.tpmPolicyBank], Instance(policy: NitroPolicies.instance("bank", "sha256")))
    try add("age", [.nitroAge], Instance(policy: NitroPolicies.instance("maximumAge", 4)))
    try add("instance", [.nitroInstance], Instance(policy: NitroPolicies.instance("instances", ["i-1"])))
    try add("clock", [.tpmClockSafe], Instance(policy: NitroPolicies.instance("clockSafe", true), safe: 0))
    return items
  }

  @Test func eachIsWhatItIs() throws {
    let mint = try NitroMint()
    let anchors = NitroPolicies.anchors(mint.root.certificate)
    let items =
      try Self.messages(mint) + Self.members(mint) + Self.signers(mint) + Self.policies(mint) + Self.instances(mint)
    var cases: [BrowserVerifier.Case] = []
    for item in items {
      let policy = SNPPolicies.appraisal(type(of: item.evidence).kind.rawValue, item.policy, anchors: anchors)
      let report = Evidence(item.evidence).appraised(
        by: try AppraisalPolicy(json: policy), binding: item.binding, at: item.at)
      #expect(report.failures.map(\.id) == item.failures, "\(item.name): \(report.failures)")
      #expect((report.verdict == .accepted) == item.failures.isEmpty, "\(item.name)")
      cases.append(
        BrowserVerifier.Case(
          name: item.name, evidence: Evidence(item.evidence).json, policy: policy, at: item.at, binding: item.binding))
    }
    if BrowserVerifier.node != nil { try BrowserVerifier.expectAgreement(cases) }
  }

  /// An absent demand is an error that names it; so is one that cannot be.
  @Test func everyDemandIsWrittenOut() throws {
    for (kind, whole) in [("nitro-enclave", NitroPolicies.enclave), ("nitrotpm", NitroPolicies.instance)] {
      for (name, _) in whole {
        var policy = whole
        policy[name] = nil
        let error = #expect(throws: FieldError.self) {
          try AppraisalPolicy(json: SNPPolicies.appraisal(kind, policy))
        }
        #expect(error?.field == "platforms.\(kind).\(name)")
      }
      let policy = try AppraisalPolicy(json: SNPPolicies.appraisal(kind, whole))
      let read = try #require(policy.platforms[EvidenceKind(rawValue: kind) ?? .tpm])
      #expect(JSON.object(read.members) == JSON.object(whole))
    }
    for (name, value) in [
      ("debug", true), ("debug", "no"), ("binding", []), ("binding", ["pcr0"]), ("maximumAge", 0),
      ("maximumAge", 86_401), ("instances", [""]), ("registers", [:]), ("registers", ["pcr32": "any"]),
      ("registers", ["image": "any", "pcr0": "any"]), ("registers", ["image": ["00"]]), ("registers", ["image": []]),
      (
        "registers",
        ["image": .array([JSON](repeating: .string(Hex.encode([UInt8](repeating: 1, count: 48))), count: 65))]
      ),
    ] as [(String, JSON)] {
      #expect(throws: FieldError.self, "\(name) \(value)") {
        try AppraisalPolicy(json: SNPPolicies.appraisal("nitro-enclave", NitroPolicies.enclave(name, value)))
      }
    }
  }

  /// What stands around a document is not signed: it is found in each of the forms in which tools write it, and nowhere else.
  @Test func documentsAreFoundInTheirEnvelopes() throws {
    let mint = try NitroMint()
    let document = try mint.sign(mint.enclave(nonce: Self.nonce))
    let count = document.count << 2 | 1
    let scale: [UInt8] = [0, 1, UInt8(count & 0xFF), UInt8(count >> 8)]
    let text = JSON.string(Base64.encode(document))
    for bytes in [
      document, Array(Hex.encode(document).utf8), Array(Base64.encode(document).utf8), text.canonicalBytes(),
      JSON.object(["document": text]).canonicalBytes(), scale + document + [7, 7], [0xD2] + document,
    ] {
      let found = NitroEnvelope.document(in: bytes)
      #expect(found == document || found == [0xD2] + document)
    }
    let others: [[UInt8]] = [
      [0, 8] + scale.dropFirst(2) + document, [0, 1, scale[2] & 0xFC, scale[3]] + document,
      [1] + scale.dropFirst() + document,
      scale + document.dropLast(), scale + [0x85] + document.dropFirst(), [0x83] + document.dropFirst(),
      JSON.object(["other": text]).canonicalBytes(), [],
    ]
    for bytes in others { #expect(NitroEnvelope.document(in: bytes) == nil) }
    let instance = try mint.instanceEvidence(.p256(), nonce: Self.nonce)
    #expect(try NitroEvidence.recognise(RawEvidence(bytes: instance.document)) == nil, "an instance is no enclave")
    #expect(try NitroEvidence.recognise(RawEvidence(bytes: document))?.document == document)
  }

  /// The document knows bank SHA-384 alone: what the quote says of another bank is vouched for by nobody but the quote's key.
  @Test func registersOfOtherBanksAreRefused() throws {
    let mint = try NitroMint()
    var evidence = try mint.instanceEvidence(.p256(), nonce: Self.nonce)
    let other = try PCRBank(algorithm: .sha256, values: [4: [UInt8](repeating: 4, count: 32)])
    for banks in [[other] + evidence.pcrs, [other]] {
      let quoted = try TPMMint.p256().evidence(banks, extraData: Self.nonce)
      (evidence.quote, evidence.signature, evidence.pcrs) = (quoted.quote, quoted.signature, banks)
      let policy = SNPPolicies.appraisal(
        "nitrotpm", NitroPolicies.instance, anchors: NitroPolicies.anchors(mint.root.certificate))
      let report = Evidence(evidence).appraised(
        by: try AppraisalPolicy(json: policy), binding: .bytes(Self.nonce), at: Self.at)
      #expect(report.failures.map(\.id) == [.nitroTPMRegisters])
    }
  }

  @Test func documentAndQuoteAreOneEach() throws {
    let both: JSON = ["attestation": ["nitro": ["document": "00"], "tpm": ["a": [:], "b": [:]]]]
    let error = #expect(throws: FieldError.self) {
      try NitroTPMEvidence.recognise(RawEvidence(bytes: both.canonicalBytes()))
    }
    #expect(error?.field == "attestation.tpm")
  }
}
