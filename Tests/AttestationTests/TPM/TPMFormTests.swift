import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// The structures of a TPM outside their limits: what no TPM writes is refused, and by the name of its field.
@Suite struct TPMFormTests {
  /// A public area whose every field can be made wrong.
  struct Area {
    var type: UInt16 = 0x0001
    var nameAlgorithm: UInt16 = 0x000B
    var attributes: UInt32 = TPMMint.attestationKey
    var policy: [UInt8] = []
    var symmetric: [UInt8] = [0x00, 0x10]
    var scheme: [UInt8] = [0x00, 0x14, 0x00, 0x0B]
    var parameters: [UInt8] = []
    var tail: [UInt8] = []

    var bytes: [UInt8] {
      TPMBytes.uint16(type) + TPMBytes.uint16(nameAlgorithm) + TPMBytes.uint32(attributes) + TPMBytes.sized(policy)
        + symmetric + scheme + parameters + tail
    }

    static func rsa(bits: UInt16 = 2048, modulus: [UInt8] = modulus(256)) -> Area {
      Area(parameters: TPMBytes.uint16(bits) + TPMBytes.uint32(0) + TPMBytes.sized(modulus))
    }

    static func modulus(_ count: Int) -> [UInt8] { [UInt8](repeating: 0xFF, count: count) }

    static func ecc(curve: UInt16 = 3, kdf: UInt16 = 0x0010, x: [UInt8]? = nil) -> Area {
      let point = MintKeys.machineP256.publicKey.x963
      return Area(
        type: 0x0023, scheme: [0x00, 0x18, 0x00, 0x0B],
        parameters: TPMBytes.uint16(curve) + TPMBytes.uint16(kdf) + TPMBytes.sized(x ?? [UInt8](point[1..<33]))
          + TPMBytes.sized([UInt8](point[33...])))
    }

    func with(_ change: (inout Area) -> Void) -> Area {
      var copy = self
      change(&copy)
      return copy
    }
  }

  static func field<Value>(_ body: () throws -> Value) -> String? {
    do {
      _ = try body()
      return nil
    } catch { return (error as? FieldError)?.field ?? "\(error)" }
  }

