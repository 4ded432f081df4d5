import CanonicalJSON
import HTTPClient

/// Fields that several kinds of export have.
extension ObjectReader {
  mutating func exportName() throws(FieldError) -> String {
    let name = try string("name", maxBytes: 64)
    // It becomes the name of a file.
    let isName = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
      default: false
      }
    }
    guard isName, !name.isEmpty else {
      throw FieldError(
        field: pathOf("name"), expected: "1-64 lower-case letters, digits and '-'", actual: JSON.string(name).summary)
    }
    return name
  }

  mutating func choice(_ name: String, _ allowed: [String]) throws(FieldError) -> String {
    guard let choice = try optionalChoice(name, allowed) else {
      throw FieldError(field: pathOf(name), expected: "one of \(allowed.joined(separator: ", "))", actual: "nothing")
    }
    return choice
  }

  mutating func optionalChoice(_ name: String, _ allowed: [String]) throws(FieldError) -> String? {
    guard let text = try optionalString(name, maxBytes: 64) else { return nil }
    guard allowed.contains(text) else {
      throw FieldError(
        field: pathOf(name), expected: "one of \(allowed.joined(separator: ", "))",
        actual: JSON.string(text).summary)
    }
    return text
  }

  mutating func format() throws(FieldError) -> AuditFormat {
    try optionalChoice("format", AuditFormat.allCases.map(\.rawValue)).flatMap(AuditFormat.init) ?? .jsonLines
  }

  mutating func path(_ name: String) throws(FieldError) -> String {
    guard let path = try optionalPath(name) else {
      throw FieldError(field: pathOf(name), expected: "an absolute path", actual: "nothing")
    }
    return path
  }

  mutating func optionalPath(_ name: String) throws(FieldError) -> String? {
    guard let path = try optionalString(name, maxBytes: 1024) else { return nil }
    guard path.hasPrefix("/"), !path.utf8.contains(0), path.utf8.last != UInt8(ascii: "/") else {
      throw FieldError(field: pathOf(name), expected: "an absolute path", actual: JSON.string(path).summary)
    }
    return path
  }

  /// A host name or address, as in a URL.
  mutating func host(_ name: String) throws(FieldError) -> String {
    let text = try string(name, maxBytes: 255)
    let bracketed = text.utf8.contains(UInt8(ascii: ":")) ? "[\(text)]" : text
    guard let url = try? HTTPURL("http://\(bracketed)/"), url.port == 80, url.target == "/" else {
      throw FieldError(
        field: pathOf(name), expected: "a host name or an address", actual: JSON.string(text).summary)
    }
    return url.host
  }
}

extension IPAddress {
  /// 127.0.0.0/8 or ::1.
  var isLoopback: Bool { AddressClass(self) == .loopback }
}
