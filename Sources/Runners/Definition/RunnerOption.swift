import CanonicalJSON
import Models

/// One option that a manifest may set for its runner, and what becomes of it.
public struct RunnerOption: Sendable, Hashable {
  /// What values it takes.
  public enum Kind: Sendable, Hashable {
    case integer(ClosedRange<Int64>)
    /// Written as a fraction of one: 85 becomes `0.85`.
    case percent(ClosedRange<Int64>)
    case choice([String])
  }

  /// Where a value goes beside the placeholder of its name.
  public enum Target: Sendable, Hashable {
    /// Behind this flag, at the end of the command.
    case flag(String)
    /// Into this environment variable.
    case variable(String)
    /// Nowhere else.
    case placeholder
  }

  public let kind: Kind
  public let target: Target

  init(_ json: JSON, at path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let flag = try reader.optionalText("flag", maxBytes: 64)
    let variable = try reader.optionalText("variable", maxBytes: 64)
    switch (flag, variable) {
    case (let flag?, nil): target = .flag(flag)
    case (nil, let variable?): target = .variable(variable)
    case (nil, nil): target = .placeholder
    default:
      throw FieldError(field: path, expected: "a flag or a variable", actual: "both")
    }
    let type = try reader.text("type", maxBytes: 16)
    switch type {
    case "integer", "percent":
      let bounds: ClosedRange<Int64> = type == "percent" ? 0...100 : -JSON.maxSafeInteger...JSON.maxSafeInteger
      let minimum = try reader.integer("minimum", in: bounds)
      let maximum = try reader.integer("maximum", in: minimum...bounds.upperBound)
      kind = type == "percent" ? .percent(minimum...maximum) : .integer(minimum...maximum)
    case "choice": kind = .choice(try reader.texts("choices", maxCount: 64, maxBytes: 64))
    default:
      throw FieldError(
        field: reader.pathOf("type"), expected: "integer, percent or choice", actual: JSON.string(type).summary)
    }
    try reader.finish()
  }

  /// The value as an argument of a program.
  func text(of value: RunnerRequirement.Value, at field: String) throws(FieldError) -> String {
    switch (kind, value) {
    case (.integer(let range), .integer(let value)) where range.contains(value): return "\(value)"
    case (.percent(let range), .integer(let value)) where range.contains(value):
      return value == 100 ? "1.0" : "0." + (value < 10 ? "0\(value)" : "\(value)")
    case (.choice(let choices), .text(let text)) where choices.contains(text): return text
    default: throw FieldError(field: field, expected: expectation, actual: Self.describe(value))
    }
  }

  private var expectation: String {
    switch kind {
    case .integer(let range), .percent(let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
    case .choice(let choices): "one of \(choices.joined(separator: ", "))"
    }
  }

  private static func describe(_ value: RunnerRequirement.Value) -> String {
    switch value {
    case .integer(let value): "the integer \(value)"
    case .text(let text): JSON.string(text).summary
    }
  }
}
