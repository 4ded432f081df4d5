/// Reads strict DER (X.690 section 10) element by element: definite lengths in their shortest form, minimal integers, and
/// ``finish()`` refuses what nobody asked for. There is one byte string for each value, so bytes can be compared for values.
///
/// Limits: 4 MiB of input, elements nested 32 deep. Every error names the field as a path from the outermost structure.
public struct DERReader: Sendable {
  /// The greatest input, in bytes.
  public static let maxBytes = 4 << 20
  /// How deep a reader may be inside others.
  public static let maxDepth = 32

  /// Prefix of the fields in errors.
  public let path: String
  private let bytes: ArraySlice<UInt8>
  private var position: Int
  private let depth: Int

  public init(_ bytes: ArraySlice<UInt8>, path: String = "") throws(CryptographyError) {
    guard bytes.count <= Self.maxBytes else {
      throw .wrongLength(of: path.isEmpty ? "DER" : path, expected: "at most \(Self.maxBytes)", actual: bytes.count)
    }
    self.init(bytes, path: path, depth: 0)
  }

  public init(_ bytes: [UInt8], path: String = "") throws(CryptographyError) { try self.init(bytes[...], path: path) }

  private init(_ bytes: ArraySlice<UInt8>, path: String, depth: Int) {
    self.bytes = bytes
    self.path = path
    self.depth = depth
    position = bytes.startIndex
  }

  /// Whether nothing is left to read.
  public var isAtEnd: Bool { position == bytes.endIndex }

  /// The tag of the next element, or nil at the end.
  public var peekTag: DERTag? { isAtEnd ? nil : DERTag(byte: bytes[position]) }

  /// The name of a field of this structure in errors.
  public func name(_ field: String) -> String { path.isEmpty ? field : "\(path).\(field)" }

  func malformed(_ field: String, _ reason: String) -> CryptographyError { .malformed(name(field), reason: reason) }

  /// Refuses what is left.
  public func finish() throws(CryptographyError) {
    guard isAtEnd else {
      throw .malformed(path.isEmpty ? "DER" : path, reason: "\(bytes.endIndex - position) bytes follow the last field")
    }
  }

  // MARK: Elements

  /// Any element: its tag, its content, and all of its bytes.
  public mutating func anyElement(_ field: String) throws(CryptographyError) -> DERElement {
    let start = position
    guard let first = next() else { throw malformed(field, "is missing") }
    guard first & 0x1F != 0x1F else { throw malformed(field, "a tag number of 31 or more") }
    let count = try length(field)
    guard count <= bytes.endIndex - position else {
      throw malformed(field, "\(count) bytes, but \(bytes.endIndex - position) follow")
    }
    defer { position += count }
    return DERElement(
      tag: DERTag(byte: first), content: bytes[position..<position + count], encoded: bytes[start..<position + count])
  }

  /// The element of this tag that must come next.
  public mutating func tagged(_ tag: DERTag, _ field: String) throws(CryptographyError) -> DERElement {
    guard let found = peekTag else { throw malformed(field, "is missing") }
    guard found == tag else { throw malformed(field, "expected \(tag), found \(found)") }
    return try anyElement(field)
  }

  /// The content of the element of this tag that must come next.
  public mutating func element(_ tag: DERTag, _ field: String) throws(CryptographyError) -> ArraySlice<UInt8> {
    try tagged(tag, field).content
  }

  /// A reader of the constructed element of this tag that must come next. The caller finishes it.
  public mutating func constructed(_ tag: DERTag, _ field: String) throws(CryptographyError) -> DERReader {
    try inner(try element(tag, field), field)
  }

  /// A reader of `SEQUENCE { ... }`. The caller finishes it.
  public mutating func sequence(_ field: String) throws(CryptographyError) -> DERReader {
    try constructed(.sequence, field)
  }

  /// A reader of the content of an element, one level deeper. The caller finishes it.
  public func inner(_ content: ArraySlice<UInt8>, _ field: String) throws(CryptographyError) -> DERReader {
    guard depth < Self.maxDepth else { throw malformed(field, "nested more than \(Self.maxDepth) levels deep") }
    return DERReader(content, path: name(field), depth: depth + 1)
  }

  /// A reader of `[number] EXPLICIT`, or nil where the next element is another. The caller finishes it.
  public mutating func optionalExplicit(_ number: UInt8, _ field: String) throws(CryptographyError) -> DERReader? {
    guard peekTag == .context(number, constructed: true) else { return nil }
    return try constructed(.context(number, constructed: true), field)
  }

  private mutating func next() -> UInt8? {
    guard position < bytes.endIndex else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  private mutating func length(_ field: String) throws(CryptographyError) -> Int {
    guard let first = next() else { throw malformed(field, "ends before its length") }
    if first < 0x80 { return Int(first) }
    // Four bytes are more than any input has. 0x80, the indefinite length of BER, has none and comes out as zero below.
    guard first <= 0x84 else { throw malformed(field, "a length that DER does not have") }
    var value = 0
    for index in 0..<Int(first & 0x7F) {
      guard let byte = next() else { throw malformed(field, "ends inside its length") }
      guard index > 0 || byte != 0 else { throw malformed(field, "a length that is not in its shortest form") }
      value = value << 8 | Int(byte)
    }
    guard value >= 0x80 else { throw malformed(field, "a length that is not in its shortest form") }
    return value
  }
}

/// One element of DER.
public struct DERElement: Sendable {
  public let tag: DERTag
  /// Without tag and length.
  public let content: ArraySlice<UInt8>
  /// With tag and length.
  public let encoded: ArraySlice<UInt8>
}
