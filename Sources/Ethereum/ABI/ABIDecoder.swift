/// Bytes of a stranger to values. Padding must be what the encoder writes; offsets may lead anywhere inside, as the ABI allows,
/// and what overlapping ones can multiply is bounded.
public struct ABIDecoder {
  /// Values in all, and bytes of `bytes` and `string` in all.
  public static let maxValues = 16_384
  public static let maxBytes = 1 << 20

  private let data: [UInt8]
  private var values = 0
  private var copied = 0

  /// Decodes one tuple, without a selector. Bytes that nothing leads to are ignored.
  public static func decode(_ data: [UInt8], as parameters: [ABIParameter]) throws(EthereumError) -> [ABIValue] {
    var decoder = ABIDecoder(data: data)
    return try decoder.sequence(parameters.map(\.type), at: 0)
  }

  private init(data: [UInt8]) { self.data = data }

  /// Heads from `base` on, to which the offsets in them are relative.
  private mutating func sequence(_ types: [ABIType], at base: Int) throws(EthereumError) -> [ABIValue] {
    var result: [ABIValue] = []
    var position = base
    for (index, type) in types.enumerated() {
      do {
        if type.isDynamic {
          let offset = try count(at: position, "offset")
          result.append(try value(type, at: base + offset))
        } else {
          result.append(try value(type, at: position))
        }
      } catch {
        throw error.within("value \(index)")
      }
      position += type.headBytes
    }
    return result
  }

  private mutating func value(_ type: ABIType, at position: Int) throws(EthereumError) -> ABIValue {
    values += 1
    guard values <= Self.maxValues else { throw EthereumError("data", "has more than \(Self.maxValues) values") }
    switch type {
    case .uint(let bits):
      let number = try word(at: position)
      guard number.bitWidth <= bits else { throw EthereumError("\(type)", "has more than \(bits) bits") }
      return .uint(number)
    case .int(let bits):
      let number = Int256(pattern: try word(at: position))
      guard number.fits(bits) else { throw EthereumError("\(type)", "has more than \(bits) bits") }
      return .int(number)
    case .address:
      let number = try word(at: position)
      guard number.bitWidth <= 160 else { throw EthereumError("address", "has more than 160 bits") }
      return .address(EthereumAddress(word: number.word))
    case .bool:
      let number = try word(at: position)
      guard number.bitWidth <= 1 else { throw EthereumError("bool", "is neither 0 nor 1") }
      return .bool(number != .zero)
    case .fixedBytes(let count): return .bytes(try bytes(count, at: position))
    case .bytes: return .bytes(try bytes(try count(at: position, "length"), at: position + 32))
    case .string:
      let bytes = try bytes(try count(at: position, "length"), at: position + 32)
      guard let text = String(validating: bytes, as: UTF8.self) else { throw EthereumError("string", "is not UTF-8") }
      return .string(text)
    case .array(let element):
      let count = try count(at: position, "length")
      // Each element takes at least one word, or an offset of one.
      guard count <= Self.maxValues, count <= data.count / element.headBytes else {
        throw EthereumError("array", "of \(count) does not fit into the data")
      }
      return .list(try sequence([ABIType](repeating: element, count: count), at: position + 32))
    case .fixedArray(let element, let count):
      return .list(try sequence([ABIType](repeating: element, count: count), at: position))
    case .tuple(let members): return .list(try sequence(members.map(\.type), at: position))
    }
  }

  private func word(at position: Int) throws(EthereumError) -> UInt256 {
    guard position >= 0, position <= data.count - 32, let value = UInt256(bigEndian: data[position..<position + 32])
    else { throw EthereumError("data", "ends early") }
    return value
  }

  /// An offset or a length: never larger than the data.
  private func count(at position: Int, _ what: String) throws(EthereumError) -> Int {
    guard let value = try word(at: position).uint64, value <= UInt64(data.count) else {
      throw EthereumError(what, "leads out of the data")
    }
    return Int(value)
  }

  /// Bytes with the zeros behind them.
  private mutating func bytes(_ count: Int, at position: Int) throws(EthereumError) -> [UInt8] {
    let whole = (count + 31) / 32 * 32
    guard position >= 0, position <= data.count - whole else { throw EthereumError("data", "ends early") }
    copied += whole
    guard copied <= Self.maxBytes else {
      throw EthereumError("data", "has more than \(Self.maxBytes) bytes of content")
    }
    guard data[(position + count)..<(position + whole)].allSatisfy({ $0 == 0 }) else {
      throw EthereumError("bytes", "have something other than zeros behind them")
    }
    return [UInt8](data[position..<position + count])
  }
}
