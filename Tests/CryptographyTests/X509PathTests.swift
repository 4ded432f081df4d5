import AttestationMint
import Cryptography
import Testing

@Suite struct X509PathTests {
  /// 2027-01-15, Unix milliseconds.
  static let at: Int64 = 1_800_000_000_000

  /// Root, intermediate and leaf of one kind of key.
  struct Chain {
    let root: CertificateMint
    let authority: CertificateMint
    let leaf: Certificate

    init(_ rootKey: CertificateSigningKey, _ key: CertificateSigningKey, _ leafKey: CertificateKey) throws {
      root = try .root("Root", key: rootKey, serialNumber: [0])
      authority = try root.authority("Authority", key: key, pathLength: 0)
      leaf = try authority.leaf("Leaf", publicKey: leafKey)
    }

    init() throws { try self.init(MintKeys.p256, MintKeys.otherP256, .p256(MintKeys.machineP256.publicKey)) }

    func verify(at: Int64 = X509PathTests.at) throws(PathFault) -> VerifiedPath {
      try CertificatePath.verify(
        leaf: leaf, intermediates: [authority.certificate], anchors: [root.certificate], at: at)
    }
  }

  static func fault(
    _ leaf: Certificate, _ intermediates: [Certificate], _ anchors: [Certificate], at: Int64 = at,
    known: Set<OID> = [], usage: KeyUsage = .digitalSignature, maxDepth: Int = 8
  ) -> PathFault? {
    do {
      _ = try CertificatePath.verify(
        leaf: leaf, intermediates: intermediates, anchors: anchors, at: at, knownCriticalExtensions: known,
        leafUsage: usage, maxDepth: maxDepth)
      return nil
    } catch { return error }
  }

  @Test func pathsOfEveryKindOfKeyAreVerified() throws {
    let leaf = MintKeys.machineP384.publicKey
    let chains = [
      try Chain(),
      try Chain(MintKeys.p384, MintKeys.otherP384, .p384(leaf)),
      try Chain(MintKeys.rsa4096PSS(), MintKeys.rsa4096PSS(), .p384(leaf)),
      try Chain(MintKeys.rsa4096PKCS1(), .rsaPKCS1(MintKeys.rsa2048(), .sha512), .rsa(MintKeys.rsa2048().publicKey)),
      try Chain(.rsaPSS(MintKeys.rsa2048(), .sha256), .rsaPKCS1(MintKeys.otherRSA2048(), .sha384), .p384(leaf)),
    ]
    for chain in chains {
      let path = try chain.verify()
      #expect(path.chain == [chain.leaf, chain.authority.certificate, chain.root.certificate])
      #expect(path.deadline == CertificateMint.notAfter)
      #expect(path.anchor == chain.root.certificate)
    }
  }

  @Test func bothEndsOfAValidityBelongToIt() throws {
    let chain = try Chain()
    #expect(throws: Never.self) { try chain.verify(at: CertificateMint.notBefore) }
    #expect(throws: Never.self) { try chain.verify(at: CertificateMint.notAfter) }
    #expect(throws: PathFault.self) { try chain.verify(at: CertificateMint.notBefore - 1) }
    #expect(throws: PathFault.self) { try chain.verify(at: CertificateMint.notAfter + 1) }
  }

