import CanonicalJSON
import Governance
import HTTPClient

/// Texts that several routes have.
enum RouteText {
  /// 1 to 64 ASCII letters, digits, `.`, `_` and `-`.
  static func isName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "._-".utf8.contains($0)
      }
  }

  /// The name of a secret in the keychain.
  static func secretName(_ member: String, of reader: inout ObjectReader) throws(FieldError) -> String {
    guard let name = try optionalSecretName(member, of: &reader) else {
      throw FieldError(field: reader.pathOf(member), expected: "the name of a secret", actual: "nothing")
    }
    return name
  }

  static func optionalSecretName(_ member: String, of reader: inout ObjectReader) throws(FieldError) -> String? {
    guard let name = try reader.optionalString(member, maxBytes: 64) else { return nil }
    guard Name.isValid(name) else {
      throw FieldError(
        field: reader.pathOf(member), expected: "the name of a secret", actual: JSON.string(name).summary)
    }
    return name
  }

  /// A URL without a query: the place of a service. Over http only where the address is a literal, which the settings
  /// must then permit as an egress: a secret goes there.
  static func baseURL(
    _ member: String, default absent: String, of reader: inout ObjectReader
  ) throws(FieldError) -> HTTPURL {
    let text = try reader.optionalString(member, maxBytes: 512) ?? absent
    do {
      let url = try HTTPURL(text)
      guard url.scheme == .https || url.literal != nil else {
        throw FieldError(field: reader.pathOf(member), expected: "an https URL", actual: JSON.string(text).summary)
      }
      guard !url.target.contains("?") else {
        throw FieldError(field: reader.pathOf(member), expected: "a URL without a query", actual: "a query")
      }
      return url
    } catch let error as FieldError {
      throw error
    } catch {
      throw FieldError(field: reader.pathOf(member), expected: "an https URL", actual: "\(error)")
    }
  }

  /// `path` below the URL, which may or may not end with a slash.
  static func joined(_ base: HTTPURL, _ path: String) -> String {
    let text = base.description
    return (text.hasSuffix("/") ? String(text.dropLast()) : text) + path
  }

  /// The destination as secrets are bound to it: with `:port` where that is not the scheme's own, with `http://` in clear
  /// text.
  static func destination(_ url: HTTPURL) -> String {
    url.scheme == .http ? "http://\(url.authority)" : url.authority
  }
}
