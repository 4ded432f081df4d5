import CanonicalJSON

extension ObjectReader {
  mutating func text(_ name: String, maxBytes: Int) throws(FieldError) -> String {
    try Self.text(json(name), at: pathOf(name), maxBytes: maxBytes)
  }

  mutating func optionalText(_ name: String, maxBytes: Int) throws(FieldError) -> String? {
    guard let json = optionalJSON(name) else { return nil }
    return try Self.text(json, at: pathOf(name), maxBytes: maxBytes)
  }

  static func text(_ json: JSON, at field: String, maxBytes: Int) throws(FieldError) -> String {
    // What goes to argv and the environment of a program has no NUL, and nothing that a log could be fooled with.
    guard let text = json.string, (1...maxBytes).contains(text.utf8.count),
      text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
    else {
      throw FieldError(field: field, expected: "1 to \(maxBytes) bytes of visible text", actual: json.summary)
    }
    return text
  }

  mutating func texts(_ name: String, maxCount: Int, maxBytes: Int = 256) throws(FieldError) -> [String] {
    guard let json = optionalJSON(name) else { return [] }
    return try Self.texts(json, at: pathOf(name), maxCount: maxCount, maxBytes: maxBytes)
  }

  static func texts(_ json: JSON, at field: String, maxCount: Int, maxBytes: Int) throws(FieldError) -> [String] {
    guard let elements = json.array, elements.count <= maxCount else {
      throw FieldError(field: field, expected: "an array of at most \(maxCount)", actual: json.summary)
    }
    var texts: [String] = []
    for (index, element) in elements.enumerated() {
      texts.append(try text(element, at: "\(field)[\(index)]", maxBytes: maxBytes))
    }
    return texts
  }

  /// Names and values of a member that is an object; none where it is absent.
  mutating func entries(_ name: String, maxCount: Int) throws(FieldError) -> [(key: String, value: JSON)] {
    guard let json = optionalJSON(name) else { return [] }
    guard let object = json.object, object.count <= maxCount else {
      throw FieldError(field: pathOf(name), expected: "an object of at most \(maxCount)", actual: json.summary)
    }
    return Array(object)
  }
}
