import CanonicalJSON
import Cryptography
import Testing

@testable import OpenClaims

@Suite struct KeyQuorumTests {
  let signers: [ClaimSigner]
  let verifier = ClaimVerifier()

  init() throws { signers = try (1...5).map(Fixtures.signer) }

  func verified(_ signer: ClaimSigner, nonce: String = "1") throws -> Verified<Claim> {
    let claim = try Claim(iss: "x", sub: "y", stm: ["n": 1], nce: nonce, keys: [signer.key]).signed(by: signer)
    return try verifier.verify(claim, at: Fixtures.now)
  }

  @Test(arguments: [-1, 0, 4, .max])
  func thresholdsThatMakeNoSense(threshold: Int) {
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try KeyQuorum(threshold, of: signers[..<3].map(\.key)) }
        == .thresholdOutOfRange(threshold: threshold, keys: 3))
  }

  @Test func nobodyIsNoQuorum() {
    #expect(throws: ClaimError.self) { try KeyQuorum(1, of: []) }
    #expect(throws: ClaimError.self) { try KeyQuorum(0, of: []) }
  }

  /// A threshold that only repeated keys could reach is above the membership.
  @Test func repeatedMembersCountOnce() throws {
    let key = signers[0].key
    let respelled = try ClaimKey(parsing: "data:key/es256;base64url,\(Base64.encodeURL(key.publicKey.spkiDER))")
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try KeyQuorum(2, of: [key, respelled]) }
        == .thresholdOutOfRange(threshold: 2, keys: 1))
  }

  @Test func oneKeyIsOneInHoweverManyClaims() throws {
    let quorum = try KeyQuorum(2, of: signers[..<3].map(\.key))
    let key = signers[0].key
    let respelled = try ClaimKey(parsing: "data:key/es256;base64url,\(Base64.encodeURL(key.publicKey.spkiDER))")
    let unsigned = try Claim(iss: "x", sub: "y", stm: ["n": 1], keys: [respelled])
    let signature = ES256Signature.text(try Fixtures.privateKey(1).sign(unsigned.signedBytes()))
    let inOtherSpelling = try verifier.verify(unsigned.adding(signature, of: respelled), at: Fixtures.now)
    let claims = [try verified(signers[0]), try verified(signers[0], nonce: "2"), inOtherSpelling]
    #expect(quorum.signers(of: claims) == [key])
    #expect(quorum.signers(of: claims + [try verified(signers[1])]).count == 2)
  }

  @Test func strangersDoNotCount() throws {
    let quorum = try KeyQuorum(2, of: signers[..<3].map(\.key))
    let claims = try [signers[0], signers[3], signers[4]].map { try verified($0) }
    #expect(quorum.signers(of: claims) == [signers[0].key])
    #expect(
      Fixtures.error { () throws(ClaimError) in try quorum.require(claims[0]) }
        == .belowThreshold(required: 2, actual: 1))
  }

  @Test func keysWithoutASignatureDoNotCount() throws {
    let quorum = try KeyQuorum(2, of: signers[..<3].map(\.key))
    var claim = try Fixtures.approval(keys: signers[..<3].map(\.key)).signed(by: signers[0])
    #expect(throws: ClaimError.self) { try quorum.require(try verifier.verify(claim, at: Fixtures.now)) }
    claim = try claim.signed(by: signers[2])
    #expect(throws: Never.self) { try quorum.require(try verifier.verify(claim, at: Fixtures.now)) }
  }
}
