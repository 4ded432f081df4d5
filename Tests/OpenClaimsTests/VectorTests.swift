import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import OpenClaims

/// The published rules as claims with verdicts; `vectors/openclaim/README.txt` says where they come from.
@Suite struct OpenClaimVectorTests {
  /// A strict reader's verdict: the claim is well-formed, holds now, all its signatures are valid and enough distinct keys
  /// among its own have signed.
  func verdict(_ claim: JSON, threshold: Int, time: Int64) -> Bool {
    do throws(ClaimError) {
      let claim = try Claim(json: claim)
      let quorum = try KeyQuorum(threshold, of: claim.keys)
      try quorum.require(try ClaimVerifier().verify(claim, at: time))
      return true
    } catch {
      return false
    }
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence))
  func everyCase() throws {
    let file = try Vectors.json("openclaim/es256.json")
    let cases = try #require(file["cases"]?.array)
    #expect(cases.count == 26)
    for entry in cases {
      let name = try #require(entry["name"]?.string)
      let claim = try #require(entry["claim"])
      let threshold = try Int(#require(entry["threshold"]?.integer))
      let time = entry["time"]?.integer ?? 1_700_000_000
      let expected = try #require(entry["expect"]?.bool as Bool?)
      #expect(verdict(claim, threshold: threshold, time: time) == expected, "\(name)")

      guard let signedBytes = entry["signedBytes"]?.string, let members = claim.object else { continue }
      if name.contains("fallback form") {
        // What another library signs by mistake: these bytes must never be ours.
        #expect(try Claim(json: claim).signedBytes() != Array(signedBytes.utf8), "\(name)")
        continue
      }
      let keys = claim["key"]?.array?.compactMap(\.string) ?? [claim["key"]?.string ?? ""]
      #expect(Claim.signedBytes(of: members, keys: keys) == Array(signedBytes.utf8), "\(name)")
      let digest = try #require(entry["sha256"]?.string)
      #expect(SHA256.hash(Array(signedBytes.utf8)).hex == digest, "\(name)")
      if let claim = try? Claim(json: claim) {
        #expect(claim.signedBytes() == Array(signedBytes.utf8), "\(name)")
        #expect(claim.digest.hex == digest, "\(name)")
        // Written out and read again it is the same claim with the same verdict.
        let again = try Claim(parsing: claim.json.canonicalBytes(), limits: .publishedClaim)
        #expect(again == claim, "\(name)")
        #expect(verdict(again.json, threshold: threshold, time: time) == expected, "\(name)")
      }
    }
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence))
  func everyKey() throws {
    for entry in try #require(Vectors.json("openclaim/es256.json")["keys"]?.array) {
      let scalar = try #require(entry["d"]?.string.flatMap(Hex.decode))
      let key = try P256.PrivateKey(rawScalar: scalar)
      let text = try #require(entry["uri"]?.string)
      #expect(ClaimKey(key.publicKey).text == text)
      #expect(try ClaimKey(parsing: text).publicKey == key.publicKey)
      #expect(Base64.encode(key.publicKey.spkiDER) == entry["spki"]?.string)
    }
  }
}
