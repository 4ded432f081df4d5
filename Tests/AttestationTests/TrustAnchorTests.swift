import Cryptography
import Testing

@testable import Attestation

/// What this program carries is what it says it carries: a constant that cannot be read would be missed by nobody else.
@Suite struct TrustAnchorTests {
  @Test func everyPublishedRootIsThereAndSignsItself() {
    let anchors = TrustAnchors.compiledIn.anchors
    #expect(
      anchors.map(\.name).sorted() == [
        "ARK-Genoa", "ARK-Milan", "ARK-Turin", "AWS Nitro Enclaves Root G1", "Google EK/AK CA Root",
        "Google tpm_ek_v1_cloud_host_root", "Intel SGX Root CA", "NVIDIA Device Identity CA",
      ])
    for anchor in anchors { #expect(anchor.certificate.isSigned(by: anchor.certificate), "\(anchor.name)") }
  }

  @Test func everyPublishedIntermediateIsSignedByOneRoot() {
    #expect(AMDRoots.intermediates.count == 6)
    #expect(GCPRoots.intermediates.count == 3)
    for certificate in AMDRoots.intermediates + GCPRoots.intermediates {
      let signers = TrustAnchors.compiledIn.anchors.filter { certificate.isSigned(by: $0.certificate) }
      #expect(signers.count == 1, "\(certificate.subject)")
    }
  }
}