  @Test func publicAreasHaveTheirForm() throws {
    let (rsa, ecc) = (Area.rsa(), Area.ecc())
    let accepted: [Area] = [
      rsa, ecc, rsa.with { $0.symmetric = [0, 6, 0, 128, 0, 0x43] }, rsa.with { $0.symmetric = [0, 6, 1, 0, 0, 0x43] },
      rsa.with { $0.scheme = [0x00, 0x15] }, rsa.with { $0.scheme = [0x00, 0x10] },
      rsa.with { $0.policy = [UInt8](repeating: 1, count: 64) },
    ]
    for area in accepted {
      #expect(Self.field { try TPMTPublic(area.bytes) } == nil)
      #expect(Self.field { try TPMTPublic(TPMBytes.sized(area.bytes)) } == nil, "with its length before it")
      #expect(Self.field { try TPMTPublic(TPMBytes.sized(area.bytes) + [0]) } == "akPublic.end")
    }
    let limit = TPMTPublic.maxBytes
    let refused: [(String, [UInt8])] = [
      ("akPublic", rsa.with { $0.tail = [UInt8](repeating: 0, count: limit) }.bytes),
      ("akPublic.type", TPMBytes.sized([0x00, 0x08] + rsa.bytes.dropFirst(2))),
      ("akPublic.nameAlg", rsa.with { $0.nameAlgorithm = 0x0004 }.bytes),
      ("akPublic.nameAlg", rsa.with { $0.nameAlgorithm = 0x0012 }.bytes),
      ("akPublic.objectAttributes", rsa.with { $0.attributes |= 1 << 0 }.bytes),
      ("akPublic.objectAttributes", rsa.with { $0.attributes |= 1 << 31 }.bytes),
      ("akPublic.authPolicy", rsa.with { $0.policy = [UInt8](repeating: 1, count: 65) }.bytes),
      ("akPublic.symmetric", rsa.with { $0.symmetric = [0, 3, 0, 128, 0, 0x43] }.bytes),
      ("akPublic.symmetric.keyBits", rsa.with { $0.symmetric = [0, 6, 0, 64, 0, 0x43] }.bytes),
      ("akPublic.scheme", rsa.with { $0.scheme = [0x00, 0x1B, 0x00, 0x0B] }.bytes),
      ("akPublic.scheme.hash", rsa.with { $0.scheme = [0x00, 0x14, 0x00, 0x12] }.bytes),
      ("akPublic.keyBits", Area.rsa(bits: 3072).bytes),
      ("akPublic.keyBits", Area.rsa(modulus: [0] + Area.modulus(255)).bytes),
      ("akPublic.keyBits", Area.rsa(bits: 0, modulus: []).bytes),
      ("akPublic.modulus", Area.rsa(bits: 1024, modulus: Area.modulus(128)).bytes),
      ("akPublic.curveID", Area.ecc(curve: 5).bytes), ("akPublic.kdf", Area.ecc(kdf: 0x0008).bytes),
      ("akPublic.x", Area.ecc(x: [UInt8](repeating: 1, count: 33)).bytes),
      ("akPublic.point", Area.ecc(x: [1]).bytes), ("akPublic.end", rsa.with { $0.tail = [0] }.bytes),
    ]
    for (field, bytes) in refused { #expect(Self.field { try TPMTPublic(bytes) } == field) }
  }

  @Test func anEventLogIsKnownByItsMark() {
    let log = EventLogMint.machine(.agile([.sha256])).bytes
    let file = RawEvidence(bytes: [], attachments: [("firmware.bin", log)])
    #expect(TPMAttachments(file).eventLog == log)
  }

  @Test func quotesAndSignaturesHaveALimit() throws {
    let quote = #expect(throws: FieldError.self) { try TPMQuote([UInt8](repeating: 0, count: TPMQuote.maxBytes + 1)) }
    #expect(quote?.expected == "at most \(TPMQuote.maxBytes) bytes")
    let head: [UInt8] = [0x00, 0x14, 0x00, 0x0B]
    let limit = TPMTSignature.maxBytes
    #expect(Self.field { try TPMTSignature(head + TPMBytes.sized([UInt8](repeating: 1, count: limit))) } == nil)
    #expect(
      Self.field { try TPMTSignature(head + TPMBytes.sized([UInt8](repeating: 1, count: limit + 1))) }
        == "signature.sig")
    let wide = TPMBytes.sized([UInt8](repeating: 1, count: 49))
    let number = TPMBytes.sized([UInt8](repeating: 1, count: 32))
    for (bytes, field) in [(wide + number, "signatureR"), (number + wide, "signatureS")] {
      #expect(Self.field { try TPMTSignature([0x00, 0x18, 0x00, 0x0B] + bytes) } == "signature.\(field)")
    }
    #expect(Self.field { try TPMTSignature([0x00, 0x18, 0x00, 0x0B] + number + number + [0]) } == "signature.end")
  }

