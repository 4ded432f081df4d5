import AttestationMint
import Cryptography
import TestSupport
import Testing

/// One defect at a time in a certificate that is otherwise valid, and signed with it: what we say, and what OpenSSL says.
@Suite struct X509DefectTests {
  @Test func certificatesHaveALimit() throws {
    let limit = Certificate.maxBytes
    #expect(throws: CryptographyError.wrongLength(of: "certificate", expected: "at most \(limit)", actual: limit + 1)) {
      try Certificate(der: [UInt8](repeating: 0, count: limit + 1))
    }
  }

  @Test func filesHaveOneToSixteenCertificates() throws {
    let (root, _) = try Self.authority()
    let block = PEM.encode(root.certificate.der, label: "CERTIFICATE")
    #expect(try Certificate.all(pem: String(repeating: block, count: 16)).count == 16)
    for count in [0, 17] {
      #expect(
        throws: CryptographyError.malformed("PEM", reason: "expected 1 to 16 certificates, found \(count)")
      ) { try Certificate.all(pem: String(repeating: block, count: count)) }
    }
    let limit = Certificate.maxPEMBlocks * Certificate.maxBytes * 2
    #expect(throws: CryptographyError.wrongLength(of: "PEM", expected: "at most \(limit)", actual: limit + 1)) {
      try Certificate.all(pem: String(repeating: "\n", count: limit + 1))
    }
  }

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

  @Test(arguments: X509Defect.all) func oneDefectDecides(_ defect: X509Defect) throws {
    let (root, authority) = try Self.authority()
    var parts = try X509Parts(issuer: authority, publicKey: .p256(MintKeys.machineP256.publicKey))
    defect.apply(&parts)
    #expect(Self.accepts(try parts.signed(by: authority.key), authority, root) == defect.isAccepted)
  }

  /// The reader by itself, before any signature or path is looked at: of certificates that it lets through, whoever asks nothing
  /// of a path reads fields.
  @Test(arguments: X509Defect.all) func theReaderRefusesWhatItCanSee(_ defect: X509Defect) throws {
    var parts = try X509Parts(issuer: Self.authority().authority, publicKey: .p256(MintKeys.machineP256.publicKey))
    defect.apply(&parts)
    let isRead = (try? Certificate(der: try parts.signed(by: MintKeys.otherP256))) != nil
    #expect(isRead == (defect.isAccepted || X509Defect.ofThePath.contains(defect.name)))
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
    for defect in X509Defect.all {
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
