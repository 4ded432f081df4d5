import CanonicalJSON
import Cryptography
import HTTPClient
import Keychain

/// Pushes to a browser by its push service (RFC 8030), identified by a VAPID token (RFC 8292).
struct WebPushSender {
  var route: PushRoute.WebPush
  var exchange: VendorExchange
  var resolver: SecretResolver
  /// Unix milliseconds.
  var now: Int64

  /// Seconds that a token holds; at most 24 hours are allowed (RFC 8292 section 2).
  private static let tokenLifetime: Int64 = 3600

  func send(_ draft: PushDraft) async -> ExecutionOutcome {
    guard let keys = draft.keys, let url = try? HTTPURL(draft.to) else { return .failed("no subscription") }
    let request: HTTPClientRequest
    do {
      let key = try Self.key(
        try MessageSecret.text(route.secret, from: resolver, for: RouteText.destination(url)), name: route.secret)
      let token = try JSONWebToken.sign(
        [
          "aud": .string("\(url.scheme.rawValue)://\(url.authority)"),
          "exp": .integer(now / 1000 + Self.tokenLifetime), "sub": .string(route.subject),
        ], with: key)
      request = HTTPClientRequest(
        method: "POST", url: draft.to,
        headers: [
          HTTPClientHeader("Authorization", "vapid t=\(token), k=\(Base64.encodeURL(key.publicKey.x963))"),
          HTTPClientHeader("TTL", "\(route.timeToLive)"), HTTPClientHeader("Content-Encoding", "aes128gcm"),
          HTTPClientHeader("Content-Type", "application/octet-stream"),
        ],
        body: try WebPushEncryption.encrypt(
          draft.payload.canonicalBytes(), for: keys, sender: .generate(), salt: SecureRandom.bytes(16)))
    } catch let error as MessageSecret.Unusable {
      return .failed(error.reason)
    } catch {
      return .failed("the message cannot be encrypted")
    }
    do {
      let answer = try await exchange.send(request)
      var facts: JSONObject = [:]
      facts["secrets"] = resolver.usedJSON
      // Section 5: 201; some services say 200 or 202 (RFC 8030 section 5.1 for receipts).
      guard [200, 201, 202].contains(answer.status) else {
        // The subscription has ended; the application should forget it (section 7.3).
        if [404, 410].contains(answer.status) { facts["code"] = "gone" }
        return VendorExchange.unconfirmed(answer, isSpoken: answer.retryAfter != nil, facts)
      }
      var result = answer.facts
      for (name, value) in facts { result[name] = value }
      return .executed(result: result, opening: nil)
    } catch {
      return .undone(error)
    }
  }

  /// The private number in base64url, as the usual tools write it, or a PKCS#8 block.
  private static func key(_ text: String, name: String) throws(MessageSecret.Unusable) -> P256.PrivateKey {
    let key: P256.PrivateKey?
    if text.hasPrefix("-----BEGIN") {
      key = try? P256.PrivateKey(pkcs8PEM: text)
    } else {
      key = Base64.decodeURL(text).flatMap { try? P256.PrivateKey(rawScalar: $0) }
    }
    guard let key else { throw MessageSecret.Unusable(reason: "the secret \(name) is no P-256 key") }
    return key
  }
}
