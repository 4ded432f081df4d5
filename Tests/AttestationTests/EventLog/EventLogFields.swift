/// Where each field of a binary log lies: a second, trusting reader, for tests that change fields one by one.
struct EventLogField {
  enum Kind: Hashable {
    case register, type, count, algorithm
    /// By TPM_ALG_ID.
    case digest(Int)
    case size, data
    case specID
  }

  var kind: Kind
  var range: Range<Int>
  /// The type of the event.
  var type: Int

  static func all(in bytes: [UInt8]) -> [EventLogField] {
    func number(_ offset: Int, _ count: Int) -> Int {
      (0..<count).reduce(0) { $0 | Int(bytes[offset + $1]) << ($1 * 8) }
    }
    var fields: [EventLogField] = []
    var offset = 0
    var type = 0
    func take(_ kind: Kind, _ count: Int) {
      fields.append(EventLogField(kind: kind, range: offset..<offset + count, type: type))
      offset += count
    }
    func legacyEvent(_ data: Kind) {
      type = number(offset + 4, 4)
      let size = number(offset + 28, 4)
      for (kind, count) in [(Kind.register, 4), (.type, 4), (.digest(4), 20), (.size, 4), (data, size)] {
        take(kind, count)
      }
    }
    let isAgile = bytes.count > 48 && Array(bytes[32..<47]) == Array("Spec ID Event03".utf8)
    guard isAgile else {
      while offset < bytes.count { legacyEvent(.data) }
      return fields
    }
    let banks = (0..<number(56, 4)).map { (number(60 + $0 * 4, 2), number(62 + $0 * 4, 2)) }
    legacyEvent(.specID)
    while offset < bytes.count, !bytes[offset...].allSatisfy({ $0 == 0xff }), !bytes[offset...].allSatisfy({ $0 == 0 })
    {
      type = number(offset + 4, 4)
      take(.register, 4)
      take(.type, 4)
      take(.count, 4)
      for _ in banks {
        let algorithm = number(offset, 2)
        take(.algorithm, 2)
        take(.digest(algorithm), banks.first { $0.0 == algorithm }?.1 ?? 0)
      }
      let size = number(offset, 4)
      take(.size, 4)
      take(.data, size)
    }
    return fields
  }
}
