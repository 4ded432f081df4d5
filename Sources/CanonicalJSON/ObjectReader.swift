/// Strict reading of one JSON object: each getter takes a field of a given type and names its path in the error, and
/// ``finish()`` refuses fields that nobody asked for. A signed field that the reader does not understand must never
/// be passed over in silence.
public struct ObjectReader: Sendable {
  /// Path of this object from the root of the document; empty for the root.
  public let path: String
  private let source: JSONObject
  private var isRead: [Bool]

  /// Reads a value that must be an object.
  public init(_ json: JSON, path: String = "") throws(FieldError) {
    guard case .object(let object) = json else {
      throw FieldError(field: path, expected: "an object", actual: json.summary)
    }
    self.init(members: object, path: path)
  }

  /// Reads the members of `object`.
  public init(members object: JSONObject, path: String = "") {
    self.path = path
    source = object
    isRead = Array(repeating: false, count: object.count)
  }

  /// Refuses members that no getter has asked for.
  public func finish() throws(FieldError) {
    guard let index = isRead.firstIndex(of: false) else { return }
    let member = source.members[index]
    throw FieldError(
      field: pathOf(TerminalSafe.name(member.key)), expected: "no such field", actual: member.value.summary)
  }

  /// The path of a member of this object.
  public func pathOf(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  private mutating func take(_ name: String) -> JSON? {
    guard let index = source.index(of: name) else { return nil }
    isRead[index] = true
    return source.members[index].value
  }

  private func mismatch(_ name: String, _ expected: String, _ actual: JSON?) -> FieldError {
    FieldError(field: pathOf(name), expected: expected, actual: actual?.summary ?? "nothing")
  }

  // MARK: Required fields

  /// Any value, `null` included.
  public mutating func json(_ name: String) throws(FieldError) -> JSON {
    guard let value = take(name) else { throw mismatch(name, "a value", nil) }
    return value
  }

  /// A string of at most `maxBytes` UTF-8 bytes.
  public mutating func string(_ name: String, maxBytes: Int = 4096) throws(FieldError) -> String {
    guard let value = try optionalString(name, maxBytes: maxBytes) else { throw mismatch(name, "a string", nil) }
    return value
  }

  /// An integer of the range.
  public mutating func integer(
    _ name: String, in range: ClosedRange<Int64> = -JSON.maxSafeInteger...JSON.maxSafeInteger
  ) throws(FieldError) -> Int64 {
    guard let value = try optionalInteger(name, in: range) else {
      throw mismatch(name, Self.describe(range), nil)
    }
    return value
  }

  /// `true` or `false`.
  public mutating func bool(_ name: String) throws(FieldError) -> Bool {
    let value = take(name)
    guard case .bool(let bool)? = value else { throw mismatch(name, "true or false", value) }
    return bool
  }

  /// An array of at most `maxCount` elements.
  public mutating func array(_ name: String, maxCount: Int) throws(FieldError) -> [JSON] {
    guard let value = try optionalArray(name, maxCount: maxCount) else { throw mismatch(name, "an array", nil) }
    return value
  }

  /// An object, to be read and finished by the caller.
  public mutating func object(_ name: String) throws(FieldError) -> ObjectReader {
    guard let value = try optionalObject(name) else { throw mismatch(name, "an object", nil) }
    return value
  }

  // MARK: Optional fields: absent is nil; `null` is not absent and is refused

  /// Any value, or nil when the member is absent.
  public mutating func optionalJSON(_ name: String) -> JSON? { take(name) }

  /// A string of at most `maxBytes` UTF-8 bytes, or nil when the member is absent.
  public mutating func optionalString(_ name: String, maxBytes: Int = 4096) throws(FieldError) -> String? {
    guard let value = take(name) else { return nil }
    guard case .string(let text) = value else { throw mismatch(name, "a string", value) }
    guard text.utf8.count <= maxBytes else {
      throw FieldError(
        field: pathOf(name), expected: "a string of at most \(maxBytes) bytes", actual: "\(text.utf8.count) bytes")
    }
    return text
  }

  /// An integer of the range, or nil when the member is absent.
  public mutating func optionalInteger(
    _ name: String, in range: ClosedRange<Int64> = -JSON.maxSafeInteger...JSON.maxSafeInteger
  ) throws(FieldError) -> Int64? {
    guard let value = take(name) else { return nil }
    guard case .integer(let integer) = value, range.contains(integer) else {
      throw mismatch(name, Self.describe(range), value)
    }
    return integer
  }

  /// `true` or `false`, or `absent` when there is no such member.
  public mutating func optionalBool(_ name: String, default absent: Bool) throws(FieldError) -> Bool {
    guard let value = take(name) else { return absent }
    guard case .bool(let bool) = value else { throw mismatch(name, "true or false", value) }
    return bool
  }

  /// An array of at most `maxCount` elements, or nil when the member is absent.
  public mutating func optionalArray(_ name: String, maxCount: Int) throws(FieldError) -> [JSON]? {
    guard let value = take(name) else { return nil }
    guard case .array(let elements) = value else { throw mismatch(name, "an array", value) }
    guard elements.count <= maxCount else { throw mismatch(name, "an array of at most \(maxCount)", value) }
    return elements
  }

  /// An object, or nil when the member is absent.
  public mutating func optionalObject(_ name: String) throws(FieldError) -> ObjectReader? {
    guard let value = take(name) else { return nil }
    return try ObjectReader(value, path: pathOf(name))
  }

  private static func describe(_ range: ClosedRange<Int64>) -> String {
    "an integer from \(range.lowerBound) to \(range.upperBound)"
  }
}
