/// A data item of CBOR (RFC 8949), as far as ``CBORReader`` reads them: no floats, no undefined values.
public indirect enum CBORItem: Sendable, Hashable {
  case unsigned(UInt64)
  /// Minus one, minus the number.
  case negative(UInt64)
  case bytes([UInt8])
  case text(String)
  case array([CBORItem])
  /// In the order in which they came; no key twice.
  case map([Pair])
  case tagged(UInt64, CBORItem)
  case bool(Bool)
  case null

  public struct Pair: Sendable, Hashable {
    public let key: CBORItem
    public let value: CBORItem

    public init(_ key: CBORItem, _ value: CBORItem) {
      self.key = key
      self.value = value
    }
  }

  /// What it is, for people.
  public var summary: String {
    switch self {
    case .unsigned(let value): "\(value)"
    case .negative(let value): "-1-\(value)"
    case .bytes(let bytes): "\(bytes.count) bytes"
    case .text(let text): "a text of \(text.utf8.count) bytes"
    case .array(let items): "an array of \(items.count)"
    case .map(let pairs): "a map of \(pairs.count)"
    case .tagged(let tag, _): "tag \(tag)"
    case .bool(let value): "\(value)"
    case .null: "null"
    }
  }
}
