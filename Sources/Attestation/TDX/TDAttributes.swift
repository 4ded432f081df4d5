/// ATTRIBUTES of a trust domain (TDX module base specification, ATTRIBUTES): bits 0-7 put it under debug, bits 8-31 bear on
/// its security, the rest do not.
public struct TDAttributes: OptionSet, Sendable, Hashable {
  public let rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Any of these: the host can read and change the domain's state.
  static let underDebug = TDAttributes(rawValue: 0xFF)

  /// The names that policies use for single bits.
  static let named: [(name: String, attribute: TDAttributes)] = [
    ("lass", TDAttributes(rawValue: 1 << 27)),
    ("sept-ve-disable", TDAttributes(rawValue: 1 << 28)),
    ("migratable", TDAttributes(rawValue: 1 << 29)),
    ("pks", TDAttributes(rawValue: 1 << 30)),
    ("key-locker", TDAttributes(rawValue: 1 << 31)),
    ("tpa", TDAttributes(rawValue: 1 << 62)),
    ("perfmon", TDAttributes(rawValue: 1 << 63)),
  ]

  /// The names of the bits that are set; of one without a name, `bit-N`.
  var names: [String] {
    (0..<64).compactMap { bit in
      let attribute = TDAttributes(rawValue: 1 << UInt64(bit))
      guard contains(attribute) else { return nil }
      return Self.named.first { $0.attribute == attribute }?.name ?? "bit-\(bit)"
    }
  }

  /// As they stand in the report.
  var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: rawValue >> UInt64(8 * $0)) } }
}
