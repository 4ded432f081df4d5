/// A signed 256-bit integer, kept as the word that the machine keeps: two's complement.
public struct Int256: Sendable, Hashable, CustomStringConvertible {
  let pattern: UInt256

  init(pattern: UInt256) { self.pattern = pattern }

  /// Decimal digits without a leading zero, with `-` before a negative number.
  public init?(_ text: String) {
    let isNegative = text.hasPrefix("-")
    guard !text.hasPrefix("0x"), let magnitude = UInt256(isNegative ? String(text.dropFirst()) : text),
      !isNegative || (magnitude != .zero && !text.hasPrefix("-0"))
    else { return nil }
    pattern = isNegative ? magnitude.negated : magnitude
    guard isNegative == self.isNegative else { return nil }
  }

  public var isNegative: Bool { pattern.bit(255) }

  /// Whether it is within -2^(bits-1)..<2^(bits-1).
  public func fits(_ bits: Int) -> Bool {
    let folded = isNegative ? UInt256.max.subtracting(pattern) ?? .max : pattern
    return folded.bitWidth < bits
  }

  public var description: String { isNegative ? "-\(pattern.negated)" : "\(pattern)" }
}
