import CanonicalJSON

/// One mail address: `local@domain`, ASCII, without a display name, comments or quotes (the dot-atom form of RFC 5322
/// section 3.4.1). What is refused here can neither end an SMTP command nor begin a header.
public struct MailAddress: Sendable, Hashable {
  /// As given, the domain in lower case.
  public let text: String

  /// RFC 5321 section 4.5.3.1.3, without the angle brackets.
  public static let maxBytes = 254

  public init(_ text: String, path: String) throws(FieldError) {
    guard let address = Self.parse(text) else {
      throw FieldError(field: path, expected: "an address as in name@example.org", actual: JSON.string(text).summary)
    }
    self.text = address
  }

  public var domain: String { String(text.split(separator: "@", omittingEmptySubsequences: false).last ?? "") }

  private static func parse(_ text: String) -> String? {
    guard text.utf8.count <= maxBytes else { return nil }
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, (1...64).contains(parts[0].utf8.count), parts[1].utf8.count <= 253 else { return nil }
    let atoms = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    guard atoms.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isAtomByte) }) else { return nil }
    let domain = parts[1].lowercased()
    let labels = domain.split(separator: ".", omittingEmptySubsequences: false)
    guard
      labels.allSatisfy({ label in
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
          && label.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") }
      })
    else { return nil }
    return "\(parts[0])@\(domain)"
  }

  // RFC 5322 section 3.2.3, without the slash and the percent sign that old relays read as routes.
  private static func isAtomByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "!#$&'*+-=?^_`{|}~".utf8.contains(byte)
    }
  }
}
