import CanonicalJSON
import HTTPClient

/// How a community's mail leaves: one submission server.
public struct MailRoute: Sendable, Hashable {
  /// `smtp://HOST[:PORT]` (port 587) or `smtps://HOST[:PORT]` (port 465).
  public var server: MailServer
  /// Who logs in, and the name of the secret that holds the password. Never without TLS.
  public var login: Login?
  /// The sender where a call names none.
  public var from: MailAddress
  /// What stands beside the sender's address, where the sender is `from`.
  public var name: String?
  /// Who else may be the sender: addresses, or `@DOMAIN` for every address of it.
  public var senders: [String]

  public struct Login: Sendable, Hashable {
    public var user: String
    public var secret: String
  }

  public static let maxSenders = 64

  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let url = try reader.string("url", maxBytes: 512)
    let security = try reader.optionalString("security", maxBytes: 16)
    server = try Self.server(url, security: security, &reader)
    let user = try reader.optionalString("user", maxBytes: 256)
    let secret = try RouteText.optionalSecretName("secret", of: &reader)
    switch (user, secret) {
    case (nil, nil): login = nil
    case (let user?, let secret?):
      guard !user.isEmpty, MessageText.isLine(user) else {
        throw FieldError(
          field: reader.pathOf("user"), expected: "a user name without control characters",
          actual: JSON.string(user).summary)
      }
      // A password over a connection that anyone on the way can read is no secret any more.
      guard server.security != .none else {
        throw FieldError(field: reader.pathOf("user"), expected: "no login with security none", actual: "a login")
      }
      login = Login(user: user, secret: secret)
    default:
      throw FieldError(
        field: reader.pathOf(user == nil ? "user" : "secret"), expected: "user and secret together", actual: "nothing")
    }
    from = try MailAddress(try reader.string("from", maxBytes: MailAddress.maxBytes), path: reader.pathOf("from"))
    name = try reader.optionalString("name", maxBytes: 128)
    if let name, !MessageText.isLine(name) {
      throw FieldError(
        field: reader.pathOf("name"), expected: "a name without control characters", actual: JSON.string(name).summary)
    }
    var senders: [String] = []
    for (index, value) in (try reader.optionalArray("senders", maxCount: Self.maxSenders) ?? []).enumerated() {
      let field = "\(reader.pathOf("senders"))[\(index)]"
      guard let text = value.string else {
        throw FieldError(field: field, expected: "an address or @DOMAIN", actual: value.summary)
      }
      senders.append(
        text.hasPrefix("@")
          ? "@" + (try MailAddress("any" + text, path: field)).domain : try MailAddress(text, path: field).text)
    }
    self.senders = senders
    try reader.finish()
  }

  /// Whether mail may be sent in the name of `address`.
  public func permits(sender address: MailAddress) -> Bool {
    address == from || senders.contains { $0 == address.text || $0 == "@" + address.domain }
  }

  private static func server(
    _ url: String, security: String?, _ reader: inout ObjectReader
  ) throws(FieldError) -> MailServer {
    let implicit = url.hasPrefix("smtps:")
    let mode: MailServer.Security
    switch (implicit, security) {
    case (true, nil), (true, "tls"): mode = .tls
    case (false, nil), (false, "starttls"): mode = .startTLS
    case (false, "none"): mode = .none
    default:
      throw FieldError(
        field: reader.pathOf("security"), expected: implicit ? "tls" : "starttls or none",
        actual: JSON.string(security ?? "").summary)
    }
    do {
      return try MailServer(url: url, security: mode)
    } catch {
      throw FieldError(
        field: reader.pathOf("url"), expected: "smtp://HOST[:PORT] or smtps://HOST[:PORT]", actual: "\(error)")
    }
  }
}
