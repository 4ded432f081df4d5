public import CanonicalJSON
import Cryptography

/// A JSON document that Intel signs: the bytes as they were sent, and r || s over their SHA-256. Nothing is re-serialised.
public struct IntelDocument: Sendable, Hashable {
  /// The bytes of the signed value alone, without the envelope of the response.
  public let document: [UInt8]
  /// 64 bytes.
  public let signature: [UInt8]

  public init(document: [UInt8], signature: [UInt8]) {
    self.document = document
    self.signature = signature
  }

  /// Takes the signed value out of a response of Intel's service, `{"<name>": value, "signature": hexadecimal}`.
  public init(response bytes: [UInt8], name: String) throws(FieldError) {
    let json = try Self.parse(bytes, path: name, maxBytes: TCBInfo.Limits.bytes)
    var reader = try ObjectReader(json, path: name)
    _ = try reader.json(name)
    signature = try reader.intelHex("signature", count: 64)
    try reader.finish()
    guard let span = JSONSpan.member(name, of: bytes) else {
      throw FieldError(field: name, expected: "a member without escapes in its name", actual: "none")
    }
    document = [UInt8](bytes[span])
  }

  init(members given: ObjectReader) throws(FieldError) {
    var reader = given
    document = Array(try reader.string("document", maxBytes: TCBInfo.Limits.bytes).utf8)
    signature = try reader.hex("signature", count: 64...64)
    try reader.finish()
  }

  var json: JSON {
    ["document": .string(String(decoding: document, as: UTF8.self)), "signature": .string(Hex.encode(signature))]
  }

  /// Whether the key made the signature over the bytes.
  func isSigned(by key: P256.PublicKey) -> Bool {
    guard let signature = try? ECDSASignature(p1363: signature) else { return false }
    return key.isValid(signature, for: document)
  }

  /// A reader of the signed object.
  static func reader(_ document: [UInt8], path: String, maxBytes: Int) throws(FieldError) -> ObjectReader {
    try ObjectReader(try parse(document, path: path, maxBytes: maxBytes), path: path)
  }

  private static func parse(_ bytes: [UInt8], path: String, maxBytes: Int) throws(FieldError) -> JSON {
    do {
      return try JSON(parsing: bytes, limits: JSONLimits(maxBytes: maxBytes, integersOnly: true))
    } catch { throw FieldError(field: path, expected: "JSON without duplicate names", actual: "\(error)") }
  }
}

extension ObjectReader {
  /// A member that must be this text.
  mutating func require(_ name: String, _ expected: String) throws(FieldError) {
    let text = try string(name, maxBytes: 64)
    guard text == expected else {
      throw FieldError(field: pathOf(name), expected: expected, actual: JSON.string(text).summary)
    }
  }
}

/// Where a member's value stands in the text of an object.
enum JSONSpan {
  /// The bytes of the value of a member of the outermost object, without white space around them. The text must have been
  /// read strictly before: this only counts brackets outside strings.
  static func member(_ name: String, of text: [UInt8]) -> Range<Int>? {
    let quoted = [0x22] + Array(name.utf8) + [0x22]
    var depth = 0
    var position = 0
    var start: Int?
    while position < text.count {
      let byte = text[position]
      switch byte {
      case 0x22:
        let end = endOfString(text, from: position)
        if depth == 1, start == nil, text[position..<end].elementsEqual(quoted), let colon = colon(text, after: end) {
          start = colon + 1
          position = colon
        } else {
          position = end - 1
        }
      case 0x7B, 0x5B: depth += 1
      case 0x7D, 0x5D:
        depth -= 1
        if depth == 0, let start { return trimmed(text, start..<position) }
      case 0x2C:
        if depth == 1, let start { return trimmed(text, start..<position) }
      default: break
      }
      position += 1
    }
    return nil
  }

  /// The position after the closing quote of the string that opens at `start`.
  private static func endOfString(_ text: [UInt8], from start: Int) -> Int {
    var position = start + 1
    while position < text.count, text[position] != 0x22 { position += text[position] == 0x5C ? 2 : 1 }
    return min(position + 1, text.count)
  }

  private static func colon(_ text: [UInt8], after end: Int) -> Int? {
    let position = text[end...].firstIndex { !isSpace($0) }
    return position.flatMap { text[$0] == 0x3A ? $0 : nil }
  }

  private static func trimmed(_ text: [UInt8], _ range: Range<Int>) -> Range<Int>? {
    guard let first = text[range].firstIndex(where: { !isSpace($0) }),
      let last = text[range].lastIndex(where: { !isSpace($0) })
    else { return nil }
    return first..<last + 1
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
