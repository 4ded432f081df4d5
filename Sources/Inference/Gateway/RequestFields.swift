import CanonicalJSON

/// Reads the members of a vendor's request: `null` is absent, a member that nobody asked for is refused by name.
struct RequestFields: Sendable {
  private var members: [String: JSON] = [:]
  let path: String

  /// - Throws: `FieldError` when it is no object.
  init(_ json: JSON, path: String = "") throws(FieldError) {
    guard let object = json.object else { throw FieldError(field: path, expected: "an object", actual: json.summary) }
    self.path = path
    for (name, value) in object where !value.isNull { members[name] = value }
  }

  /// The path of a member.
  func pathOf(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  /// A member, taken out.
  mutating func take(_ name: String) -> JSON? { members.removeValue(forKey: name) }

  /// A text of at most `maxBytes`.
  mutating func text(_ name: String, maxBytes: Int = 4096) throws(FieldError) -> String? {
    guard let value = take(name) else { return nil }
    guard let text = value.string, text.utf8.count <= maxBytes else {
      throw wrong(name, "a string of at most \(maxBytes) bytes", value)
    }
    return text
  }

  /// An integer of the range.
  mutating func integer(_ name: String, in range: ClosedRange<Int64>) throws(FieldError) -> Int64? {
    guard let value = take(name) else { return nil }
    guard let number = value.integer, range.contains(number) else {
      throw wrong(name, "an integer from \(range.lowerBound) to \(range.upperBound)", value)
    }
    return number
  }

  /// A number of the range, as it was written.
  mutating func number(_ name: String, in range: ClosedRange<Double>) throws(FieldError) -> JSON? {
    guard let value = take(name) else { return nil }
    guard let number = value.number, range.contains(number) else {
      throw wrong(name, "a number from \(range.lowerBound) to \(range.upperBound)", value)
    }
    return value
  }

  /// True or false; absent is false.
  mutating func flag(_ name: String) throws(FieldError) -> Bool { try optionalFlag(name) ?? false }

  /// True, false or absent.
  mutating func optionalFlag(_ name: String) throws(FieldError) -> Bool? {
    guard let value = take(name) else { return nil }
    guard let flag = value.bool else { throw wrong(name, "true or false", value) }
    return flag
  }

  /// An array of at most `maxCount`.
  mutating func array(_ name: String, maxCount: Int) throws(FieldError) -> [JSON]? {
    guard let value = take(name) else { return nil }
    guard let array = value.array, array.count <= maxCount else {
      throw wrong(name, "an array of at most \(maxCount)", value)
    }
    return array
  }

  /// An object, as it was written.
  mutating func object(_ name: String) throws(FieldError) -> JSON? {
    guard let value = take(name) else { return nil }
    guard value.object != nil else { throw wrong(name, "an object", value) }
    return value
  }

  /// The model's name.
  mutating func model() throws(FieldError) -> String {
    guard let name = try text("model", maxBytes: 128) else {
      throw FieldError(field: pathOf("model"), expected: "the name of a model", actual: "nothing")
    }
    return name
  }

  /// A string or an array of strings.
  mutating func texts(_ name: String, maxCount: Int) throws(FieldError) -> [String]? {
    guard let value = take(name) else { return nil }
    if let text = value.string { return [text] }
    let texts = value.array?.compactMap(\.string) ?? []
    guard let array = value.array, array.count == texts.count, texts.count <= maxCount else {
      throw wrong(name, "a string or at most \(maxCount) strings", value)
    }
    return texts
  }

  /// Refuses what this box has no part in, unless it asks for nothing.
  mutating func refuse(_ name: String, unless harmless: [JSON] = [], _ why: String) throws(InferenceFault) {
    guard let value = take(name), !harmless.contains(value) else { return }
    throw .unsupported(member: pathOf(name), why: why)
  }

  /// Drops members that change nothing here.
  mutating func ignore(_ names: String...) { for name in names { members[name] = nil } }

  /// Refuses what is left.
  func finish() throws(FieldError) {
    guard let name = members.keys.min() else { return }
    throw FieldError(field: pathOf(name), expected: "no member of this name", actual: members[name]?.summary ?? "")
  }

  /// The error of a member.
  func wrong(_ name: String, _ expected: String, _ value: JSON) -> FieldError {
    FieldError(field: pathOf(name), expected: expected, actual: value.summary)
  }
}
