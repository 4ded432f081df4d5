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
