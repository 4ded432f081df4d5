import CanonicalJSON
import Cryptography
import Testing

@testable import OpenClaims

@Suite struct SigningTests {
  @Test func oneSigner() throws {
    let signer = try Fixtures.signer(1)
    let claim = try Fixtures.approval(keys: [signer.key]).signed(by: signer)
    let verified = try ClaimVerifier().verify(claim, at: Fixtures.now)
    #expect(verified.validKeys == [signer.key])
    #expect(verified.value == claim)
    #expect(verified.time == Fixtures.now)
  }

  @Test func writtenSignaturesAreLowSDER() throws {
    let signer = try Fixtures.signer(1)
    for number in Int64(0)..<32 {
      let claim = try Claim(iss: "a", sub: "b", stm: ["n": .integer(number)], keys: [signer.key]).signed(by: signer)
      let bytes = try #require(claim.signatures[0].flatMap { Base64.decode($0) })
      #expect(try ECDSASignature(strictDER: bytes).isLowS)
    }
  }

  /// A token may return either s; what is written is the low one all the same.
  @Test func tokensThatSignWithHighS() throws {
    let privateKey = try Fixtures.privateKey(1)
    let token = ClaimSigner(publicKey: privateKey.publicKey) { digest throws(CryptographyError) in
      let signature = try privateKey.sign(digest: digest)
      do { return try Fixtures.withOtherS(signature) } catch { throw CryptographyError.libraryFailure("\(error)") }
    }
    let claim = try Fixtures.approval(keys: [token.key]).signed(by: token)
    let bytes = try #require(claim.signatures[0].flatMap { Base64.decode($0) })
    #expect(try ECDSASignature(strictDER: bytes).isLowS)
    #expect(throws: Never.self) { try ClaimVerifier().verify(claim, at: Fixtures.now) }
  }

  @Test func coSigningKeepsWhatIsThere() throws {
    let signers = try (1...3).map(Fixtures.signer)
    let empty = try Fixtures.approval(keys: signers.map(\.key))
    var claim = empty
    for (count, signer) in signers.enumerated() {
      claim = try claim.signed(by: signer)
      #expect(try ClaimVerifier().verify(claim, at: Fixtures.now).validKeys.count == count + 1)
    }
    #expect(Set(try ClaimVerifier().verify(claim, at: Fixtures.now).validKeys) == Set(signers.map(\.key)))
    #expect(claim.digest == empty.digest)
    // In any order the same claim results, up to the randomness of ECDSA.
    let other = try empty.signed(by: signers[2]).signed(by: signers[0]).signed(by: signers[1])
    #expect(other.keys.map(\.text) == claim.keys.map(\.text))
    #expect(try ClaimVerifier().verify(other, at: Fixtures.now).validKeys.count == 3)
  }

  @Test func theSignersAreFixedBeforeTheFirstSignature() throws {
    let (first, second) = (try Fixtures.signer(1), try Fixtures.signer(2))
    let claim = try Fixtures.approval(keys: [first.key]).signed(by: first)
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try claim.signed(by: second) } == .keyNotListed(second.key))
    // Adding the key by hand makes another claim, which the first signature does not cover.
    var object = try #require(claim.json.object)
    object["key"] = .array([first.key, second.key].map { .string($0.text) })
    object["sig"] = .array([.string(try #require(claim.signatures[0])), nil])
    let extended = try Claim(json: .object(object))
    #expect(throws: ClaimError.self) { try ClaimVerifier().verify(extended, at: Fixtures.now) }
  }

  @Test func nobodySignsTwice() throws {
    let signer = try Fixtures.signer(1)
    let claim = try Fixtures.approval(keys: [signer.key]).signed(by: signer)
    #expect(Fixtures.error { () throws(ClaimError) in _ = try claim.signed(by: signer) } == .alreadySigned(signer.key))
  }

  @Test func aTokenThatSignedSomethingElseIsNoticedAtOnce() throws {
    let privateKey = try Fixtures.privateKey(1)
    let key = ClaimKey(privateKey.publicKey)
    let claim = try Fixtures.approval(keys: [key])
    let other = ES256Signature.text(try privateKey.sign(Array("something else".utf8)))
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try claim.adding(other, of: key) } == .invalidSignature(key: key))
    guard case .malformedSignature? = Fixtures.error({ () throws(ClaimError) in _ = try claim.adding("zzz", of: key) })
    else {
      Issue.record("accepted")
      return
    }
    let failing = ClaimSigner(publicKey: privateKey.publicKey) { _ throws(CryptographyError) in
      throw CryptographyError.libraryFailure("token removed")
    }
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try claim.signed(by: failing) }
        == .signing(.libraryFailure("token removed")))
  }

  /// A key listed as a passkey does not sign like a plain key, although the bytes are the same.
  @Test func theAlgorithmIsPartOfTheKey() throws {
    let signer = try Fixtures.signer(1)
    let passkey = ClaimKey(signer.key.publicKey, algorithm: .webauthn)
    let claim = try Fixtures.approval(keys: [passkey])
    #expect(Fixtures.error { () throws(ClaimError) in _ = try claim.signed(by: signer) } == .keyNotListed(signer.key))
    let plain = ES256Signature.text(try Fixtures.privateKey(1).sign(claim.signedBytes()))
    #expect(throws: ClaimError.self) { try claim.adding(plain, of: passkey) }
    let forced = claim.replacingSignature(at: 0, with: plain)
    let policy = WebAuthnPolicy(rpID: "box.example", origins: ["https://box.example"], requireUserVerification: false)
    #expect(throws: ClaimError.self) { try ClaimVerifier().verify(forced, at: Fixtures.now, webAuthn: policy) }
  }
}
