import AttestationMint
import Cryptography
import Testing

@Suite struct X509RevocationTests {
  static let at = X509PathTests.at

  @Test func listsNameWhatIsRevoked() throws {
    let root = try CertificateMint.root("Root", key: MintKeys.p256)
    let list = try root.revocationList(revoking: [[5], [0xFF, 1]], number: 9)
    #expect(list.contains([5]))
    #expect(list.contains([0xFF, 1]))
    #expect(!list.contains([1]))
    #expect(list.count == 2)
    #expect(list.number == [9])
    #expect(try list.verify(issuer: root.certificate, at: Self.at) == CertificateMint.notAfter)
    #expect(try root.revocationList().count == 0)
    #expect(try root.revocationList() != list)
    #expect(try CertificateRevocationList(pem: PEM.encode(list.der, label: "X509 CRL")) == list)
  }

  @Test func listsAreOfTheirIssuerAndOfTheirTime() throws {
    let root = try CertificateMint.root("Root", key: MintKeys.p256)
    let list = try root.revocationList(thisUpdate: Self.at, nextUpdate: Self.at + 1000)
    func fault(_ issuer: Certificate, at: Int64 = Self.at) -> PathFault? {
      do {
        try list.verify(issuer: issuer, at: at)
        return nil
      } catch { return error }
    }
    #expect(fault(root.certificate) == nil)
    #expect(fault(root.certificate, at: Self.at + 1000) == nil)
    #expect(
      fault(root.certificate, at: Self.at - 1) == .notYetValid("the revocation list", from: Self.at, at: Self.at - 1))
    #expect(
      fault(root.certificate, at: Self.at + 1001)
        == .expired("the revocation list", until: Self.at + 1000, at: Self.at + 1001))
    let other = try CertificateMint.root("Other", key: MintKeys.p256)
    #expect(fault(other.certificate) == .noIssuer(of: "the revocation list", issuer: "Root"))
    let impostor = try CertificateMint.root("Root", key: MintKeys.p384)
    #expect(fault(impostor.certificate) == .invalidSignature(of: "the revocation list", issuer: "Root"))
    let subject = root.certificate.subject
    let mute = try CertificateDraft(
      serialNumber: [1], subject: subject, publicKey: MintKeys.p256.publicKey, notBefore: CertificateMint.notBefore,
      notAfter: CertificateMint.notAfter,
      extensions: [.basicConstraints(isAuthority: true), .keyUsage(.keyCertSign)]
    ).signed(by: MintKeys.p256, issuer: subject)
    #expect(fault(mute) == .keyUsage("Root", missing: .crlSign))
  }

  /// One list in which only these fields are free, signed by a root.
  private static func read(
    issuer: DistinguishedName = DistinguishedName(commonName: "Root"), until: Int64 = at, entries: [[UInt8]] = [],
    version: UInt8 = 1, tail: [UInt8] = []
  ) throws -> CertificateRevocationList {
    let key = MintKeys.p256
    let tbs = DERWriter.sequence(
      DERWriter.integer([version]), key.algorithm.der, issuer.der, try DERWriter.time(at / 1000),
      try DERWriter.time(until / 1000), entries.isEmpty ? [] : DERWriter.element(0x30, entries.flatMap { $0 }), tail)
    return try CertificateRevocationList(
      der: DERWriter.sequence(tbs, key.algorithm.der, DERWriter.bitString(try key.sign(tbs))))
  }

  private static func entry(_ number: Int, _ extensions: [CertificateExtension] = []) throws -> [UInt8] {
    DERWriter.sequence(
      DERWriter.integer([UInt8(number >> 16 & 0xFF), UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)]),
      try DERWriter.time(at / 1000), extensions.isEmpty ? [] : DERWriter.element(0x30, extensions.flatMap(\.der)))
  }

  @Test func listsNameTheirIssuerAndDoNotEndBeforeTheyBegin() throws {
    #expect(try Self.read().count == 0)
    #expect(throws: CryptographyError.malformed("revocationList.issuer", reason: "names nobody")) {
      try Self.read(issuer: DistinguishedName([]))
    }
    #expect(throws: CryptographyError.malformed("revocationList.nextUpdate", reason: "is before this one")) {
      try Self.read(until: Self.at - 1000)
    }
  }

  @Test func nothingStandsBehindTheFields() throws {
    func number(_ behind: [UInt8] = [], field: [UInt8] = [], list: [UInt8] = []) -> [UInt8] {
      let value = DERWriter.integer([7]) + behind
      let item = CertificateExtension(.crlNumber, isCritical: false, value: value).der
      return DERWriter.element(0xA0, DERWriter.sequence(item) + list) + field
    }
    let null = DERWriter.null
    #expect(try Self.read(tail: number()).number == [7])
    for tail in [null, number(null), number(field: null), number(list: null)] {
      #expect(throws: CryptographyError.self, "\(Hex.encode(tail))") { try Self.read(tail: tail) }
    }
    for version: UInt8 in [0, 2] { #expect(throws: CryptographyError.self) { try Self.read(version: version) } }
    let entry = DERWriter.sequence(
      DERWriter.integer([7]), try DERWriter.time(Self.at / 1000),
      DERWriter.sequence(CertificateExtension(OID(2, 5, 29, 21), isCritical: false, value: [10, 1, 1]).der), null)
    #expect(throws: CryptographyError.self) { try Self.read(entries: [entry]) }
  }

  @Test func entriesSayNothingThatIsNotUnderstood() throws {
    // A reason may stand there; another issuer, for this entry and all after it, is critical (RFC 5280 section 5.3.3).
    let reason = CertificateExtension(OID(2, 5, 29, 21), isCritical: false, value: [10, 1, 1])
    let issuer = CertificateExtension(OID(2, 5, 29, 29), isCritical: true, value: [0x30, 0])
    #expect(try Self.read(entries: [Self.entry(7, [reason])]).contains([7]))
    #expect(throws: CryptographyError.self) { try Self.read(entries: [Self.entry(7, [reason, issuer])]) }
    #expect(throws: CryptographyError.self) { try Self.read(entries: [Array(Self.entry(7).dropLast())]) }
  }

  @Test func listsHaveLimits() throws {
    let limit = CertificateRevocationList.maxEntries
    let entries = try (0..<limit).map { try Self.entry($0) }
    #expect(try Self.read(entries: entries).count == limit)
    #expect(
      throws: CryptographyError.malformed("revocationList.tbs.revoked.entry", reason: "more than \(limit)")
    ) { try Self.read(entries: entries + [Self.entry(limit)]) }
    let bytes = CertificateRevocationList.maxBytes
    #expect(
      throws: CryptographyError.wrongLength(of: "revocation list", expected: "at most \(bytes)", actual: bytes + 1)
    ) { try CertificateRevocationList(der: [UInt8](repeating: 0, count: bytes + 1)) }
    #expect(throws: CryptographyError.wrongLength(of: "PEM", expected: "at most \(2 * bytes)", actual: 2 * bytes + 1)) {
      try CertificateRevocationList(pem: String(repeating: "\n", count: 2 * bytes + 1))
    }
  }

  @Test func listsThatAreNotCompleteAreRefused() throws {
    let root = try CertificateMint.root("Root", key: MintKeys.p256)
    // issuingDistributionPoint and deltaCRLIndicator.
    for identifier in [OID(2, 5, 29, 28), OID(2, 5, 29, 27)] {
      #expect(throws: CryptographyError.self) {
        try root.revocationList(
          extensions: [CertificateExtension(identifier, isCritical: true, value: [0x30, 0x00])])
      }
    }
  }

  @Test func everyTruncationAndEveryFlippedByteIsRefused() throws {
    let root = try CertificateMint.root("Root", key: MintKeys.p256)
    let bytes = try root.revocationList(revoking: [[5]]).der
    for count in bytes.indices {
      #expect((try? CertificateRevocationList(der: Array(bytes.prefix(count)))) == nil, "\(count) bytes")
    }
    #expect((try? CertificateRevocationList(der: bytes + [0])) == nil)
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 1
      let list = try? CertificateRevocationList(der: changed)
      let until = try? list?.verify(issuer: root.certificate, at: Self.at)
      #expect(until == nil, "byte \(index)")
    }
  }
}
