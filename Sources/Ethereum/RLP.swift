/// Recursive length prefix: the encoding of transactions (Ethereum yellow paper, appendix B).
public enum RLP: Sendable, Hashable {
  case bytes([UInt8])
  case list([RLP])

  /// Nesting that the decoder follows.
  public static let maxDepth = 16

  /// An integer: big-endian without leading zeros.
  public static func integer(_ value: UInt256) -> RLP { .bytes(value.minimalBytes) }
  public static func integer(_ value: UInt64) -> RLP { .integer(UInt256(value)) }

  public var encoded: [UInt8] {
    switch self {
    case .bytes(let bytes):
      if bytes.count == 1, bytes[0] < 0x80 { return bytes }
      return Self.header(0x80, bytes.count) + bytes
    case .list(let items):
      let payload = items.flatMap(\.encoded)
      return Self.header(0xC0, payload.count) + payload
    }
  }

  private static func header(_ base: UInt8, _ count: Int) -> [UInt8] {
    if count < 56 { return [base + UInt8(count)] }
    let length = UInt256(UInt64(count)).minimalBytes
    return [base + 55 + UInt8(length.count)] + length
  }

  /// Reads exactly one item. Only the shortest encoding of everything is accepted, and nothing after it.
  public init(decoding bytes: [UInt8]) throws(EthereumError) {
    var rest = bytes[...]
    self = try Self.item(&rest, depth: 0)
    guard rest.isEmpty else { throw EthereumError("RLP", "\(rest.count) bytes after the end") }
  }

  private static func item(_ rest: inout ArraySlice<UInt8>, depth: Int) throws(EthereumError) -> RLP {
    guard depth <= maxDepth else { throw EthereumError("RLP", "nested more than \(maxDepth) deep") }
    guard let first = rest.popFirst() else { throw EthereumError("RLP", "ends early") }
    if first < 0x80 { return .bytes([first]) }
    let base: UInt8 = first < 0xC0 ? 0x80 : 0xC0
    let payload = try take(try length(first - base, &rest), of: &rest)
    if base == 0x80 {
      guard payload.count != 1 || payload.first.map({ $0 >= 0x80 }) == true else {
        throw EthereumError("RLP", "a byte below 128 has a length before it")
      }
      return .bytes([UInt8](payload))
    }
    var inner = payload
    var items: [RLP] = []
    while !inner.isEmpty { items.append(try item(&inner, depth: depth + 1)) }
    return .list(items)
  }

  private static func length(_ code: UInt8, _ rest: inout ArraySlice<UInt8>) throws(EthereumError) -> Int {
    guard code > 55 else { return Int(code) }
    let digits = try take(Int(code) - 55, of: &rest)
    guard digits.first != 0 else { throw EthereumError("RLP", "a length with a leading zero") }
    // Longer than Int.max cannot be in memory; `take` would say so, and this cannot overflow before it does.
    guard let value = UInt256(bigEndian: digits)?.uint64, value <= UInt64(Int.max) else {
      throw EthereumError("RLP", "ends early")
    }
    guard value > 55 else { throw EthereumError("RLP", "a short length in the long form") }
    return Int(value)
  }

  private static func take(_ count: Int, of rest: inout ArraySlice<UInt8>) throws(EthereumError) -> ArraySlice<UInt8> {
    guard count <= rest.count else { throw EthereumError("RLP", "ends early") }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  /// The bytes, where it is no list.
  public func bytes(_ what: String) throws(EthereumError) -> [UInt8] {
    guard case .bytes(let bytes) = self else { throw EthereumError(what, "expected bytes, found a list") }
    return bytes
  }

  /// The items, where it is a list.
  public func list(_ what: String) throws(EthereumError) -> [RLP] {
    guard case .list(let items) = self else { throw EthereumError(what, "expected a list, found bytes") }
    return items
  }

  /// The integer, where it is one without leading zeros.
  public func integer(_ what: String) throws(EthereumError) -> UInt256 {
    let bytes = try bytes(what)
    guard bytes.first != 0, let value = UInt256(bigEndian: bytes) else {
      throw EthereumError(what, "expected an integer of at most 256 bits without leading zeros")
    }
    return value
  }

  /// As ``integer(_:)``, of at most 64 bits.
  public func integer64(_ what: String) throws(EthereumError) -> UInt64 {
    guard let value = try integer(what).uint64 else { throw EthereumError(what, "expected at most 64 bits") }
    return value
  }
}
