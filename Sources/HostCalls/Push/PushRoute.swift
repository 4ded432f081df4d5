import CanonicalJSON
import HTTPClient

/// How a community's notifications leave: by Firebase Cloud Messaging, by Web Push, or both.
public struct PushRoute: Sendable, Hashable {
  public var fcm: FCM?
  public var webPush: WebPush?

  /// HTTP v1, with a service account.
  public struct FCM: Sendable, Hashable {
    /// `https://fcm.googleapis.com` where nothing is said.
    public var url: HTTPURL
    /// Where the signed assertion is exchanged for an access token (RFC 7523); `https://oauth2.googleapis.com/token`
    /// where nothing is said.
    public var tokenURL: HTTPURL
    public var project: String
    /// The service account's `client_email`.
    public var email: String
    /// The name of the secret that holds the service account's `private_key` (PEM, PKCS#8, RSA).
    public var secret: String

    init(_ reader: inout ObjectReader) throws(FieldError) {
      url = try RouteText.baseURL("url", default: "https://fcm.googleapis.com", of: &reader)
      tokenURL = try RouteText.baseURL("tokenURL", default: "https://oauth2.googleapis.com/token", of: &reader)
      project = try reader.string("project", maxBytes: 64)
      guard RouteText.isName(project) else {
        throw FieldError(
          field: reader.pathOf("project"), expected: "a project id", actual: JSON.string(project).summary)
      }
      email = try MailAddress(try reader.string("email", maxBytes: 254), path: reader.pathOf("email")).text
      secret = try RouteText.secretName("secret", of: &reader)
      try reader.finish()
    }
  }

  /// RFC 8030 with the voluntary identification of RFC 8292.
  public struct WebPush: Sendable, Hashable {
    /// Whom a push service may write to: `mailto:` and an address, or an https URL.
    public var subject: String
    /// The name of the secret that holds the P-256 private number, base64url without padding.
    public var secret: String
    /// Seconds that a push service keeps a message for a device that is away.
    public var timeToLive: Int64

    init(_ reader: inout ObjectReader) throws(FieldError) {
      subject = try reader.string("subject", maxBytes: 256)
      let isAddress =
        subject.hasPrefix("mailto:") && (try? MailAddress(String(subject.dropFirst(7)), path: "subject")) != nil
      guard isAddress || (try? HTTPURL(subject))?.scheme == .https else {
        throw FieldError(
          field: reader.pathOf("subject"), expected: "mailto:ADDRESS or an https URL",
          actual: JSON.string(subject).summary)
      }
      secret = try RouteText.secretName("secret", of: &reader)
      timeToLive = try reader.optionalInteger("ttl", in: 0...2_419_200) ?? 86_400
      try reader.finish()
    }
  }

  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    if var inner = try reader.optionalObject("fcm") { fcm = try FCM(&inner) }
    if var inner = try reader.optionalObject("webpush") { webPush = try WebPush(&inner) }
    guard fcm != nil || webPush != nil else {
      throw FieldError(field: path, expected: "fcm or webpush", actual: "neither")
    }
    try reader.finish()
  }
}
