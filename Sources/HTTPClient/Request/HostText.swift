/// The host part of a URL.
enum HostText {
  /// The host's normal form, and the address if it is a literal.
  static func parse(_ text: String) throws(URLFault) -> (String, IPAddress?) {
    if text.hasPrefix("[") {
      let inner = String(text.dropFirst().dropLast())
      // No dot check: `::ffff:127.0.0.1` is legal and becomes the IPv4 address that it is.
      guard text.hasSuffix("]"), inner.contains(":"), let address = IPAddress(inner) else { throw .host(text) }
      return (address.description, address)
    }
    let name = text.lowercased()
    guard !name.isEmpty else { throw .noHost }
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    guard let last = labels.last else { throw .noHost }
    // WHATWG URL "ends in a number": such a host is an IPv4 address or an error, never a name, because resolvers
    // (`inet_aton`) would take it as an address that no check has seen.
    if isNumber(last) {
      guard let address = v4(labels) else { throw .host(text) }
      return (address.description, address)
    }
    guard name.utf8.count <= 253, labels.allSatisfy(isLabel) else { throw .host(text) }
    return (name, nil)
  }

  // RFC 1123 labels, and the underscore that is seen in the wild. No trailing dot: it would be a second spelling.
  private static func isLabel(_ label: Substring) -> Bool {
    let bytes = label.utf8
    guard (1...63).contains(bytes.count), bytes.first != UInt8(ascii: "-"), bytes.last != UInt8(ascii: "-") else {
      return false
    }
    return bytes.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      default: byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
      }
    }
  }

  private static func isNumber(_ label: Substring) -> Bool {
    if !label.isEmpty, label.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) { return true }
    return number(label) != nil
  }

  private static func number(_ label: Substring) -> UInt64? {
    guard !label.isEmpty, !label.hasPrefix("+"), !label.hasPrefix("-") else { return nil }
    if label.hasPrefix("0x") {
      let digits = label.dropFirst(2)
      guard !digits.hasPrefix("+"), !digits.hasPrefix("-") else { return nil }
      return digits.isEmpty ? 0 : UInt64(digits, radix: 16)
    }
    if label.hasPrefix("0"), label.utf8.count > 1 { return UInt64(label.dropFirst(), radix: 8) }
    return UInt64(label)
  }

  private static func v4(_ labels: [Substring]) -> IPAddress? {
    guard (1...4).contains(labels.count) else { return nil }
    var value: UInt64 = 0
    for (index, label) in labels.enumerated() {
      guard let number = number(label) else { return nil }
      if index < labels.count - 1 {
        guard number <= 255 else { return nil }
        value |= number << UInt64(8 * (3 - index))
      } else {
        guard number < 1 << UInt64(8 * (5 - labels.count)) else { return nil }
        value |= number
      }
    }
    return IPAddress(v4: UInt32(value))
  }
}
