import CanonicalJSON
import HTTPClient

/// How a community's short messages leave: an account with Twilio, or with a service of its shape.
public struct SMSRoute: Sendable, Hashable {
  /// `https://api.twilio.com` where nothing is said.
  public var url: HTTPURL
  /// `AC` and 32 hexadecimal digits.
  public var account: String
  /// Who logs in: the account itself, or the SID of an API key.
  public var user: String
  /// The name of the secret that holds the auth token or the API key's secret.
  public var secret: String
  /// The sender where a call names none: a number, a short code, a messaging service's SID or an alphanumeric name.
  public var from: String
  /// Who else may be the sender.
  public var senders: [String]

  public static let maxSenders = 64

  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    url = try RouteText.baseURL("url", default: "https://api.twilio.com", of: &reader)
    account = try Self.sid("account", prefixes: ["AC"], of: &reader)
    if json["user"] != nil {
      user = try Self.sid("user", prefixes: ["AC", "SK"], of: &reader)
    } else {
      user = account
    }
    secret = try RouteText.secretName("secret", of: &reader)
    from = try Self.sender(try reader.json("from"), path: reader.pathOf("from"))
    var senders: [String] = []
    for (index, value) in (try reader.optionalArray("senders", maxCount: Self.maxSenders) ?? []).enumerated() {
      senders.append(try Self.sender(value, path: "\(reader.pathOf("senders"))[\(index)]"))
    }
    self.senders = senders
    try reader.finish()
  }

  /// Whether messages may be sent in the name of `sender`.
  public func permits(sender: String) -> Bool { sender == from || senders.contains(sender) }

  private static func sid(
    _ member: String, prefixes: [String], of reader: inout ObjectReader
  ) throws(FieldError) -> String {
    let text = try reader.string(member, maxBytes: 64)
    guard text.utf8.count == 34, prefixes.contains(where: text.hasPrefix),
      text.utf8.dropFirst(2).allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
    else {
      throw FieldError(
        field: reader.pathOf(member),
        expected: "\(prefixes.joined(separator: " or ")) and 32 lower-case hexadecimal digits",
        actual: JSON.string(text).summary)
    }
    return text
  }

  /// A number in E.164, a short code, `MG` and 32 hexadecimal digits, or 1-11 letters, digits and blanks.
  static func sender(_ json: JSON, path: String) throws(FieldError) -> String {
    guard let text = json.string, PhoneNumber.isE164(text) || isOtherSender(text) else {
      throw FieldError(
        field: path,
        expected: "a number as in +15551234567, a short code, a service's SID or a name of 1-11 characters",
        actual: json.summary)
    }
    return text
  }

  private static func isOtherSender(_ text: String) -> Bool {
    if text.hasPrefix("MG"), text.utf8.count == 34 {
      return text.utf8.dropFirst(2).allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
    return (1...11).contains(text.utf8.count) && text.first != " " && text.last != " "
      && text.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 32
      }
  }
}

/// Telephone numbers as the ITU writes them.
enum PhoneNumber {
  /// `+`, a country code and a subscriber's number: 7 to 15 digits, the first not 0 (ITU-T E.164).
  static func isE164(_ text: String) -> Bool {
    let digits = text.utf8.dropFirst()
    return text.hasPrefix("+") && (7...15).contains(digits.count) && digits.first != UInt8(ascii: "0")
      && digits.allSatisfy { (48...57).contains($0) }
  }
}
