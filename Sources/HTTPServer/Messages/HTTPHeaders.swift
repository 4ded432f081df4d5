/// The fields of a message, in order; names compare without case (RFC 9110 section 5.1).
///
/// Request fields carry lower-case names, because the parser lowers them. A field set by a handler is checked when the
/// response is encoded: a name that is no token or a value with a control character makes the server answer 500, so
/// that text from a stranger cannot start a new header line.
public struct HTTPHeaders: Sendable, Hashable, Sequence, ExpressibleByDictionaryLiteral {
  /// One field line.
  public struct Field: Sendable, Hashable {
    /// The name as received (lower case) or as set.
    public var name: String
    /// The value without surrounding white space.
    public var value: String

    /// A field line as it stands.
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  private var fields: [Field]

  /// No fields.
  public init() { fields = [] }

  init(fields: [Field]) { self.fields = fields }

  /// Fields in the order written; a repeated name gives a repeated field.
  public init(dictionaryLiteral elements: (String, String)...) {
    fields = elements.map { Field(name: $0.0, value: $0.1) }
  }

  /// How many field lines there are.
  public var count: Int { fields.count }

  /// Whether there is no field line.
  public var isEmpty: Bool { fields.isEmpty }

  /// The first value under a name, or nil. Setting replaces every field of that name; setting nil removes them.
  public subscript(name: String) -> String? {
    get {
      for field in fields where Self.isSame(field.name, name) { return field.value }
      return nil
    }
    set {
      fields.removeAll { Self.isSame($0.name, name) }
      if let newValue { fields.append(Field(name: name, value: newValue)) }
    }
  }

  /// Every value under a name, in order.
  public func all(_ name: String) -> [String] {
    fields.compactMap { Self.isSame($0.name, name) ? $0.value : nil }
  }

  /// Whether there is a field of that name.
  public func contains(_ name: String) -> Bool { fields.contains { Self.isSame($0.name, name) } }

  /// Appends a field line and keeps the others of that name.
  public mutating func add(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }

  public func makeIterator() -> IndexingIterator<[Field]> { fields.makeIterator() }

  /// ASCII comparison without case. Never Unicode case folding: "K" (U+212A) is not "k" in a field name.
  static func isSame(_ one: String, _ other: String) -> Bool {
    let left = one.utf8
    let right = other.utf8
    guard left.count == right.count else { return false }
    return left.elementsEqual(right) { $0 == $1 || ASCII.lowercased($0) == ASCII.lowercased($1) }
  }
}
