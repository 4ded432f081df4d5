import Cryptography

extension UInt64 {
  /// ASCII decimal without sign or leading zeros; `0` alone is zero. Nil on anything else, overflow included.
  init?(strictDecimal digits: some Collection<UInt8>) {
    guard let first = digits.first, digits.count <= 20 else { return nil }
    guard first != UInt8(ascii: "0") || digits.count == 1 else { return nil }
    var value: UInt64 = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      let (tens, tensOverflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, sumOverflow) = tens.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      guard !tensOverflow, !sumOverflow else { return nil }
      value = sum
    }
    self = value
  }
}

extension SHA256Digest {
  /// Base64 of exactly 32 octets, canonical.
  init?(base64 text: some Sequence<UInt8>) {
    guard let bytes = Base64.decode(String(decoding: Array(text), as: UTF8.self)) else { return nil }
    self.init(bytes)
  }

  var base64: String { Base64.encode(bytes) }
}

/// Takes lines that each end in a line feed off the front of a text.
struct LineScanner {
  private(set) var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The next line without its line feed; nil at the end, or when the text ends before a line feed.
  mutating func next() -> ArraySlice<UInt8>? {
    guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    defer { rest = rest[(end + 1)...] }
    return rest[..<end]
  }
}

/// Swift compares strings by canonical equivalence, where the Kelvin sign equals "K". Names of keys and origins are
/// octets: two that merely look alike are different parties.
func sameOctets(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
