extension JSON {
  /// Reads one JSON text (RFC 8259) under the rules of I-JSON (RFC 7493) and the given limits.
  ///
  /// Refused: anything but valid UTF-8, a byte order mark, duplicate names, lone surrogates, trailing commas and bytes,
  /// leading zeros, numbers that overflow, and whatever exceeds the limits.
  public init(parsing bytes: [UInt8], limits: JSONLimits) throws(JSONError) {
    try self.init(span: bytes.span, limits: limits)
  }

  /// As ``init(parsing:limits:)-([UInt8],_)``; offsets in errors count from the start of the slice.
  public init(parsing bytes: ArraySlice<UInt8>, limits: JSONLimits) throws(JSONError) {
    try self.init(span: bytes.span, limits: limits)
  }

  /// As ``init(parsing:limits:)-([UInt8],_)``, for text.
  public init(parsing text: String, limits: JSONLimits) throws(JSONError) {
    try self.init(parsing: Array(text.utf8), limits: limits)
  }

  private init(span: Span<UInt8>, limits: JSONLimits) throws(JSONError) {
    var parser = JSONParser(limits: limits)
    do throws(JSONParser.Fault) {
      self = try parser.document(span)
    } catch {
      throw JSONError(error, in: span)
    }
  }
}

/// A recursive-descent parser over borrowed bytes. The bytes are passed to every step as a `Span`, so a wrong index is a
/// trap and never a read outside the input.
struct JSONParser: ~Copyable {
  /// A reason and a byte offset; line and column are worked out only when a fault is reported.
  struct Fault: Error {
    var kind: JSONError.Kind
    var offset: Int

    init(_ kind: JSONError.Kind, at offset: Int) {
      self.kind = kind
      self.offset = offset
    }
  }

  let limits: JSONLimits
  let maxDepth: Int
  /// Position of the next byte to read.
  var offset = 0
  /// True when the string read last contained an escape, so that its bytes in the text are not its value.
  var lastStringHadEscape = false
  /// Decoded bytes of a string with escapes.
  var unescaped: [UInt8] = []
  private var elements = ScratchStack<JSON>()
  private var members = ScratchStack<JSONObject.Member>()

  init(limits: JSONLimits) {
    self.limits = limits
    maxDepth = min(limits.maxDepth, JSONLimits.deepest)
  }

  mutating func document(_ text: Span<UInt8>) throws(Fault) -> JSON {
    if text.count > limits.maxBytes {
      throw Fault(.tooLarge(limit: limits.maxBytes, actual: text.count), at: limits.maxBytes)
    }
    if text.count >= 3, text[0] == 0xEF, text[1] == 0xBB, text[2] == 0xBF { throw Fault(.byteOrderMark, at: 0) }
    let result = try value(text, depth: 0)
    skipWhitespace(text)
    if offset < text.count { throw Fault(.trailingBytes, at: offset) }
    return result
  }

  @inline(__always)
  mutating func skipWhitespace(_ text: Span<UInt8>) {
    while offset < text.count {
      switch text[offset] {
      case 0x20, 0x0A, 0x0D, 0x09: offset += 1
      default: return
      }
    }
  }

  /// The next byte that is not white space, not consumed.
  @inline(__always)
  mutating func peek(_ text: Span<UInt8>) throws(Fault) -> UInt8 {
    skipWhitespace(text)
    guard offset < text.count else { throw Fault(.endOfInput, at: offset) }
    return text[offset]
  }

  mutating func value(_ text: Span<UInt8>, depth: Int) throws(Fault) -> JSON {
    let byte = try peek(text)
    switch byte {
    case UInt8(ascii: "\""): return .string(try string(text))
    case UInt8(ascii: "{"): return .object(try object(text, depth: depth + 1))
    case UInt8(ascii: "["): return .array(try array(text, depth: depth + 1))
    case UInt8(ascii: "t"):
      try literal("true", text)
      return .bool(true)
    case UInt8(ascii: "f"):
      try literal("false", text)
      return .bool(false)
    case UInt8(ascii: "n"):
      try literal("null", text)
      return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number(text)
    default: throw Fault(.unexpected(byte), at: offset)
    }
  }

