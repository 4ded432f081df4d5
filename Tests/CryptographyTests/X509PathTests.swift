import AttestationMint
import Cryptography
import Testing

@Suite struct X509PathTests {
  static let at: Int64 = 1_800_000_000_000

  /// Root, intermediate and leaf of one kind of key.
  struct Chain {
    let root: CertificateMint
    let authority: CertificateMint
    let leaf: Certificate

    init(_ rootKey: CertificateSigningKey, _ key: CertificateSigningKey, _ leafKey: CertificateKey) throws {
      root = try .root("Root", key: rootKey)
      authority = try root.authority("Authority", key: key, pathLength: 0)
      leaf = try authority.leaf("Leaf", publicKey: leafKey)
    }
  }

  @Test func pathsOfEveryKindOfKeyAreVerified() throws {
    let leaf = MintKeys.machineP384.publicKey
    let chains = [
      try Chain(MintKeys.p256, MintKeys.otherP256, .p256(MintKeys.machineP256.publicKey)),
      try Chain(MintKeys.p384, MintKeys.otherP384, .p384(leaf)),
      try Chain(MintKeys.rsa4096PSS(), MintKeys.rsa4096PSS(), .p384(leaf)),
      try Chain(MintKeys.rsa4096PKCS1(), .rsaPKCS1(MintKeys.rsa2048(), .sha512), .rsa(MintKeys.rsa2048().publicKey)),
    ]
    for chain in chains {
      let path = try CertificatePath.verify(
        leaf: chain.leaf, intermediates: [chain.authority.certificate], anchors: [chain.root.certificate], at: Self.at)
      #expect(path.chain == [chain.leaf, chain.authority.certificate, chain.root.certificate])
      #expect(path.deadline == CertificateMint.notAfter)
    }
  }
}
