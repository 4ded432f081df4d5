import CanonicalJSON
import HTTPClient
import Keychain

/// One call of a method of the Bot API.
struct TelegramRequest {
  var app: String
  /// As the API spells it: `sendMessage`, `getChat`.
  var method: String
  var params: JSONObject

  static let maxParamsBytes = 64 << 10
  static let privateMembers: Set<String> = ["params"]

  init(_ reader: inout ObjectReader, _ view: ParamsView) throws(FieldError) {
    app = try reader.string("app", maxBytes: 64)
    guard RouteText.isName(app) else {
      throw FieldError(
        field: reader.pathOf("app"), expected: "a bot's name in the settings", actual: JSON.string(app).summary)
    }
    method = try reader.string("method", maxBytes: 64)
    guard Self.isMethod(method) else {
      throw FieldError(
        field: reader.pathOf("method"), expected: "a method as in sendMessage", actual: JSON.string(method).summary)
    }
    guard let value = reader.optionalPrivate("params", view) else {
      params = [:]
      return
    }
    guard let object = value.object, value.canonicalBytes().count <= Self.maxParamsBytes else {
      throw FieldError(
        field: reader.pathOf("params"), expected: "an object of at most \(Self.maxParamsBytes) bytes",
        actual: value.summary)
    }
    params = object
  }

  /// The API's get methods look; all others change something.
  var looks: Bool {
    let fourth = method.utf8.dropFirst(3).first
    return method.hasPrefix("get") && fourth.map { (65...90).contains($0) } == true
  }

  // The API takes methods in any case; one spelling keeps a grant from being passed by another.
  private static func isMethod(_ text: String) -> Bool {
    guard let first = text.utf8.first, (97...122).contains(first) else { return false }
    let isASCII = text.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
    }
    let isGet = text.lowercased().hasPrefix("get")
    return isASCII && (!isGet || text.utf8.dropFirst(3).first.map { (65...90).contains($0) } == true)
  }

  /// The chat of the params, as approvers see it: a number or a `@name`.
  var chat: JSON? {
    switch params["chat_id"] {
    case .integer(let id)?: .integer(id)
    case .string(let name)? where name.utf8.count <= 64 && MessageText.isLine(name): .string(name)
    default: nil
    }
  }
}

/// Asks the Bot API. The token stands in the URL's path, so no URL leaves this file: what goes wrong is said by the host.
struct TelegramPeer {
  var route: TelegramRoute
  var client: HTTPClient
  var egress: EgressPolicy
  var resolver: SecretResolver

  enum Failure: Error {
    /// Nothing was sent.
    case unusable(String)
    case transport(HTTPClientError)
  }

  func send(_ request: TelegramRequest) async throws(Failure) -> VendorExchange.Answer {
    let token: String
    do {
      token = try MessageSecret.text(route.secret, from: resolver, for: RouteText.destination(route.url))
    } catch {
      throw .unusable(error.reason)
    }
    guard Self.isToken(token) else { throw .unusable("the secret \(route.secret) is not a bot's token") }
    do {
      var answer = try await VendorExchange(client: client, egress: egress).send(
        HTTPClientRequest(
          method: "POST", url: RouteText.joined(route.url, "/bot\(token)/\(request.method)"),
          headers: [HTTPClientHeader("Content-Type", "application/json")],
          body: JSON.object(request.params).canonicalBytes(), mayRepeat: request.looks))
      answer.json = answer.json.map { Redactor(resolver).redact($0) }
      if let seconds = answer.json?["parameters"]?["retry_after"]?.integer, (0...86_400).contains(seconds) {
        answer.retryAfter = seconds
      }
      return answer
    } catch {
      throw .transport(error)
    }
  }

  private static func isToken(_ text: String) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    return parts.count == 2 && (1...20).contains(parts[0].utf8.count) && (16...128).contains(parts[1].utf8.count)
      && parts[0].utf8.allSatisfy { (48...57).contains($0) }
      && parts[1].utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45 || $0 == 95
      }
  }
}