  /// A curve has the hashes that were asked for: a signature under one name of a hash is none under another.
  @Test func signaturesAreOfTheirHash() throws {
    let message: [UInt8] = [1, 2, 3]
    let p256 = try MintKeys.machineP256.sign(message).p1363
    let p384 = try MintKeys.machineP384.sign(message, hash: .sha384).p1363
    func isValid(_ value: [UInt8], _ hash: BankAlgorithm, _ key: TPMPublicKey, _ message: [UInt8]) -> Bool {
      TPMTSignature(scheme: .ecdsa, hash: hash, value: value).isValid(for: message, under: key)
    }
    let (small, large) = (
      TPMPublicKey.p256(MintKeys.machineP256.publicKey), TPMPublicKey.p384(MintKeys.machineP384.publicKey)
    )
    #expect(isValid(p256, .sha256, small, message))
    #expect(isValid(p384, .sha384, large, message))
    for hash in [BankAlgorithm.sha1, .sha384, .sha512] { #expect(!isValid(p256, hash, small, message)) }
    for hash in [BankAlgorithm.sha1, .sha256, .sha512] { #expect(!isValid(p384, hash, large, message)) }
    #expect(!isValid(p256, .sha256, small, [1, 2]))
    #expect(!isValid(p384, .sha384, large, [1, 2]))
    #expect(!isValid(p384, .sha384, small, message))
    #expect(!isValid([UInt8](p384.dropLast()), .sha384, large, message))
    // Numbers that fit into 32 bytes come so from some TPMs.
    #expect(!isValid(p256, .sha384, large, message))
  }

  @Test func banksHaveTheirRegistersOnce() throws {
    let value = JSON.string(Hex.encode(BankAlgorithm.sha256.zeros))
    func read(_ json: JSON) -> FieldError? {
      do {
        _ = try PCRBank.banks(json)
        return nil
      } catch { return error }
    }
    #expect(read(["sha256": ["0": value, "23": value]]) == nil)
    let short = JSON.string(Hex.encode([UInt8](repeating: 0, count: 31)))
    let refused: [(JSON, String, String)] = [
      ([:], "pcrs", "an object of 1 to 4 banks"), (["sha256": [:]], "pcrs.sha256", "an object of 1 to 24 registers"),
      (["sm3": ["0": value]], "pcrs", "banks named sha1, sha256, sha384 or sha512"),
      (["sha256": ["04": value]], "pcrs.sha256", "registers from 0 to 23"),
      (["sha256": ["+4": value]], "pcrs.sha256", "registers from 0 to 23"),
      (["sha256": ["24": value]], "pcrs.sha256", "registers from 0 to 23"),
      (["sha256": ["-1": value]], "pcrs.sha256", "registers from 0 to 23"),
      (["sha256": ["0": short]], "pcrs.sha256.0", "32 bytes in hexadecimal"),
      (["sha256": ["0": 0]], "pcrs.sha256.0", "32 bytes in hexadecimal"),
    ]
    for (json, field, expected) in refused {
      let error = read(json)
      #expect(error?.field == field, "\(json)")
      #expect(error?.expected == expected, "\(json)")
    }
    for (index, count) in [(24, 32), (-1, 32), (0, 31), (0, 33)] {
      #expect(throws: FieldError.self) {
        try PCRBank(algorithm: .sha256, values: [index: [UInt8](repeating: 0, count: count)])
      }
    }
  }

  /// A digest of nothing is as genuine as any other, and says nothing.
  @Test func aQuoteOfNoRegisterIsRefused() throws {
    var scenario = try TPMScenario.p256()
    let nothing = try PCRBank(algorithm: .sha256, values: [:])
    scenario.evidence = try scenario.mint.evidence(
      [nothing], extraData: TPMScenario.nonce,
      certificates: scenario.evidence.certificates.map { try Certificate(der: $0) })
    #expect(try scenario.failures() == ["tpm.selection"])
  }

  @Test func selectionsHaveOneToThreeBytes() throws {
    let quote = try TPMScenario.p256().evidence.quote
    let map = quote.count - 34 - 3
    #expect(quote[map - 1] == 3)
    for (size, bytes) in [(0, []), (4, Array(quote[map..<map + 3]) + [0])] as [(UInt8, [UInt8])] {
      let changed = [UInt8](quote[..<(map - 1)]) + [size] + bytes + [UInt8](quote[(map + 3)...])
      #expect(Self.field { try TPMQuote(changed) } == "quote.pcrSelect.sizeofSelect")
    }
  }

  /// Enrolment vouches for a primary key by its name; where a parent is given, the quote must say the same.
  @Test func anEnrolledKeyWithAParentIsBelowIt() throws {
    var scenario = try TPMScenario.p256()
    let name = try TPMTPublic(try scenario.mint.area()).name
    scenario.policy = TPMScenario.policy(
      enrolled: [(name, "hardware")], assurance: "hardware", platform: TPMScenario.demands())
    scenario.evidence.certificates = []
    var parent = TPMMint.p256(MintKeys.machineP256)
    parent.attributes = 0x0003_0072
    scenario.evidence.parent = try parent.area()
    #expect(try scenario.failures() == ["tpm.ak-name"])
  }

  @Test func whatIsRememberedHasItsForm() throws {
    let whole = TPMPolicyTests.since(1, 2, 3).object ?? [:]
    for (name, value) in [
      ("further", 1), ("clock", -1), ("clock", .integer(JSON.maxSafeInteger + 1)), ("resetCount", -1),
      ("restartCount", .integer(Int64(UInt32.max) + 1)), ("sameBoot", 1),
    ] as [(String, JSON)] {
      var since = whole
      since[name] = value
      let scenario = try TPMScenario.p256().demanding("since", .object(since))
      #expect(throws: FieldError.self, "\(name) \(value)") { try AppraisalPolicy(json: scenario.policy) }
    }
  }

  // MARK: The page

  /// Defective certificates, areas and banks: the page refuses what this package refuses, by the same check.
  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func thePageReadsTheSame() throws {
    let scenario = try TPMScenario.p256()
    let issuer = try scenario.root.authority("Authority", key: MintKeys.otherP256, serialNumber: [9])
    let purpose = CertificateExtension.extendedKeyUsage([.attestationKeyCertificate]).der
    var cases: [BrowserVerifier.Case] = []
    for defect in X509Defect.all {
      var parts = try X509Parts(issuer: issuer, publicKey: scenario.mint.publicKey)
      parts.extensions.append(purpose)
      defect.apply(&parts)
      var copy = scenario
      copy.evidence.certificates = [try parts.signed(by: issuer.key), issuer.certificate.der]
      cases.append(copy.browserCase("certificate: \(defect.name)"))
    }
    let areas: [Area] = [
      .rsa(), .ecc(), .rsa(bits: 3072), .rsa(modulus: [0] + Area.modulus(255)), .ecc(curve: 5), .ecc(kdf: 8),
      .ecc(x: [1]), .rsa(bits: 1024, modulus: Area.modulus(128)), .rsa().with { $0.nameAlgorithm = 4 },
      .rsa().with { $0.attributes |= 1 }, .rsa().with { $0.symmetric = [0, 6, 0, 64, 0, 0x43] },
      .rsa().with { $0.symmetric = [0, 3, 0, 128, 0, 0x43] }, .rsa().with { $0.scheme = [0, 0x1B, 0, 0x0B] },
      .rsa().with { $0.tail = [0] }, .rsa().with { $0.type = 8 },
    ]
    for (index, area) in areas.enumerated() {
      for bytes in [area.bytes, TPMBytes.sized(area.bytes), TPMBytes.sized(area.bytes) + [0]] {
        var copy = scenario
        copy.evidence.key = bytes
        cases.append(copy.browserCase("area \(index), \(bytes.count) bytes"))
      }
    }
    let value = JSON.string(Hex.encode(BankAlgorithm.sha256.zeros))
    for pcrs in [
      [:], ["sha256": [:]], ["sm3": ["0": value]], ["sha256": ["04": value]], ["sha256": ["24": value]],
      ["sha256": ["0": "00"]], ["sha256": ["0": 0]],
    ] as [JSON] {
      guard case .object(var members) = Evidence(scenario.evidence).json else { continue }
      members["pcrs"] = pcrs
      var item = scenario.browserCase("banks \(pcrs)")
      item.evidence = .object(members)
      cases.append(item)
    }
    try BrowserVerifier.expectAgreement(cases)
  }
}
