import CanonicalJSON
import Cryptography

/// Demands of policies: each member is there, and gives a check up only by the word `any`.
extension ObjectReader {
  private static var maxValues: Int { 64 }

  /// nil for `any`, else what `read` makes of the value. Notes what was written.
  mutating func anyOr<Value>(
    _ name: String, _ written: inout JSONObject, _ read: (JSON, String) throws(FieldError) -> Value
  ) throws(FieldError) -> Value? {
    let json = try json(name)
    written[name] = json
    return json.string == "any" ? nil : try read(json, pathOf(name))
  }

  /// nil for `any`, else true or false.
  mutating func anyOrBool(_ name: String) throws(FieldError) -> Bool? {
    switch try json(name) {
    case .string("any"): return nil
    case .bool(let value): return value
    case let other: throw FieldError(field: pathOf(name), expected: "any, true or false", actual: other.summary)
    }
  }

  /// nil for `any`, else an integer.
  mutating func minimum(
    _ name: String, in range: ClosedRange<Int64>, _ written: inout JSONObject
  ) throws(FieldError) -> Int64? {
    try anyOr(name, &written) { json, path throws(FieldError) -> Int64 in
      guard case .integer(let value) = json, range.contains(value) else {
        throw FieldError(
          field: path, expected: "any, or an integer from \(range.lowerBound) to \(range.upperBound)",
          actual: json.summary)
      }
      return value
    }
  }

  /// `any`, or 1 to 64 strings that `value` understands.
  mutating func accepted<Value: Sendable & Hashable>(
    _ name: String, _ written: inout JSONObject, _ value: (String) -> Value?
  ) throws(FieldError) -> Accepted<Value> {
    try accepted(name, &written) { json in json.string.flatMap(value) }
  }

  /// `any`, or 1 to 64 values of this many bytes in hexadecimal.
  mutating func accepted(
    _ name: String, bytes count: Int, _ written: inout JSONObject
  ) throws(FieldError) -> Accepted<[UInt8]> {
    try accepted(name, &written) { text in Hex.decode(text).flatMap { $0.count == count ? $0 : nil } }
  }

  /// `any`, or 1 to 64 integers of the range.
  mutating func accepted(
    _ name: String, in range: ClosedRange<Int64>, _ written: inout JSONObject
  ) throws(FieldError) -> Accepted<Int64> {
    try accepted(name, &written) { json in
      if case .integer(let value) = json, range.contains(value) { value } else { nil }
    }
  }

  private mutating func accepted<Value: Sendable & Hashable>(
    _ name: String, _ written: inout JSONObject, element: (JSON) -> Value?
  ) throws(FieldError) -> Accepted<Value> {
    let values = try anyOr(name, &written) { json, path throws(FieldError) -> Set<Value> in
      guard let array = json.array, (1...Self.maxValues).contains(array.count) else {
        throw FieldError(
          field: path, expected: "any, or an array of 1 to \(Self.maxValues) values", actual: json.summary)
      }
      var values: Set<Value> = []
      for (index, json) in array.enumerated() {
        guard let value = element(json) else {
          throw FieldError(field: "\(path)[\(index)]", expected: "a value that it can have", actual: json.summary)
        }
        values.insert(value)
      }
      return values
    }
    return values.map { .only($0) } ?? .any
  }
}
