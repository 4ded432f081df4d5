public import CanonicalJSON

/// Reads one data item of CBOR (RFC 8949) strictly: shortest lengths and numbers, definite lengths, UTF-8 texts, no key of a
/// map twice, nothing after the item. Every length is held against what is left before anything is taken or reserved.
public struct CBORReader: Sendable {
  public enum Limits {
    /// Levels of arrays, maps and tags.
    public static let depth = 8
    /// Items in all, keys included.
    public static let items = 4096
  }

  private var reader: ByteReader
  private let path: String
  private let allowsIndefiniteMap: Bool
  private var items = 0

  /// Reads one item, which is all of the bytes.
  ///
  /// - Parameter allowsIndefiniteMap: whether the outermost item may be a map that ends with a break instead of beginning with
  ///   its size. Attestation documents of AWS are such maps; nothing inside of them is.
  /// - Throws: names `path`, or `path.end` for what follows the item.
  public static func read(
    _ bytes: [UInt8], path: String, allowsIndefiniteMap: Bool = false
  ) throws(FieldError) -> CBORItem {
    var reader = CBORReader(
      reader: ByteReader(bytes, path: path), path: path, allowsIndefiniteMap: allowsIndefiniteMap)
    let item = try reader.item(depth: 0)
    try reader.reader.finish()
    return item
  }

  private mutating func item(depth: Int) throws(FieldError) -> CBORItem {
    items += 1
    guard depth <= Limits.depth else { throw refused("at most \(Limits.depth) levels", "more") }
    guard items <= Limits.items else { throw refused("at most \(Limits.items) items", "more") }
    let head = try reader.uint8("item")
    let (major, information) = (head >> 5, head & 31)
    if head == 0xBF, depth == 0, allowsIndefiniteMap { return .map(try pairs(count: nil, depth: depth)) }
    if major == 7 { return try simple(information) }
    let argument = try argument(information)
    switch major {
    case 0: return .unsigned(argument)
    case 1: return .negative(argument)
    case 2: return .bytes(try bytes(argument))
    case 3:
      let bytes = try bytes(argument)
      guard let text = String(validating: bytes, as: UTF8.self) else { throw refused("UTF-8", "other bytes") }
      return .text(text)
    case 4:
      // An element takes at least a byte: what cannot be there is refused before the array is begun.
      let count = try count(argument, of: 1)
      var elements: [CBORItem] = []
      elements.reserveCapacity(count)
      for _ in 0..<count { elements.append(try item(depth: depth + 1)) }
      return .array(elements)
    case 5: return .map(try pairs(count: try count(argument, of: 2), depth: depth))
    default: return .tagged(argument, try item(depth: depth + 1))
    }
  }

  /// The pairs of a map; without a count, up to the break. One value has one encoding here, so bytes decide whether two keys are
  /// equal (RFC 8949 section 5.6): texts that Unicode calls equivalent are two keys.
  private mutating func pairs(count: Int?, depth: Int) throws(FieldError) -> [CBORItem.Pair] {
    var pairs: [CBORItem.Pair] = []
    var keys: Set<ArraySlice<UInt8>> = []
    while true {
      if let count {
        if pairs.count == count { return pairs }
      } else if try endsHere() {
        return pairs
      }
      let start = reader.offset
      let key = try item(depth: depth + 1)
      // Two readers that keep different ones of two equal keys see two documents under one signature.
      guard keys.insert(reader.read(from: start)).inserted else {
        throw refused("each key once", "\(key.summary) twice")
      }
      pairs.append(CBORItem.Pair(key, try item(depth: depth + 1)))
    }
  }

  /// Takes the break that ends a map without a size.
  private mutating func endsHere() throws(FieldError) -> Bool {
    var ahead = reader
    guard try ahead.uint8("item") == 0xFF else { return false }
    reader = ahead
    return true
  }

  private func simple(_ information: UInt8) throws(FieldError) -> CBORItem {
    switch information {
    case 20: return .bool(false)
    case 21: return .bool(true)
    case 22: return .null
    default: throw refused("false, true or null", "simple value or float \(information)")
    }
  }

  /// The number that follows the head: in the head itself, or in 1, 2, 4 or 8 bytes, never in more than it needs.
  private mutating func argument(_ information: UInt8) throws(FieldError) -> UInt64 {
    let (value, least): (UInt64, UInt64)
    switch information {
    case ..<24: return UInt64(information)
    case 24: (value, least) = (UInt64(try reader.uint8("item")), 24)
    case 25: (value, least) = (UInt64(try reader.uint16(bigEndian: "item")), 1 << 8)
    case 26: (value, least) = (UInt64(try reader.uint32(bigEndian: "item")), 1 << 16)
    case 27: (value, least) = (try reader.uint64(bigEndian: "item"), 1 << 32)
    default: throw refused("a definite length", "an indefinite or a reserved one")
    }
    guard value >= least else { throw refused("numbers in their shortest form", "\(value) in a longer one") }
    return value
  }

  private func count(_ argument: UInt64, of size: Int) throws(FieldError) -> Int {
    guard argument <= UInt64(reader.remaining / size) else {
      throw refused("at most \(reader.remaining / size) elements", "\(argument)")
    }
    return Int(argument)
  }

  private mutating func bytes(_ argument: UInt64) throws(FieldError) -> [UInt8] {
    try reader.bytes(try count(argument, of: 1), "item")
  }

  private func refused(_ expected: String, _ actual: String) -> FieldError {
    FieldError(field: path, expected: expected, actual: "\(actual), before byte \(reader.offset)")
  }
}