  @Test func theDeadlineIsTheFirstEndOfThePath() throws {
    let root = try CertificateMint.root("Root", key: MintKeys.p256, notAfter: Self.at + 3000)
    let authority = try root.authority("Authority", key: MintKeys.otherP256, notAfter: Self.at + 1000)
    let leaf = try authority.leaf("Leaf", publicKey: MintKeys.p384.publicKey, notAfter: Self.at + 2000)
    let path = try CertificatePath.verify(
      leaf: leaf, intermediates: [authority.certificate], anchors: [root.certificate], at: Self.at)
    #expect(path.deadline == Self.at + 1000)
    let fault = Self.fault(leaf, [authority.certificate], [root.certificate], at: Self.at + 1001)
    #expect(fault == .expired("Authority", until: Self.at + 1000, at: Self.at + 1001))
    // Of the anchor too.
    let other = try CertificateMint.root("Root", key: MintKeys.p256, notAfter: Self.at - 1000)
    #expect(
      Self.fault(leaf, [authority.certificate], [other.certificate])
        == .expired("Root", until: Self.at - 1000, at: Self.at))
  }

  @Test func onlyAnchorsEndAPath() throws {
    let chain = try Chain()
    let all = [chain.authority.certificate, chain.root.certificate]
    #expect(Self.fault(chain.leaf, all, []) == .noAnchors)
    let other = try CertificateMint.root("Other", key: MintKeys.p384)
    #expect(Self.fault(chain.leaf, all, [other.certificate]) != nil, "the root came with the evidence")
    // An impostor of the root's name.
    let impostor = try CertificateMint.root("Root", key: MintKeys.p384)
    #expect(
      Self.fault(chain.leaf, [chain.authority.certificate], [impostor.certificate])
        == .invalidSignature(of: "Authority", issuer: "Root"))
    // The right one is found beside it.
    #expect(
      Self.fault(chain.leaf, [chain.authority.certificate], [impostor.certificate, chain.root.certificate]) == nil)
    #expect(
      Self.fault(chain.leaf, [], [chain.root.certificate]) == .noIssuer(of: "Leaf", issuer: "Authority"))
    // The order of intermediates, and others among them, do not matter.
    #expect(Self.fault(chain.leaf, [other.certificate] + all, [chain.root.certificate]) == nil)
  }

  @Test func onlyAuthoritiesIssue() throws {
    let root = try CertificateMint.root("Root", key: MintKeys.p256)
    func authority(_ extensions: [CertificateExtension]) throws -> CertificateMint {
      let certificate = try root.sign(
        CertificateDraft(
          serialNumber: [2], subject: DistinguishedName(commonName: "Authority"),
          publicKey: MintKeys.otherP256.publicKey, notBefore: CertificateMint.notBefore,
          notAfter: CertificateMint.notAfter, extensions: extensions))
      return CertificateMint(certificate: certificate, key: MintKeys.otherP256)
    }
    func fault(_ extensions: [CertificateExtension]) throws -> PathFault? {
      let authority = try authority(extensions)
      let leaf = try authority.leaf("Leaf", publicKey: MintKeys.p384.publicKey)
      return Self.fault(leaf, [authority.certificate], [root.certificate])
    }
    let constraints = CertificateExtension.basicConstraints(isAuthority: true)
    #expect(try fault([constraints]) == nil)
    #expect(try fault([constraints, .keyUsage(.keyCertSign)]) == nil)
    #expect(try fault([]) == .notAnAuthority("Authority"))
    #expect(try fault([.basicConstraints(isAuthority: false)]) == .notAnAuthority("Authority"))
    #expect(
      try fault([constraints, .keyUsage([.digitalSignature, .crlSign])])
        == .keyUsage("Authority", missing: .keyCertSign))
    let unknown = OID(1, 3, 6, 1, 4, 1, 99999, 1)
    #expect(
      try fault([constraints, CertificateExtension(unknown, isCritical: true, value: [5, 0])])
        == .criticalExtension("Authority", unknown))
    // An anchor must be one too.
    let leaf = try root.leaf("Leaf", publicKey: MintKeys.p384.publicKey)
    let subject = root.certificate.subject
    let plain = try CertificateDraft(
      serialNumber: [1], subject: subject, publicKey: MintKeys.p256.publicKey, notBefore: CertificateMint.notBefore,
      notAfter: CertificateMint.notAfter, extensions: []
    ).signed(by: MintKeys.p256, issuer: subject)
    #expect(Self.fault(leaf, [], [plain]) == .notAnAuthority("Root"))
  }

  @Test func criticalExtensionsAreForWhoeverNamesThem() throws {
    let root = try CertificateMint.root("Root", key: MintKeys.p256)
    let known = OID(1, 3, 6, 1, 4, 1, 99999, 1)
    let leaf = try root.leaf(
      "Leaf", publicKey: MintKeys.p384.publicKey,
      extensions: [CertificateExtension(known, isCritical: true, value: [5, 0])])
    #expect(Self.fault(leaf, [], [root.certificate]) == .criticalExtension("Leaf", known))
    #expect(Self.fault(leaf, [], [root.certificate], known: [known]) == nil)
  }

  @Test func leavesAreForWhatTheySay() throws {
    let root = try CertificateMint.root("Root", key: MintKeys.p256)
    let signing = try root.leaf("Leaf", publicKey: MintKeys.p384.publicKey)
    let wrapping = try root.leaf("Leaf", publicKey: MintKeys.p384.publicKey, usage: .keyEncipherment)
    let silent = try root.leaf("Leaf", publicKey: MintKeys.p384.publicKey, usage: nil)
    #expect(Self.fault(signing, [], [root.certificate]) == nil)
    #expect(Self.fault(silent, [], [root.certificate]) == nil)
    #expect(Self.fault(wrapping, [], [root.certificate]) == .keyUsage("Leaf", missing: .digitalSignature))
    #expect(Self.fault(wrapping, [], [root.certificate], usage: .keyEncipherment) == nil)
    #expect(Self.fault(wrapping, [], [root.certificate], usage: []) == nil)
  }

  @Test func pathLengthsCountIntermediatesOnly() throws {
    let root = try CertificateMint.root("Root", key: MintKeys.p256, pathLength: 1)
    let first = try root.authority("First", key: MintKeys.otherP256, pathLength: 0)
    let second = try first.authority("Second", key: MintKeys.p384)
    let leaf = try first.leaf("Leaf", publicKey: MintKeys.otherP384.publicKey)
    #expect(Self.fault(leaf, [first.certificate], [root.certificate]) == nil)
    let deep = try second.leaf("Leaf", publicKey: MintKeys.otherP384.publicKey)
    #expect(
      Self.fault(deep, [first.certificate, second.certificate], [root.certificate])
        == .pathTooLong(below: "First", limit: 0))
    // One that names itself, as when an authority changes its key, does not count.
    let renewed = try first.authority("First", key: MintKeys.p384)
    let below = try renewed.leaf("Leaf", publicKey: MintKeys.otherP384.publicKey)
    #expect(Self.fault(below, [first.certificate, renewed.certificate], [root.certificate]) == nil)
    #expect(
      Self.fault(below, [first.certificate, renewed.certificate], [root.certificate], maxDepth: 3) != nil)
  }

  @Test func searchesEnd() throws {
    let root = try CertificateMint.root("Root", key: MintKeys.p256)
    // Two authorities that vouch for each other.
    let left = try CertificateMint.root("Left", key: MintKeys.otherP256)
    let right = try left.authority("Right", key: MintKeys.p384)
    let back = try right.authority("Left", key: MintKeys.otherP256)
    let leaf = try left.leaf("Leaf", publicKey: MintKeys.otherP384.publicKey)
    #expect(Self.fault(leaf, [left.certificate, right.certificate, back.certificate], [root.certificate]) != nil)
    // Many of one name, of which every order could be a path.
    let many = try (1...16).map { try left.authority("Left", key: MintKeys.otherP256, serialNumber: [$0]).certificate }
    #expect(Self.fault(leaf, many, [root.certificate]) != nil)
    #expect(
      Self.fault(leaf, many + [root.certificate], [root.certificate]) == .tooManyCertificates(limit: 16, actual: 17))
  }
}
