import CanonicalJSON

/// A version of a Debian package, `[epoch:]upstream[-revision]`, in the order of Debian policy 5.6.12.
public struct DebianVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let text: String
  private let epoch: Int
  private let upstream: [UInt8]
  private let revision: [UInt8]

  public var description: String { text }

  /// Nil for what is no version, or has more than 256 characters.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard (1...256).contains(bytes.count) else { return nil }
    var rest = bytes[...]
    var epoch = 0
    if let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
      let digits = rest[..<colon]
      guard (1...9).contains(digits.count), digits.allSatisfy(Self.isDigit),
        let number = Int(String(decoding: digits, as: UTF8.self))
      else { return nil }
      epoch = number
      rest = rest[(colon + 1)...]
    }
    var revision: [UInt8] = []
    if let dash = rest.lastIndex(of: UInt8(ascii: "-")) {
      revision = Array(rest[(dash + 1)...])
      rest = rest[..<dash]
      guard !revision.isEmpty, revision.allSatisfy({ Self.isLetterOrDigit($0) || "+.~".utf8.contains($0) }) else {
        return nil
      }
    }
    guard let first = rest.first, Self.isDigit(first),
      rest.allSatisfy({ Self.isLetterOrDigit($0) || ".+-~:".utf8.contains($0) })
    else { return nil }
    self.text = text
    self.epoch = epoch
    self.revision = revision
    upstream = Array(rest)
  }

  /// `1.0` and `1.0-0` are one version with two texts.
  public static func == (left: DebianVersion, right: DebianVersion) -> Bool { left.compared(to: right) == 0 }

  public func hash(into hasher: inout Hasher) { hasher.combine(epoch) }

  public static func < (left: DebianVersion, right: DebianVersion) -> Bool { left.compared(to: right) < 0 }

  private func compared(to other: DebianVersion) -> Int {
    if epoch != other.epoch { return epoch < other.epoch ? -1 : 1 }
    let result = Self.compare(upstream, other.upstream)
    return result != 0 ? result : Self.compare(revision, other.revision)
  }

  /// Runs of other characters and runs of digits in turn.
  private static func compare(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var (a, b) = (left[...], right[...])
    while !a.isEmpty || !b.isEmpty {
      while a.first.map({ !isDigit($0) }) ?? false || b.first.map({ !isDigit($0) }) ?? false {
        // The end of a run counts as less than every character but `~`.
        let (x, y) = (weight(a.first), weight(b.first))
        if x != y { return x - y }
        if a.first.map({ !isDigit($0) }) ?? false { a.removeFirst() }
        if b.first.map({ !isDigit($0) }) ?? false { b.removeFirst() }
      }
      let (m, n) = (number(&a), number(&b))
      if m.count != n.count { return m.count - n.count }
      for (x, y) in zip(m, n) where x != y { return Int(x) - Int(y) }
    }
    return 0
  }

  private static func weight(_ byte: UInt8?) -> Int {
    guard let byte, !isDigit(byte) else { return 0 }
    if byte == UInt8(ascii: "~") { return -1 }
    return isLetterOrDigit(byte) ? Int(byte) : Int(byte) + 256
  }

  /// Takes the digits off the front, and gives them without leading zeros: as many digits, as large a number.
  private static func number(_ bytes: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let digits = bytes.prefix(while: isDigit)
    bytes = bytes.dropFirst(digits.count)
    return digits.drop { $0 == UInt8(ascii: "0") }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }
}
