import CanonicalJSON
import Cryptography
import TestSupport
import Testing

/// The Wycheproof tokens: known answers for RSA, and a check that our strict base64 does not soften a token.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct JSONWebSignatureTests {
  /// A compact token (RFC 7515 section 7.1) is valid when its three parts are canonical base64url, the header names the
  /// algorithm of the key, and the signature belongs to the first two parts.
  private func isValid(_ token: String, key: JSON) -> Bool {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let header = Base64.decodeURL(parts[0]), Base64.decodeURL(parts[1]) != nil,
      let signature = Base64.decodeURL(parts[2]), let algorithm = key["alg"]?.string,
      let fields = try? JSON(parsing: header, limits: .document(maxBytes: 4096)),
      fields["alg"]?.string == algorithm, fields["crit"] == nil
    else { return false }
    let message = Array((parts[0] + "." + parts[1]).utf8)
    func member(_ name: String) -> [UInt8] { key[name]?.string.flatMap { Base64.decodeURL($0) } ?? [] }
    switch algorithm {
    case "HS256":
      return HMACSHA256.isValid(signature, for: message, key: SecretBytes(copying: member("k")))
    case "ES256":
      guard let parsed = try? ECDSASignature(p1363: signature),
        let point = try? P256.PublicKey(x963: [4] + member("x") + member("y"))
      else { return false }
      return point.isValid(parsed, for: message)
    default:
      guard let rsa = try? RSA.PublicKey(modulus: member("n"), exponent: member("e")),
        let hash = DigestAlgorithm(rawValue: "sha" + algorithm.dropFirst(2))
      else { return false }
      return algorithm.hasPrefix("PS")
        ? rsa.isValidPSS(signature, for: message, hash: hash) : rsa.isValidPKCS1(signature, for: message, hash: hash)
    }
  }

  /// Where we answer otherwise than the collection, and why.
  private let deviations: [Int64: (expected: Bool, why: String)] = [
    346: (false, "the header names PS384, the key PS256: RFC 7517 section 4.4 binds a key to its algorithm"),
    350: (false, "as 346"),
    367: (true, "the padding that the comment speaks of is not in the token, which equals the valid one"),
    370: (true, "as 367"),
    372: (false, "a question mark inside the header is not base64url"),
    373: (false, "a question mark inside the payload is not base64url"),
  ]

  @Test func tokens() throws {
    var checked: [String: Int] = [:]
    for test in try Wycheproof("json_web_signature").cases {
      let key = try #require(test.group["public"] ?? test.group["private"])
      // P-521 is not exposed.
      guard key["crv"]?.string != "P-521" else { continue }
      let token = try #require(test.json["jws"]?.string)
      let number = try #require(test.json["tcId"]?.integer)
      let expected = deviations[number]?.expected ?? (test.result == "valid")
      #expect(isValid(token, key: key) == expected, test.label)
      if deviations[number] != nil { #expect(expected != (test.result == "valid"), test.label) }
      if expected { checked[key["alg"]?.string ?? "", default: 0] += 1 }
    }
    #expect(Set(checked.keys) == ["HS256", "ES256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
  }
}
