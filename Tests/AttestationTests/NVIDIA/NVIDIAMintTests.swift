import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// Reports that no GPU signed: all is as it should be but one field, and that is signed too.
@Suite struct NVIDIAMintTests {
  static let nonce = [UInt8](repeating: 0x4E, count: 32)
  static let at = CertificateMint.notBefore + 1000
  static let firmware = [UInt8](repeating: 0xF1, count: 48)

  /// The fields of a report and of its certificate.
  struct Parts {
    var head: [UInt8] = [0x11, 0xE0, 0x01, 0xFF]
    var nonce = NVIDIAMintTests.nonce
    var slot: [UInt8] = [0]
    var answer: [UInt8] = [0x11, 0x60, 0, 0]
    /// Index and what stands in the block after its size.
    var blocks: [(index: UInt8, specification: UInt8, content: [UInt8])] = (1...3).map {
      ($0, 1, NVIDIAMintTests.measurement($0))
    }
    /// nil: as many as there are.
    var count: UInt8?
    var behindBlocks: [UInt8] = []
    var opaque: [(type: UInt16, value: [UInt8])] = [
      (3, Array("550.90.07\0".utf8)), (6, [0x01, 0x00, 0x9F, 0x96, 0x02, 0, 0, 0]), (20, NVIDIAMintTests.firmware),
    ]
    var behindSignature: [UInt8] = []
    /// Values of the certificate's TCG extension; nil leaves it out.
    var identity: [UInt8]? = NVIDIAMintTests.identity()
    var publicKey: CertificateKey = .p384(MintKeys.machineP384.publicKey)
    /// Beside the path.
    var strays: [Certificate] = []
  }

  static func measurement(_ index: UInt8, count: Int = 48, behind: [UInt8] = []) -> [UInt8] {
    [0] + little(count) + [UInt8](repeating: index, count: count) + behind
  }

  /// TCG DICE: the composite identity that names one hash of firmware.
  static func identity(
    version: UInt8 = 1, hash: OID = OID(2, 16, 840, 1, 101, 3, 4, 2, 2), digest: [UInt8] = firmware,
    behindDigest: [UInt8] = [], behindAll: [UInt8] = [], behind: [UInt8] = []
  ) -> [UInt8] {
    DERWriter.sequence(
      DERWriter.integer([version]), DERWriter.sequence(DERWriter.null),
      DERWriter.sequence(DERWriter.objectIdentifier(hash), DERWriter.octetString(digest), behindDigest), behindAll)
      + behind
  }

