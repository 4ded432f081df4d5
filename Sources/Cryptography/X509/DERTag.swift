/// The first byte of a DER element: class, primitive or constructed, and a number below 31 (X.690 section 8.1.2).
public struct DERTag: Sendable, Hashable, CustomStringConvertible {
  public let byte: UInt8

  public init(byte: UInt8) { self.byte = byte }

  public static let boolean = DERTag(byte: 0x01)
  public static let integer = DERTag(byte: 0x02)
  public static let bitString = DERTag(byte: 0x03)
  public static let octetString = DERTag(byte: 0x04)
  public static let null = DERTag(byte: 0x05)
  public static let objectIdentifier = DERTag(byte: 0x06)
  public static let enumerated = DERTag(byte: 0x0A)
  public static let utf8String = DERTag(byte: 0x0C)
  public static let printableString = DERTag(byte: 0x13)
  public static let teletexString = DERTag(byte: 0x14)
  public static let ia5String = DERTag(byte: 0x16)
  public static let utcTime = DERTag(byte: 0x17)
  public static let generalizedTime = DERTag(byte: 0x18)
  public static let sequence = DERTag(byte: 0x30)
  public static let set = DERTag(byte: 0x31)

  /// `[number]` of a context, from 0 to 30.
  public static func context(_ number: UInt8, constructed: Bool) -> DERTag {
    DERTag(byte: 0x80 | (constructed ? 0x20 : 0) | min(number, 30))
  }

  public var isConstructed: Bool { byte & 0x20 != 0 }

  public var description: String { "tag 0x\(Hex.encode([byte]))" }
}
