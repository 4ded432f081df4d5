import CanonicalJSON

/// Reads the one argument of a call.
public enum HostArguments {
  /// The path under which errors name its members, as in `arguments.url`.
  public static let path = "arguments"

  /// Reads an object; members that `body` does not ask for are refused, and every fault becomes a `bad_argument` that
  /// names its field.
  public static func read<Value>(
    _ arguments: JSON, _ body: (inout ObjectReader) throws(FieldError) -> Value
  ) throws(HostCallError) -> Value {
    do {
      var reader = try ObjectReader(arguments, path: path)
      let value = try body(&reader)
      try reader.finish()
      return value
    } catch {
      throw HostCallError(error)
    }
  }
}

extension ObjectReader {
  /// A number of the range, fractions too, or nil when the member is absent.
  public mutating func optionalNumber(_ name: String, in range: ClosedRange<Double>) throws(FieldError) -> Double? {
    guard let value = optionalJSON(name) else { return nil }
    guard let number = value.number, range.contains(number) else {
      throw FieldError(
        field: pathOf(name), expected: "a number from \(range.lowerBound) to \(range.upperBound)", actual: value.summary
      )
    }
    return number
  }
}
