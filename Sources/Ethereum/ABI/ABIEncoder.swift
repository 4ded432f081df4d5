/// Values to bytes (Solidity's contract ABI, "Formal Specification of the Encoding").
public enum ABIEncoder {
  /// Encodes the values as one tuple, without a selector. Throws where a value is not of its type.
  public static func encode(_ values: [ABIValue], as parameters: [ABIParameter]) throws(EthereumError) -> [UInt8] {
    try sequence(values, as: parameters.map(\.type))
  }

  /// Heads first, then the tails that the heads' offsets lead to.
  private static func sequence(_ values: [ABIValue], as types: [ABIType]) throws(EthereumError) -> [UInt8] {
    guard values.count == types.count else {
      throw EthereumError("arguments", "expected \(types.count), found \(values.count)")
    }
    let headBytes = types.reduce(0) { $0 + $1.headBytes }
    var head: [UInt8] = []
    var tail: [UInt8] = []
    for (index, (value, type)) in zip(values, types).enumerated() {
      let encoded: [UInt8]
      do {
        encoded = try encode(value, as: type)
      } catch {
        throw error.within("argument \(index)")
      }
      if type.isDynamic {
        head += UInt256(UInt64(headBytes + tail.count)).word
        tail += encoded
      } else {
        head += encoded
      }
    }
    return head + tail
  }

  /// One value in its place.
  static func encode(_ value: ABIValue, as type: ABIType) throws(EthereumError) -> [UInt8] {
    switch (type, value) {
    case (.uint(let bits), .uint(let number)) where number.bitWidth <= bits: return number.word
    case (.int(let bits), .int(let number)) where number.fits(bits): return number.pattern.word
    case (.address, .address(let address)): return [UInt8](repeating: 0, count: 12) + address.bytes
    case (.bool, .bool(let flag)): return UInt256(flag ? 1 : 0).word
    case (.fixedBytes(let count), .bytes(let bytes)) where bytes.count == count: return padded(bytes)
    case (.bytes, .bytes(let bytes)): return UInt256(UInt64(bytes.count)).word + padded(bytes)
    case (.string, .string(let text)): return UInt256(UInt64(text.utf8.count)).word + padded([UInt8](text.utf8))
    case (.array(let element), .list(let values)):
      let types = [ABIType](repeating: element, count: values.count)
      return UInt256(UInt64(values.count)).word + (try sequence(values, as: types))
    case (.fixedArray(let element, let count), .list(let values)) where values.count == count:
      return try sequence(values, as: [ABIType](repeating: element, count: count))
    case (.tuple(let members), .list(let values)): return try sequence(values, as: members.map(\.type))
    default: throw EthereumError("value", "is not of type \(type)")
    }
  }

  /// Zeros up to a multiple of 32 bytes.
  private static func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: (32 - bytes.count % 32) % 32)
  }
}
