/// The arguments of one invocation, by name. What is required is present, and values of closed sets are members.
public struct ParsedArguments: Sendable {
  /// The words that name the command: `["safebox", "key", "new"]`.
  public let command: [String]
  let declared: [String: Argument]
  var values: [String: [String]] = [:]
  var flags: Set<String> = []

  init(command: [String], arguments: [Argument]) {
    self.command = command
    declared = Dictionary(arguments.map { ($0.name, $0) }) { first, _ in first }
  }

  /// Whether a flag was given.
  public func flag(_ name: String) -> Bool {
    assert(declared[name] != nil, "\(name) is not declared")
    return flags.contains(name)
  }

  /// The value of an option or positional argument, or its default.
  public func value(_ name: String) -> String? { values(name).last }

  /// All values of a repeated argument, or its default.
  public func values(_ name: String) -> [String] {
    assert(declared[name] != nil, "\(name) is not declared")
    return values[name] ?? declared[name]?.defaultValue.map { [$0] } ?? []
  }

  /// The value of an argument that is declared required or has a default.
  public func required(_ name: String) throws(CommandError) -> String {
    guard let value = value(name) else { throw .usage("\(label(name)) is missing") }
    return value
  }

  /// A decimal number within `range`.
  public func integer(_ name: String, in range: ClosedRange<Int>) throws(CommandError) -> Int? {
    guard let text = value(name) else { return nil }
    guard let number = Int(text), range.contains(number), !text.hasPrefix("+") else {
      throw .usage(
        "\(label(name)) is \"\(text)\", a number from \(range.lowerBound) to \(range.upperBound) is expected")
    }
    return number
  }

  /// A time span such as `90s`, `15m`, `36h` or `7d`, in seconds.
  public func seconds(_ name: String) throws(CommandError) -> Int64? {
    guard let text = value(name) else { return nil }
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), count >= 0,
      !text.hasPrefix("+")
    else {
      throw .usage("\(label(name)) is \"\(text)\", a time span such as 90s, 15m, 36h or 7d is expected")
    }
    let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
    guard !overflow else { throw .usage("\(label(name)) is \"\(text)\", which is too long") }
    return seconds
  }

  /// Whether `--json` was declared and given.
  public var wantsJSON: Bool { flags.contains(Argument.json.name) }

  private func label(_ name: String) -> String { declared[name]?.usage ?? name }
}