  static func little(_ value: Int) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8 & 0xFF)] }

  static func report(_ parts: Parts) throws -> [UInt8] {
    let blocks =
      parts.blocks.flatMap { [$0.index, $0.specification] + little($0.content.count) + $0.content } + parts.behindBlocks
    let opaque = parts.opaque.flatMap { little(Int($0.type)) + little($0.value.count) + $0.value }
    var bytes = parts.head + parts.nonce + parts.slot + parts.answer + [parts.count ?? UInt8(parts.blocks.count)]
    bytes += little(blocks.count) + [UInt8(blocks.count >> 16)] + blocks
    bytes += [UInt8](repeating: 0x22, count: 32) + little(opaque.count) + opaque
    return bytes + (try MintKeys.machineP384.sign(bytes, hash: .sha384).p1363) + parts.behindSignature
  }

  static func failures(_ change: (inout Parts) -> Void = { _ in }, demands: JSONObject = open) throws -> [String] {
    var parts = Parts()
    change(&parts)
    let root = try CertificateMint.root("NVIDIA of tests", key: MintKeys.p384)
    let leaf = try root.leaf(
      "GH100", publicKey: parts.publicKey,
      extensions: parts.identity.map {
        [CertificateExtension(FirmwareIdentity.identifier, isCritical: false, value: $0)]
      } ?? [])
    let evidence = NVIDIAEvidence(
      report: try report(parts), certificates: [leaf.der] + parts.strays.map(\.der))
    let anchors: JSON = [
      [
        "name": "root", "purpose": "nvidia-device", "certificate": .string(Base64.encode(root.certificate.der)),
        "assurance": "hardware",
      ]
    ]
    let policy = SNPPolicies.appraisal("nvidia-gpu", demands, anchors: anchors)
    let report = Evidence(evidence).appraised(by: try AppraisalPolicy(json: policy), binding: .bytes(nonce), at: at)
    #expect((report.verdict == .accepted) == report.failures.isEmpty)
    return report.failures.map(\.id.name)
  }

  static let open: JSONObject = ["models": "any", "drivers": "any", "vbioses": "any", "measurements": "any"]

  @Test func aGenuineReportIsAccepted() throws {
    let demands: JSONObject = [
      "models": ["GH100"], "drivers": ["550.90.07"], "vbioses": ["96.9f.00.01.02"],
      "measurements": ["2": [.string(Hex.encode([UInt8](repeating: 2, count: 48)))]],
    ]
    #expect(try Self.failures(demands: demands) == [])
  }

  @Test func everyFieldIsOfItsForm() throws {
    let changes: [(String, (inout Parts) -> Void)] = [
      ("another request", { $0.head[1] = 0xE1 }), ("of one block", { $0.head[3] = 1 }),
      ("another slot", { $0.slot = [1] }), ("another answer", { $0.answer[1] = 0x61 }),
      ("a block that is not counted", { $0.count = 2 }), ("a block that is not there", { $0.count = 4 }),
      ("another specification", { $0.blocks[0].specification = 2 }),
      ("something behind the blocks", { $0.behindBlocks = [0] }),
      ("something behind a digest", { $0.blocks[0].content = Self.measurement(1, behind: [0]) }),
      ("a digest of 32 bytes", { $0.blocks[0].content = Self.measurement(1, count: 32) }),
      ("block 0", { $0.blocks[0].index = 0 }), ("a block twice", { $0.blocks[1].index = 1 }),
      ("a field twice", { $0.opaque.append($0.opaque[0]) }),
      ("65 fields", { $0.opaque = (0..<65).map { (100 + $0, []) } }),
      ("something behind the signature", { $0.behindSignature = [0] }),
    ]
    for (name, change) in changes { #expect(try Self.failures(change) == ["nvidia.report"], "\(name)") }
    #expect(try Self.failures { $0.opaque += (0..<61).map { (100 + $0, []) } } == [], "64 fields")
    let limit = NVIDIAReport.Limits.bytes
    let error = #expect(throws: FieldError.self) { try NVIDIAReport([UInt8](repeating: 0, count: limit + 1)) }
    #expect(error?.expected == "at most \(limit) bytes")
  }

  @Test func theFirmwareIsTheOneThatWasCertified() throws {
    let changes: [(String, (inout Parts) -> Void)] = [
      ("another in the report", { $0.opaque[2].value = [UInt8](repeating: 0, count: 48) }),
      ("none in the report", { $0.opaque.removeLast() }), ("none in the certificate", { $0.identity = nil }),
      ("another in the certificate", { $0.identity = Self.identity(digest: [UInt8](repeating: 0, count: 48)) }),
      ("of another version", { $0.identity = Self.identity(version: 2) }),
      ("of another hash", { $0.identity = Self.identity(hash: OID(2, 16, 840, 1, 101, 3, 4, 2, 1)) }),
      ("something behind the digest", { $0.identity = Self.identity(behindDigest: DERWriter.null) }),
      ("something behind the firmware", { $0.identity = Self.identity(behindAll: DERWriter.null) }),
      ("something behind the identity", { $0.identity = Self.identity(behind: DERWriter.null) }),
    ]
    for (name, change) in changes { #expect(try Self.failures(change) == ["nvidia.firmware"], "\(name)") }
  }

  @Test func theSignerIsTheCertifiedKeyAlone() throws {
    let key = MintKeys.otherP384.publicKey
    #expect(try Self.failures { $0.publicKey = key } == ["nvidia.signature"])
    #expect(try Self.failures { $0.publicKey = .p256(MintKeys.machineP256.publicKey) } == ["nvidia.certificate"])
    let stray = try CertificateMint.root("Another", key: MintKeys.p256).certificate
    #expect(try Self.failures { $0.strays = [stray] } == ["nvidia.chain"])
    #expect(try Self.failures { $0.nonce[0] ^= 1 } == ["nvidia.nonce"])
  }

  @Test func versionsThatAreTooShortAreNone() throws {
    var parts = Parts()
    parts.opaque[1].value = [1, 2, 3, 4]
    #expect(try NVIDIAReport(Self.report(parts)).vbiosVersion == nil)
    parts.opaque[1].value = [1, 2, 3, 4, 5]
    #expect(try NVIDIAReport(Self.report(parts)).vbiosVersion == "04.03.02.01.05")
  }

  @Test func nothingIsClaimedOfAReportThatFails() throws {
    let root = try CertificateMint.root("NVIDIA of tests", key: MintKeys.p384)
    let leaf = try root.leaf(
      "GH100", publicKey: .p384(MintKeys.machineP384.publicKey),
      extensions: [CertificateExtension(FirmwareIdentity.identifier, isCritical: false, value: Self.identity())])
    let evidence = NVIDIAEvidence(report: try Self.report(Parts()), certificates: [leaf.der])
    let anchor = TrustAnchor(
      name: "root", purpose: .nvidiaDevice, certificate: root.certificate, assurance: .hardware(vendor: "NVIDIA"))
    for (nonce, holds) in [(Self.nonce, true), ([9], false)] {
      var checks = CheckList()
      let context = VerificationContext(
        anchors: TrustAnchors(anchors: [anchor]), at: Self.at, binding: .bytes(nonce))
      #expect((evidence.verify(in: context, into: &checks) != nil) == holds)
    }
  }

  @Test func reportsAreKnownByTheirBeginning() throws {
    let report = try Self.report(Parts())
    let text = Array(Hex.encode(report).utf8)
    func read(_ bytes: [UInt8]) throws -> [UInt8]? { try NVIDIAEvidence.recognise(RawEvidence(bytes: bytes))?.report }
    let json: JSON = [["evidence": .string(Base64.encode(report))]]
    #expect(try read(report) == report)
    #expect(try read(text) == report)
    #expect(try read(json.canonicalBytes()) == report)
    let others: [[UInt8]] = [
      Array(report.prefix(41)), Array(Hex.encode([UInt8](1...64)).utf8), [0x11, 0xE1] + report.dropFirst(2),
      JSON.object(["evidence": .string(Base64.encode([UInt8](1...64)))]).canonicalBytes(),
    ]
    for bytes in others { #expect(try read(bytes) == nil) }
  }

  @Test func demandsHaveTheirForm() throws {
    let value = JSON.string(Hex.encode([UInt8](1...48)))
    let malformed: [(String, JSON)] = [
      ("measurements", [:]), ("measurements", ["0": [value]]), ("measurements", ["256": [value]]),
      ("measurements", ["02": [value]]), ("measurements", ["2": []]), ("measurements", ["2": ["00"]]),
      ("measurements", ["2": .array([JSON](repeating: value, count: 65))]), ("measurements", "none"),
      ("models", [""]), ("models", [.string(String(repeating: "a", count: 129))]), ("models", []),
    ]
    for (name, value) in malformed {
      var policy = Self.open
      policy[name] = value
      #expect(throws: FieldError.self, "\(name) \(value)") {
        try AppraisalPolicy(json: SNPPolicies.appraisal("nvidia-gpu", policy))
      }
    }
  }
}
