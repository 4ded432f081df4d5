import CanonicalJSON

/// A value of an ABI type.
public indirect enum ABIValue: Sendable, Hashable {
  case uint(UInt256)
  case int(Int256)
  case address(EthereumAddress)
  case bool(Bool)
  /// Of `bytes` and `bytesN`.
  case bytes([UInt8])
  case string(String)
  /// Of arrays and tuples.
  case list([ABIValue])

  /// As JSON: integers as decimal strings, addresses with their checksum, bytes as hexadecimal text, arrays and tuples as
  /// arrays. ``init(json:as:path:)`` reads it back.
  public var json: JSON {
    switch self {
    case .uint(let value): .string(value.description)
    case .int(let value): .string(value.description)
    case .address(let address): .string(address.checksummed)
    case .bool(let value): .bool(value)
    case .bytes(let bytes): .string(HexText.encode(bytes))
    case .string(let text): .string(text)
    case .list(let values): .array(values.map(\.json))
    }
  }

  /// Reads a value. Integers may also be JSON integers or `0x` text; a tuple with names may also be an object.
  public init(json: JSON, as type: ABIType, path: String) throws(FieldError) {
    func refuse(_ expected: String) -> FieldError {
      FieldError(field: path, expected: "\(type): \(expected)", actual: json.summary)
    }
    switch type {
    case .uint(let bits):
      let text = json.integer.map { "\($0)" } ?? json.string
      guard let value = text.flatMap(UInt256.init), value.bitWidth <= bits else {
        throw refuse("an integer of 0 to 2^\(bits)-1, as decimal or 0x text")
      }
      self = .uint(value)
    case .int(let bits):
      let text = json.integer.map { "\($0)" } ?? json.string
      guard let value = text.flatMap(Int256.init), value.fits(bits) else {
        throw refuse("an integer of -2^\(bits - 1) to 2^\(bits - 1)-1, as decimal text")
      }
      self = .int(value)
    case .address:
      guard let text = json.string else { throw refuse("0x and 40 digits") }
      do {
        self = .address(try EthereumAddress(text))
      } catch {
        throw refuse(error.reason)
      }
    case .bool:
      guard let value = json.bool else { throw refuse("true or false") }
      self = .bool(value)
    case .fixedBytes(let count):
      guard let bytes = json.string.flatMap(HexText.decode), bytes.count == count else {
        throw refuse("0x and \(count * 2) digits")
      }
      self = .bytes(bytes)
    case .bytes:
      guard let bytes = json.string.flatMap(HexText.decode) else { throw refuse("0x and pairs of digits") }
      self = .bytes(bytes)
    case .string:
      guard let text = json.string else { throw refuse("a string") }
      self = .string(text)
    case .array(let element):
      guard let array = json.array else { throw refuse("an array") }
      self = .list(try Self.list(array, as: { _ in element }, path: path))
    case .fixedArray(let element, let count):
      guard let array = json.array, array.count == count else { throw refuse("an array of \(count)") }
      self = .list(try Self.list(array, as: { _ in element }, path: path))
    case .tuple(let members): self = .list(try Self.tuple(json, members, path: path))
    }
  }

  /// The arguments of a function, or members of a tuple: an array in order, or an object where all have names.
  public static func tuple(
    _ json: JSON, _ members: [ABIParameter], path: String
  ) throws(FieldError) -> [ABIValue] {
    if let object = json.object {
      guard !members.contains(where: \.name.isEmpty), Set(members.map(\.name)).count == members.count else {
        throw FieldError(field: path, expected: "an array, since not all have their own name", actual: json.summary)
      }
      var reader = ObjectReader(members: object, path: path)
      var values: [ABIValue] = []
      for member in members {
        values.append(
          try ABIValue(json: try reader.json(member.name), as: member.type, path: reader.pathOf(member.name)))
      }
      try reader.finish()
      return values
    }
    guard let array = json.array, array.count == members.count else {
      throw FieldError(field: path, expected: "an array of \(members.count)", actual: json.summary)
    }
    return try list(array, as: { members[$0].type }, path: path)
  }

  private static func list(
    _ array: [JSON], as type: (Int) -> ABIType, path: String
  ) throws(FieldError) -> [ABIValue] {
    var values: [ABIValue] = []
    for (index, element) in array.enumerated() {
      values.append(try ABIValue(json: element, as: type(index), path: "\(path)[\(index)]"))
    }
    return values
  }
}
