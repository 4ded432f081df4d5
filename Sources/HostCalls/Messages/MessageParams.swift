import CanonicalJSON
import Governance

/// Whether a reader meets values or, where a member is private, commitments to them as well.
enum ParamsView {
  /// The arguments of a call, or params whose commitments were opened.
  case opened
  /// Params as they are proposed: a private member may be a commitment.
  case proposed
}

extension ObjectReader {
  /// A private member: nil where it is absent or, in proposed params, committed to.
  mutating func optionalPrivate(_ name: String, _ view: ParamsView) -> JSON? {
    guard let value = optionalJSON(name), view == .opened || Commitment(json: value) == nil else { return nil }
    return value
  }

  /// A private text. Without control characters but line ends and tabs.
  mutating func optionalPrivateText(
    _ name: String, maxBytes: Int, _ view: ParamsView
  ) throws(FieldError) -> String? {
    guard let value = optionalPrivate(name, view) else { return nil }
    guard let text = value.string, text.utf8.count <= maxBytes, MessageText.isText(text) else {
      throw FieldError(
        field: pathOf(name), expected: "a text of at most \(maxBytes) bytes without control characters",
        actual: value.summary)
    }
    return text
  }

  /// A private text that must be there; empty where a commitment stands for it.
  mutating func requiredPrivateText(
    _ name: String, maxBytes: Int, _ view: ParamsView
  ) throws(FieldError) -> String {
    if view == .proposed, let value = optionalJSON(name), Commitment(json: value) != nil { return "" }
    guard let text = try optionalPrivateText(name, maxBytes: maxBytes, view) else {
      throw FieldError(field: pathOf(name), expected: "a text", actual: "nothing")
    }
    return text
  }

  /// The community in whose name an action is carried out.
  mutating func community() throws(FieldError) -> String {
    let name = try string("community", maxBytes: 64)
    guard Name.isValid(name) else {
      throw FieldError(field: pathOf("community"), expected: "a community's name", actual: JSON.string(name).summary)
    }
    return name
  }

  /// One line: no line ends and no other control characters.
  mutating func optionalLine(_ name: String, maxBytes: Int) throws(FieldError) -> String? {
    guard let text = try optionalString(name, maxBytes: maxBytes) else { return nil }
    guard MessageText.isLine(text) else {
      throw FieldError(
        field: pathOf(name), expected: "one line without control characters", actual: JSON.string(text).summary)
    }
    return text
  }
}

/// What people may write.
enum MessageText {
  /// No control characters (C0, DEL, C1) and no line or paragraph separators: nothing that could end a line.
  static func isLine(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
      scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) && !(0x2028...0x2029).contains(scalar.value)
    }
  }

  /// Lines: tabs and line ends as well.
  static func isText(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
      (scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)) || [9, 10, 13].contains(scalar.value)
    }
  }
}
