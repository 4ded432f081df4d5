import CanonicalJSON

/// One thing wrong with a receipt, and the code with which every verifier must name it.
struct Mutation: CustomStringConvertible, Sendable {
  let code: String
  /// The box's key that is expected; empty for any box.
  let key: String
  let bytes: [UInt8]

  var description: String { code }

  /// A change of a story before anything is signed: people and box did the wrong thing, and signed it.
  static func told(
    _ code: String, _ story: @autoclosure () throws -> Story, key: String = "", _ change: (inout Story) throws -> Void
  ) throws -> Mutation {
    var story = try story()
    try change(&story)
    return Mutation(code: code, key: key, bytes: try story.receiptBytes())
  }

  /// A change of the log after the people have signed: the box lies, and signs the checkpoint over its lie.
  static func logged(
    _ code: String, _ story: @autoclosure () throws -> Story, _ change: (inout TestLog) throws -> Void
  ) throws -> Mutation {
    var log = try story().log()
    try change(&log)
    return Mutation(code: code, key: "", bytes: try log.receipt().canonicalBytes())
  }

  /// A change of the finished file: somebody on the way tampers with it.
  static func tampered(
    _ code: String, _ story: @autoclosure () throws -> Story, key: String = "", _ change: (inout JSON) throws -> Void
  ) throws -> Mutation {
    var receipt = try story().log().receipt()
    try change(&receipt)
    return Mutation(code: code, key: key, bytes: receipt.canonicalBytes())
  }

  /// A change of the finished file's text.
  static func rewritten(
    _ code: String, _ story: @autoclosure () throws -> Story, _ change: (String) -> String
  ) throws -> Mutation {
    let text = String(decoding: try story().receiptBytes(), as: UTF8.self)
    return Mutation(code: code, key: "", bytes: Array(change(text).utf8))
  }
}

extension JSON {
  /// Applies a change to the text at a path.
  mutating func edit(_ path: String, _ change: (String) -> String) {
    self = setting(path, to: .string(change(at(path)?.string ?? "")))
  }

  /// Swaps two values.
  mutating func swap(_ one: String, _ other: String) {
    let (first, second) = (at(one), at(other))
    self = setting(one, to: second).setting(other, to: first)
  }
}

extension String {
  /// The text with the first occurrence of `old` replaced.
  func replacingFirst(_ old: String, with new: String) -> String {
    guard let range = firstRange(of: old) else { return self }
    return replacingCharacters(in: range, with: new)
  }

  private func firstRange(of part: String) -> Range<String.Index>? { ranges(of: part).first }

  private func replacingCharacters(in range: Range<String.Index>, with new: String) -> String {
    self[..<range.lowerBound] + new + self[range.upperBound...]
  }
}
