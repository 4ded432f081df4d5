import CanonicalJSON
import Cryptography
import Testing

@testable import OpenClaims

@Suite struct VerificationTests {
  let verifier = ClaimVerifier()
  let signer: ClaimSigner
  let claim: Claim

  init() throws {
    signer = try Fixtures.signer(1)
    claim = try Fixtures.approval(keys: [signer.key], nbf: Fixtures.now - 10, exp: Fixtures.now + 10).signed(by: signer)
  }

  @Test func theWindowIsHalfOpen() throws {
    let nbf = Fixtures.now - 10
    let exp = Fixtures.now + 10
    #expect(throws: Never.self) { try verifier.verify(claim, at: nbf) }
    #expect(throws: Never.self) { try verifier.verify(claim, at: exp - 1) }
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try verifier.verify(claim, at: nbf - 1) }
        == .notYetValid(nbf: nbf, at: nbf - 1))
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try verifier.verify(claim, at: exp) } == .expired(exp: exp, at: exp)
    )
  }

  @Test func aClaimWithoutSignaturesProvesNothing() throws {
    let unsigned = try Fixtures.approval(keys: [signer.key])
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try verifier.verify(unsigned, at: Fixtures.now) } == .unsigned)
  }

  /// Every single member is under the signature.
  @Test(
    arguments: [
      ("iss", "mallory"), ("sub", "other.example"), ("nbf", 0), ("exp", 9_999_999_999), ("nce", "b7f2"),
      ("fmt", "ES256"), ("x", 1),
      ("stm", ["decision": "object"]),
    ] as [(String, JSON)])
  func changedMembers(name: String, value: JSON) throws {
    let changed = try Claim(json: Fixtures.json(claim, name, value))
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try verifier.verify(changed, at: Fixtures.now) }
        == .invalidSignature(key: signer.key))
  }

  @Test(arguments: ["nce", "exp", "nbf"])
  func removedMembers(name: String) throws {
    let changed = try Claim(json: Fixtures.json(claim, name, nil))
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try verifier.verify(changed, at: Fixtures.now) }
        == .invalidSignature(key: signer.key))
  }

  @Test func changedStatementFields() throws {
    let statement = try #require(claim.stm.object)
    for name in statement.keys {
      var changed = statement
      changed[name] = "changed"
      let forged = try Claim(json: Fixtures.json(claim, "stm", .object(changed)))
      #expect(throws: ClaimError.self, "\(name)") { try verifier.verify(forged, at: Fixtures.now) }
    }
  }

  @Test func bothFormsAndBothHalvesOfS() throws {
    let signature = try Fixtures.privateKey(1).sign(claim.signedBytes())
    for variant in [signature, try Fixtures.withOtherS(signature)] {
      for bytes in [variant.der, variant.p1363] {
        let claim = claim.replacingSignature(at: 0, with: Base64.encode(bytes))
        #expect(try verifier.verify(claim, at: Fixtures.now).validKeys == [signer.key])
        // What identifies the claim does not depend on which of the four texts it carries.
        #expect(claim.digest == self.claim.digest)
      }
    }
    #expect(try !Fixtures.withOtherS(signature).isLowS)
  }

  @Test func signatureTextsThatAreRefused() throws {
    let signature = try Fixtures.privateKey(1).sign(claim.signedBytes())
    let der = signature.der
    let raw = signature.p1363
    var indefinite = der
    indefinite[1] = 0x80
    let texts = [
      "", " ", Base64.encode(der) + "=", Base64.encode(der) + "\n", "\n" + Base64.encode(der),
      Base64.encodeURL(der + [0]), Base64.encode(der + [0]), Base64.encode(der.dropLast()), Base64.encode(indefinite),
      // A long form of the length, and a superfluous leading zero in r.
      Base64.encode([0x30, 0x81, der[1]] + der[2...]),
      Base64.encode([0x30, der[1] + 1, 0x02, der[3] + 1, 0] + der[4...]),
      Base64.encode(raw + [0]), Base64.encode(raw.dropLast()), Base64.encode([UInt8](repeating: 0, count: 64)),
      Base64.encode([UInt8](repeating: 0xFF, count: 64)), Base64.encode(raw[..<32] + [UInt8](repeating: 0, count: 32)),
      Base64.encode([0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00]), Hex.encode(der),
      Base64.encode(SHA256.hash(claim.signedBytes()).bytes),
    ]
    for text in texts {
      let error = Fixtures.error { () throws(ClaimError) in
        _ = try verifier.verify(claim.replacingSignature(at: 0, with: text), at: Fixtures.now)
      }
      guard case .malformedSignature(signer.key, _)? = error else {
        Issue.record("\(text): \(String(describing: error))")
        continue
      }
    }
  }

  @Test func aWrongSignatureIsNotPassedOver() throws {
    let (first, second) = (try Fixtures.signer(1), try Fixtures.signer(2))
    let claim = try Fixtures.approval(keys: [first.key, second.key]).signed(by: first)
    let index = try #require(claim.keys.firstIndex(of: second.key))
    // The first signer's own signature, put in the place of the second.
    let stolen = claim.replacingSignature(at: index, with: try #require(claim.signatures[1 - index]))
    #expect(
      Fixtures.error { () throws(ClaimError) in _ = try verifier.verify(stolen, at: Fixtures.now) }
        == .invalidSignature(key: second.key))
    #expect(try verifier.verify(claim, at: Fixtures.now).validKeys == [first.key])
  }

  @Test func errorsReadAsSentences() throws {
    let other = try Fixtures.signer(2).key
    let errors: [ClaimError] = [
      .unsigned, .expired(exp: 5, at: 6), .notYetValid(nbf: 6, at: 5), .invalidSignature(key: other),
      .keyNotListed(other),
      .alreadySigned(other), .thresholdOutOfRange(threshold: 0, keys: 3), .belowThreshold(required: 2, actual: 1),
      .malformedSignature(key: other, reason: "is not base64"), .webAuthn(key: other, .userNotPresent),
      .signing(.authenticationFailed), .field(FieldError(field: "iss", expected: "a string", actual: "nothing")),
    ]
    #expect(Set(errors.map(\.description)).count == errors.count)
    #expect(ClaimError.expired(exp: 5, at: 6).description == "expired at 5, and it is 6")
  }
}
