/// Why a check does not hold.
public struct CheckFailure: Error, Sendable, Hashable, CustomStringConvertible {
  /// Stable, and the same in every implementation: `<step>.<reason>` (docs/receipts.md lists them).
  public let code: String
  public let expected: String
  public let actual: String

  public init(_ code: String, expected: String, actual: String) {
    self.code = code
    self.expected = expected
    self.actual = actual
  }

  public var description: String { "\(code): expected \(expected), found \(actual)" }
}
