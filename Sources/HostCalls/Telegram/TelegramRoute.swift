import CanonicalJSON
import HTTPClient

/// One bot of a community.
public struct TelegramRoute: Sendable, Hashable {
  /// The name by which tools call the bot.
  public var app: String
  /// `https://api.telegram.org` where nothing is said.
  public var url: HTTPURL
  /// The name of the secret that holds the bot's token.
  public var secret: String

  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    app = try reader.string("app", maxBytes: 64)
    guard RouteText.isName(app) else {
      throw FieldError(
        field: reader.pathOf("app"), expected: "a name of letters, digits, . _ and -", actual: JSON.string(app).summary)
    }
    url = try RouteText.baseURL("url", default: "https://api.telegram.org", of: &reader)
    secret = try RouteText.secretName("secret", of: &reader)
    try reader.finish()
  }
}
