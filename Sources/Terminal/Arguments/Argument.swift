/// One flag, option or positional argument of a command.
public struct Argument: Sendable {
  public enum Kind: Sendable, Hashable {
    /// Present or absent.
    case flag
    /// Has a value: `--name value` or `--name=value`. The text stands for the value in help, such as `file`.
    case option(value: String)
    case positional
  }

  /// What a shell offers as values.
  public enum Values: Sendable, Hashable {
    case any
    case file
    case directory
    /// Exactly these; anything else is a usage error.
    case oneOf([String])
  }

  /// Without dashes; lower case with hyphens.
  public let name: String
  public let short: Character?
  public let kind: Kind
  /// One line, lower case, no final period.
  public let summary: String
  public let values: Values
  public let defaultValue: String?
  public let isRequired: Bool
  public let isRepeated: Bool

  public static func flag(_ name: String, short: Character? = nil, _ summary: String) -> Argument {
    Argument(
      name: name, short: short, kind: .flag, summary: summary, values: .any, defaultValue: nil, isRequired: false,
      isRepeated: false)
  }

  public static func option(
    _ name: String, short: Character? = nil, value: String, _ summary: String, values: Values = .any,
    default defaultValue: String? = nil, isRequired: Bool = false, isRepeated: Bool = false
  ) -> Argument {
    Argument(
      name: name, short: short, kind: .option(value: value), summary: summary, values: values,
      defaultValue: defaultValue, isRequired: isRequired, isRepeated: isRepeated)
  }

  /// A repeated positional takes all that is left and comes last; an optional one comes after the required ones.
  public static func positional(
    _ name: String, _ summary: String, values: Values = .any, isRequired: Bool = true, isRepeated: Bool = false
  ) -> Argument {
    Argument(
      name: name, short: nil, kind: .positional, summary: summary, values: values, defaultValue: nil,
      isRequired: isRequired, isRepeated: isRepeated)
  }

  /// `--json`: one JSON document on standard output and nothing else there; a failure is one JSON object on standard
  /// error. Exit codes stay the same.
  public static let json = flag("json", "write one JSON document instead of text")
  /// `-y`, `--yes`: answers a `Confirmation` beforehand.
  public static let yes = flag("yes", short: "y", "do not ask for confirmation")

  var isPositional: Bool { kind == .positional }

  /// As in usage lines: `--key <file>`, `<proposal>...`.
  var usage: String {
    let text =
      switch kind {
      case .flag: "--\(name)"
      case .option(let value): "--\(name) <\(value)>"
      case .positional: "<\(name)>"
      }
    return isRepeated ? text + "..." : text
  }
}
