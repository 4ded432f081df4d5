import CanonicalJSON
import Cryptography

/// Signed tokens in the compact form (RFC 7515, RFC 7519).
enum JSONWebToken {
  /// RS256 (RFC 7518 section 3.3).
  static func sign(_ claims: JSONObject, with key: RSA.PrivateKey) throws(CryptographyError) -> String {
    let input = signingInput("RS256", claims)
    return input + "." + Base64.encodeURL(try key.signPKCS1(Array(input.utf8), hash: .sha256))
  }

  /// ES256 (RFC 7518 section 3.4).
  static func sign(_ claims: JSONObject, with key: P256.PrivateKey) throws(CryptographyError) -> String {
    let input = signingInput("ES256", claims)
    return input + "." + Base64.encodeURL(try key.sign(Array(input.utf8)).p1363)
  }

  private static func signingInput(_ algorithm: String, _ claims: JSONObject) -> String {
    let header: JSON = ["alg": .string(algorithm), "typ": "JWT"]
    return Base64.encodeURL(header.canonicalBytes()) + "." + Base64.encodeURL(JSON.object(claims).canonicalBytes())
  }
}
