/// The names that Debian policy 5.6.7 allows, and of the architectures there are.
enum DebianName {
  static func isPackage(_ text: String) -> Bool {
    let bytes = text.utf8
    guard let first = bytes.first, (2...128).contains(bytes.count), isLetterOrDigit(first) else { return false }
    return bytes.allSatisfy { isLetterOrDigit($0) || "+-.".utf8.contains($0) }
  }

  static func isArchitecture(_ text: String) -> Bool {
    (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
      && text.utf8.first != UInt8(ascii: "-")
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}
