import AttestationMint
import Cryptography
import TestSupport
import Testing

/// One defect at a time in a certificate that is otherwise valid, and signed with it: what we say, and what OpenSSL says.
@Suite struct X509DefectTests {
  struct Defect: Sendable, CustomTestStringConvertible {
    let name: String
    /// Whether the certificate is accepted with it.
    let isAccepted: Bool
    let apply: @Sendable (inout X509Parts) -> Void

    init(_ name: String, accepted: Bool = false, _ apply: @escaping @Sendable (inout X509Parts) -> Void) {
      self.name = name
      isAccepted = accepted
      self.apply = apply
    }

    var testDescription: String { name }
  }

  private static func ext(_ oid: OID, critical: Bool = false, _ value: [UInt8]) -> [UInt8] {
    CertificateExtension(oid, isCritical: critical, value: value).der
  }
  private static let unknown = OID(1, 3, 6, 1, 4, 1, 99999, 1)
  private static let usageBytes = DERWriter.objectIdentifier(OID.keyUsage)

  static let defects: [Defect] = [
    Defect("none", accepted: true) { _ in },
    Defect("serial number zero", accepted: true) { $0.serialNumber = DERWriter.integer([0]) },
    Defect("serial number of 20 bytes", accepted: true) {
      $0.serialNumber = DERWriter.integer([UInt8](repeating: 0x55, count: 20))
    },
    Defect("serial number of 21 bytes") { $0.serialNumber = DERWriter.integer([UInt8](repeating: 0x55, count: 21)) },
    Defect("negative serial number") { $0.serialNumber = [0x02, 0x01, 0x80] },
    Defect("padded serial number") { $0.serialNumber = [0x02, 0x02, 0x00, 0x07] },
    Defect("empty serial number") { $0.serialNumber = [0x02, 0x00] },
    Defect("no version") { $0.version = [] },
    Defect("version 2") { $0.version = DERWriter.element(0xA0, DERWriter.integer([1])) },
    Defect("version 4") { $0.version = DERWriter.element(0xA0, DERWriter.integer([3])) },
    Defect("bytes after the version") { $0.version = DERWriter.element(0xA0, DERWriter.integer([2]) + [5, 0]) },
    Defect("another algorithm inside") {
      $0.innerAlgorithm = CertificateSignatureAlgorithm.ecdsa(.sha384).der
    },
    Defect("another algorithm outside") {
      $0.outerAlgorithm = CertificateSignatureAlgorithm.ecdsa(.sha384).der
    },
    Defect("parameters of an algorithm without any") {
      $0.innerAlgorithm = DERWriter.sequence([UInt8]($0.innerAlgorithm.dropFirst(2)), DERWriter.null)
      $0.outerAlgorithm = $0.innerAlgorithm
    },
    Defect("SHA-1") {
      $0.innerAlgorithm = DERWriter.sequence(DERWriter.objectIdentifier(OID(1, 2, 840, 10045, 4, 1)))
      $0.outerAlgorithm = $0.innerAlgorithm
    },
    Defect("RSA's algorithm under a key on a curve") {
      $0.innerAlgorithm = CertificateSignatureAlgorithm.rsaPKCS1(.sha256).der
      $0.outerAlgorithm = $0.innerAlgorithm
    },
    Defect("issuer without a name") { $0.issuer = [0x30, 0x00] },
    Defect("issuer of another name") { $0.issuer = DistinguishedName(commonName: "Another").der },
    Defect("issuer's name of another string type") {
      $0.issuer = DERWriter.sequence(
        DERWriter.set(
          DERWriter.sequence(
            DERWriter.objectIdentifier(OID.commonName), DERWriter.element(0x13, Array("Authority".utf8)))))
    },
    Defect("subject without a name") { $0.subject = [0x30, 0x00] },
    Defect("subject with an empty set") { $0.subject = [0x30, 0x02, 0x31, 0x00] },
    Defect("subject with bytes in an attribute") {
      $0.subject = DERWriter.sequence(
        DERWriter.set(
          DERWriter.sequence(
            DERWriter.objectIdentifier(OID.commonName), DERWriter.utf8String("Leaf"), DERWriter.null)))
    },
    Defect("times without seconds") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("2401010000Z".utf8)), DERWriter.element(0x17, Array("3401010000Z".utf8)))
    },
    Defect("times with an offset") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240101000000+0100".utf8)), DERWriter.element(0x17, Array("340101000000Z".utf8)))
    },
    Defect("GeneralizedTime before 2050") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240101000000Z".utf8)), DERWriter.element(0x18, Array("20340101000000Z".utf8)))
    },
    Defect("GeneralizedTime of 2050", accepted: true) {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240101000000Z".utf8)), DERWriter.element(0x18, Array("20500101000000Z".utf8)))
    },
    Defect("fractions of seconds") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240101000000Z".utf8)), DERWriter.element(0x18, Array("20500101000000.5Z".utf8)))
    },
    Defect("February 30") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240230000000Z".utf8)), DERWriter.element(0x17, Array("340101000000Z".utf8)))
    },
    Defect("ends before it begins") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("340101000000Z".utf8)), DERWriter.element(0x17, Array("240101000000Z".utf8)))
    },
    Defect("expired") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240101000000Z".utf8)), DERWriter.element(0x17, Array("250101000000Z".utf8)))
    },
    Defect("not yet valid") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("330101000000Z".utf8)), DERWriter.element(0x17, Array("340101000000Z".utf8)))
    },
    Defect("a point that is not on its curve") { $0.publicKey[$0.publicKey.count - 1] ^= 1 },
    Defect("a compressed point") {
      $0.publicKey = DERWriter.sequence(
        [UInt8]($0.publicKey[2..<23]), DERWriter.bitString([0x02] + [UInt8]($0.publicKey[27..<59])))
    },
    Defect("a key of an unknown algorithm") { $0.publicKey[10] ^= 1 },
    Defect("bytes after the key") {
      $0.publicKey = DERWriter.sequence([UInt8]($0.publicKey.dropFirst(2)), DERWriter.null)
    },
    Defect("an issuer's unique identifier") {
      $0.uniqueIdentifiers = DERWriter.element(0x81, [0, 1])
    },
    Defect("no extensions", accepted: true) { $0.extensionField = [] },
    Defect("an empty list of extensions") { $0.extensionField = DERWriter.element(0xA3, [0x30, 0x00]) },
    Defect("bytes after the extensions") {
      $0.extensionField = DERWriter.element(0xA3, DERWriter.sequence($0.extensions[0]) + DERWriter.null)
    },
    Defect("an extension twice") { $0.extensions.append($0.extensions[1]) },
    Defect("an unknown extension twice") { $0.extensions += [ext(unknown, [5, 0]), ext(unknown, [5, 0])] },
    Defect("an unknown extension", accepted: true) { $0.extensions.append(ext(unknown, [0xFF])) },
    Defect("an unknown critical extension") { $0.extensions.append(ext(unknown, critical: true, [5, 0])) },
    Defect("critical written out as false") {
      $0.extensions[1] = DERWriter.sequence(
        usageBytes, DERWriter.boolean(false), DERWriter.octetString(DERWriter.namedBits(1)))
    },
    Defect("critical of another true") {
      $0.extensions[1] = DERWriter.sequence(usageBytes, [1, 1, 1], DERWriter.octetString(DERWriter.namedBits(1)))
    },
    Defect("bytes after an extension's value") {
      $0.extensions[1] = ext(.keyUsage, critical: true, DERWriter.namedBits(1) + [5, 0])
    },
    Defect("CA written out as false") {
      $0.extensions[0] = ext(.basicConstraints, critical: true, DERWriter.sequence(DERWriter.boolean(false)))
    },
    Defect("a path length without a CA") {
      $0.extensions[0] = ext(.basicConstraints, critical: true, DERWriter.sequence(DERWriter.integer([0])))
    },
    Defect("usage with trailing zeros", accepted: true) {
      $0.extensions[1] = ext(.keyUsage, critical: true, [3, 2, 0, 0x80])
    },
    Defect("usage with unused bits set") { $0.extensions[1] = ext(.keyUsage, critical: true, [3, 2, 7, 0xFF]) },
    Defect("usage of nothing") { $0.extensions[1] = ext(.keyUsage, critical: true, [3, 1, 0]) },
    Defect("usage that is not defined") {
      $0.extensions[1] = ext(.keyUsage, critical: true, DERWriter.namedBits(1 | 1 << 9))
    },
    Defect("usage for signing certificates only") {
      $0.extensions[1] = CertificateExtension.keyUsage(.keyCertSign).der
    },
    Defect("critical name constraints") {
      $0.extensions.append(ext(.nameConstraints, critical: true, [0x30, 0x00]))
    },
    Defect("an object identifier with padding") {
      $0.extensions.append(DERWriter.sequence([6, 3, 0x2A, 0x80, 0x01], DERWriter.octetString([5, 0])))
    },
    Defect("something after the signature") { $0.tail = DERWriter.null },
  ]

  private static func authority() throws -> (root: CertificateMint, authority: CertificateMint) {
    let root = try CertificateMint.root("Root", key: MintKeys.p256)
    return (root, try root.authority("Authority", key: MintKeys.otherP256, pathLength: 0))
  }

  static func accepts(_ leaf: [UInt8], _ authority: CertificateMint, _ root: CertificateMint) -> Bool {
    guard let leaf = try? Certificate(der: leaf) else { return false }
    let path = try? CertificatePath.verify(
      leaf: leaf, intermediates: [authority.certificate], anchors: [root.certificate], at: X509PathTests.at)
    return path?.chain.count == 3
  }

  @Test(arguments: defects) func oneDefectDecides(_ defect: Defect) throws {
    let (root, authority) = try Self.authority()
    var parts = try X509Parts(issuer: authority, publicKey: .p256(MintKeys.machineP256.publicKey))
    defect.apply(&parts)
    #expect(Self.accepts(try parts.signed(by: authority.key), authority, root) == defect.isAccepted)
  }

  /// Whatever OpenSSL refuses of these, we refuse: a strict reader is nowhere more lenient.
  @Test(.enabled(if: Subprocess.find("openssl") != nil, "openssl is not installed"))
  func nothingIsAcceptedThatOpenSSLRefuses() throws {
    let openssl = try #require(Subprocess.find("openssl"))
    let (root, authority) = try Self.authority()
    let directory = try TemporaryDirectory()
    func pem(_ der: [UInt8]) -> [UInt8] { Array(PEM.encode(der, label: "CERTIFICATE").utf8) }
    let anchor = try directory.write(pem(root.certificate.der), to: "root.pem")
    let intermediate = try directory.write(pem(authority.certificate.der), to: "authority.pem")
    var agreements = 0
    var stricter: [String] = []
    for defect in Self.defects {
      var parts = try X509Parts(issuer: authority, publicKey: .p256(MintKeys.machineP256.publicKey))
      defect.apply(&parts)
      let leaf = try parts.signed(by: authority.key)
      let file = try directory.write(pem(leaf), to: "leaf.pem")
      let run = try Subprocess.run(
        openssl,
        [
          "verify", "-x509_strict", "-attime", String(X509PathTests.at / 1000), "-CAfile", anchor, "-untrusted",
          intermediate, file,
        ])
      let ours = Self.accepts(leaf, authority, root)
      // OpenSSL's strict mode asks for key identifiers, which RFC 5280 demands of conforming authorities: not a defect of the
      // path. Those of its complaints do not count.
      let complaints = run.errors.split(separator: "\n").filter {
        $0.hasPrefix("error ") && $0.dropFirst(6).first?.isNumber == true
      }
      let refuses = run.status != 0 && !complaints.allSatisfy { $0.contains("Key Identifier") }
      if ours { #expect(!refuses, "\(defect.name): \(run.errors)") }
      if ours == !refuses { agreements += 1 } else { stricter.append(defect.name) }
    }
    #expect(agreements >= 30, "OpenSSL accepts: \(stricter)")
  }

  @Test func everyTruncationAndEveryFlippedByteIsRefused() throws {
    let (root, authority) = try Self.authority()
    let leaf = try authority.leaf("Leaf", publicKey: .p256(MintKeys.machineP256.publicKey)).der
    #expect(Self.accepts(leaf, authority, root))
    for count in 0..<leaf.count { #expect((try? Certificate(der: Array(leaf.prefix(count)))) == nil, "\(count) bytes") }
    #expect((try? Certificate(der: leaf + [0])) == nil)
    for index in leaf.indices {
      var changed = leaf
      changed[index] ^= 1
      #expect(!Self.accepts(changed, authority, root), "byte \(index)")
    }
  }
}
