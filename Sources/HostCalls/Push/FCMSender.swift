import CanonicalJSON
import Cryptography
import HTTPClient
import Keychain

/// Pushes to a device by Firebase Cloud Messaging (HTTP v1), with the access token of a service account (RFC 7523).
struct FCMSender {
  var route: PushRoute.FCM
  var exchange: VendorExchange
  var resolver: SecretResolver
  /// Unix milliseconds.
  var now: Int64

  private static let scope = "https://www.googleapis.com/auth/firebase.messaging"
  private static let tokenLifetime: Int64 = 3600

  func send(_ draft: PushDraft) async -> ExecutionOutcome {
    let token: String
    do {
      token = try await accessToken()
    } catch {
      return .failed(result: error.result, opening: nil)
    }
    let request = HTTPClientRequest(
      method: "POST", url: RouteText.joined(route.url, "/v1/projects/\(route.project)/messages:send"),
      headers: [
        HTTPClientHeader("Authorization", "Bearer \(token)"),
        HTTPClientHeader("Content-Type", "application/json; charset=utf-8"),
      ], body: Self.message(draft).canonicalBytes())
    do {
      return outcome(try await exchange.send(request))
    } catch {
      return .undone(error)
    }
  }

  private struct NoToken: Error {
    var result: JSONObject

    init(_ reason: String, _ facts: JSONObject = [:]) {
      result = facts
      result["reason"] = .string(reason)
    }
  }

  private func accessToken() async throws(NoToken) -> String {
    let assertion: String
    do {
      let pem = try MessageSecret.text(route.secret, from: resolver, for: RouteText.destination(route.tokenURL))
      guard let key = try? RSA.PrivateKey(pkcs8PEM: pem) else {
        throw MessageSecret.Unusable(reason: "the secret \(route.secret) is no RSA key in PKCS#8")
      }
      assertion = try JSONWebToken.sign(
        [
          "iss": .string(route.email), "scope": .string(Self.scope), "aud": .string(route.tokenURL.description),
          "iat": .integer(now / 1000), "exp": .integer(now / 1000 + Self.tokenLifetime),
        ], with: key)
    } catch let error as MessageSecret.Unusable {
      throw NoToken(error.reason)
    } catch {
      throw NoToken("the assertion cannot be signed")
    }
    let form = FormBody.encode([
      ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion),
    ])
    let answer: VendorExchange.Answer
    do {
      answer = try await exchange.send(
        HTTPClientRequest(
          method: "POST", url: route.tokenURL.description,
          headers: [HTTPClientHeader("Content-Type", "application/x-www-form-urlencoded")], body: form))
    } catch {
      throw NoToken("no access token: \(error)")
    }
    guard answer.isSuccess, let token = answer.json?["access_token"]?.string, Self.isToken(token) else {
      var facts = answer.facts
      if let code = answer.json?["error"]?.string, Self.isWord(code) { facts["code"] = .string(code) }
      throw NoToken("the token endpoint gave no access token", facts)
    }
    return token
  }

  private static func message(_ draft: PushDraft) -> JSON {
    var message: JSONObject = [
      "token": .string(draft.to),
      "notification": ["title": .string(draft.title), "body": .string(draft.body)],
    ]
    if !draft.data.isEmpty { message["data"] = .object(draft.data) }
    if let sound = draft.sound { message["android"] = ["notification": ["sound": .string(sound)]] }
    var apple: JSONObject = [:]
    apple["badge"] = draft.badge.map { .integer($0) }
    apple["sound"] = draft.sound.map { .string($0) }
    if !apple.isEmpty { message["apns"] = ["payload": ["aps": .object(apple)]] }
    return ["message": .object(message)]
  }

  private func outcome(_ answer: VendorExchange.Answer) -> ExecutionOutcome {
    var facts: JSONObject = [:]
    facts["secrets"] = resolver.usedJSON
    let prefix = "projects/\(route.project)/messages/"
    if answer.isSuccess, let name = answer.json?["name"]?.string, name.hasPrefix(prefix), name.utf8.count <= 256,
      Self.isName(name.dropFirst(prefix.count))
    {
      var result = answer.facts
      for (name, value) in facts { result[name] = value }
      result["id"] = .string(name)
      return .executed(result: result, opening: nil)
    }
    // {"error":{"code":404,"status":"NOT_FOUND","details":[{"errorCode":"UNREGISTERED",...}]}}
    let error = answer.json?["error"]
    let codes =
      (error?["details"]?.array ?? []).compactMap { $0["errorCode"]?.string } + [error?["status"]?.string ?? ""]
    if let code = codes.first(where: Self.isWord) { facts["code"] = .string(code) }
    return VendorExchange.unconfirmed(answer, isSpoken: error?.object != nil, facts)
  }

  private static func isWord(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { (65...90).contains($0) || (97...122).contains($0) || $0 == UInt8(ascii: "_") }
  }

  private static func isName(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "_-:%.".utf8.contains($0)
      }
  }

  // RFC 6750 section 2.1; what is longer or holds a line end would not stay one header.
  private static func isToken(_ text: String) -> Bool {
    (1...4096).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "-._~+/=".utf8.contains($0)
      }
  }
}
