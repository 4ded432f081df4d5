import CanonicalJSON

/// Register values as tpm2-tools write them (`tpm2_quote --pcr`, format `serialized`): their structures in memory, little-endian,
/// with room for 16 banks and 8 values in each list.
enum TPMToolsPCRs {
  /// Banks of the selection, values in its order. The room that is not used is not looked at: nothing signs it.
  static func banks(_ bytes: [UInt8], path: String = "pcrs") throws(FieldError) -> [PCRBank] {
    var reader = ByteReader(bytes, path: path)
    let count = try reader.uint32(littleEndian: "selections")
    guard (1...UInt32(PCRBank.maxBanks)).contains(count) else {
      throw FieldError(field: "\(path).selections", expected: "1 to \(PCRBank.maxBanks)", actual: "\(count)")
    }
    var selections: [(bank: BankAlgorithm, indexes: [Int])] = []
    for position in 0..<16 {
      let algorithm = try reader.uint16(littleEndian: "hash")
      let size = try reader.uint8("sizeofSelect")
      let map = try reader.bytes(5, "select")
      guard position < count else { continue }
      guard let bank = BankAlgorithm(identifier: algorithm), size <= 3 else {
        throw FieldError(
          field: "\(path).hash", expected: "a bank of at most 24 registers", actual: TPMHex.word(algorithm))
      }
      selections.append((bank, (0..<Int(size) * 8).filter { map[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }))
    }
    let values = try values(&reader, path: path)
    try reader.finish()
    return try assign(values, to: selections, path: path)
  }

  private static func values(_ reader: inout ByteReader, path: String) throws(FieldError) -> [[UInt8]] {
    let lists = try reader.uint32(littleEndian: "lists")
    guard lists <= 12 else { throw FieldError(field: "\(path).lists", expected: "at most 12", actual: "\(lists)") }
    var values: [[UInt8]] = []
    for _ in 0..<lists {
      let count = try reader.uint32(littleEndian: "values")
      guard count <= 8 else { throw FieldError(field: "\(path).values", expected: "at most 8", actual: "\(count)") }
      for position in 0..<8 {
        let size = try reader.uint16(littleEndian: "value.size")
        let bytes = try reader.bytes(64, "value")
        guard position < count else { continue }
        guard size <= 64 else {
          throw FieldError(field: "\(path).value.size", expected: "at most 64", actual: "\(size)")
        }
        values.append([UInt8](bytes.prefix(Int(size))))
      }
    }
    return values
  }

  private static func assign(
    _ values: [[UInt8]], to selections: [(bank: BankAlgorithm, indexes: [Int])], path: String
  ) throws(FieldError) -> [PCRBank] {
    let count = selections.reduce(0) { $0 + $1.indexes.count }
    guard values.count == count else {
      throw FieldError(field: path, expected: "\(count) values", actual: "\(values.count)")
    }
    var rest = values[...]
    var banks: [PCRBank] = []
    for (bank, indexes) in selections {
      let pairs = zip(indexes, rest.prefix(indexes.count)).map { ($0, $1) }
      rest = rest.dropFirst(indexes.count)
      banks.append(
        try PCRBank(
          algorithm: bank, values: Dictionary(pairs) { first, _ in first }, path: "\(path).\(bank.rawValue)"))
    }
    return banks
  }
}
