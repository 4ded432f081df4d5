import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import OpenClaims

/// Tests/Vectors/claims.json: made by another implementation, for others to test theirs with.
@Suite struct OwnClaimVectorTests {
  @Test func everyCase() throws {
    let cases = try #require(Vectors.own("claims.json")["cases"]?.array)
    #expect(cases.count == 69)
    #expect(Set(cases.compactMap { $0["name"]?.string }).count == cases.count)
    for entry in cases {
      let name = try #require(entry["name"]?.string)
      let json = try #require(entry["claim"])
      var policy: WebAuthnPolicy?
      if let object = entry["webAuthn"]?.object {
        policy = WebAuthnPolicy(
          rpID: object["rpID"]?.string ?? "", origins: object["origins"]?.array?.compactMap(\.string) ?? [],
          requireUserVerification: object["requireUserVerification"]?.bool ?? true)
      }
      let time = try #require(entry["time"]?.integer)
      let expected = try #require(entry["expect"]?.string)
      do throws(ClaimError) {
        let claim = try Claim(json: json)
        #expect(claim.signedBytes() == Array((entry["signedBytes"]?.string ?? "").utf8), "\(name)")
        #expect(claim.digest.hex == entry["digest"]?.string, "\(name)")
        let verified = try ClaimVerifier().verify(claim, at: time, webAuthn: policy)
        #expect(expected == "valid", "\(name)")
        #expect(verified.validKeys.map { JSON.string($0.text) } == entry["signers"]?.array, "\(name)")
      } catch {
        #expect(error.code == expected, "\(name)")
      }
    }
  }
}