  private mutating func literal(_ word: StaticString, _ text: Span<UInt8>) throws(Fault) {
    for index in 0..<word.utf8CodeUnitCount {
      guard offset < text.count else { throw Fault(.endOfInput, at: offset) }
      guard text[offset] == word.utf8Start[index] else { throw Fault(.unexpected(text[offset]), at: offset) }
      offset += 1
    }
  }

  private mutating func array(_ text: Span<UInt8>, depth: Int) throws(Fault) -> [JSON] {
    if depth > maxDepth { throw Fault(.tooDeep(limit: maxDepth), at: offset) }
    offset += 1
    if try peek(text) == UInt8(ascii: "]") {
      offset += 1
      return []
    }
    let mark = elements.count
    while true {
      let element = try value(text, depth: depth)
      elements.push(element)
      if try separator(text, closing: UInt8(ascii: "]")) { return elements.pop(downTo: mark) }
    }
  }

  private mutating func object(_ text: Span<UInt8>, depth: Int) throws(Fault) -> JSONObject {
    if depth > maxDepth { throw Fault(.tooDeep(limit: maxDepth), at: offset) }
    let start = offset
    offset += 1
    if try peek(text) == UInt8(ascii: "}") {
      offset += 1
      return JSONObject()
    }
    let mark = members.count
    // Canonical input arrives in order: then comparing neighbours replaces both the sort and the search for duplicates.
    var inOrder = true
    var previous = 0..<0
    var previousHadEscape = false
    while true {
      let key = try self.key(text)
      let range = keyRange
      if inOrder, members.count > mark {
        inOrder =
          previousHadEscape || lastStringHadEscape
          ? UTF16Order.precedes(members.top.key, key)
          : UTF16Order.precedes(text.extracting(previous), text.extracting(range))
      }
      previous = range
      previousHadEscape = lastStringHadEscape
      let value = try self.value(text, depth: depth)
      members.push(JSONObject.Member(key: key, value: value))
      if try separator(text, closing: UInt8(ascii: "}")) { break }
    }
    var sorted = members.pop(downTo: mark)
    if !inOrder {
      sorted.sort { UTF16Order.precedes($0.key, $1.key) }
      if let key = JSONObject.firstDuplicate(in: sorted) {
        throw Fault(.duplicateKey(key), at: try offsetOfSecond(key, inObjectAt: start, text))
      }
    }
    return JSONObject(ordered: sorted)
  }

  /// Where the bytes of the last name stand in the text, without the quotation marks.
  private var keyRange: Range<Int> = 0..<0

  /// A member name and the colon after it.
  private mutating func key(_ text: Span<UInt8>) throws(Fault) -> String {
    let byte = try peek(text)
    guard byte == UInt8(ascii: "\"") else { throw Fault(.unexpected(byte), at: offset) }
    let start = offset + 1
    let key = try string(text)
    keyRange = start..<(offset - 1)
    let colon = try peek(text)
    guard colon == UInt8(ascii: ":") else { throw Fault(.unexpected(colon), at: offset) }
    offset += 1
    return key
  }

  /// Reads `,` (false) or the closing bracket (true).
  @inline(__always)
  private mutating func separator(_ text: Span<UInt8>, closing: UInt8) throws(Fault) -> Bool {
    let byte = try peek(text)
    guard byte == UInt8(ascii: ",") || byte == closing else { throw Fault(.unexpected(byte), at: offset) }
    offset += 1
    if byte == closing { return true }
    if try peek(text) == closing { throw Fault(.trailingComma, at: offset) }
    return false
  }

  /// Reads an object that is known to be well-formed once more to say where its name `key` occurs the second time.
  private mutating func offsetOfSecond(_ key: String, inObjectAt start: Int, _ text: Span<UInt8>) throws(Fault) -> Int {
    offset = start + 1
    var seen = false
    while true {
      let found = try self.key(text)
      if found.hasSameBytes(as: key) {
        if seen { return keyRange.lowerBound - 1 }
        seen = true
      }
      _ = try value(text, depth: 0)
      if try separator(text, closing: UInt8(ascii: "}")) { return start }
    }
  }
}
