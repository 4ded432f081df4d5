/// Why a text or bytes are not what Ethereum's formats say.
public struct EthereumError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was read, as in `address` or `argument 0`.
  public var what: String
  /// What is wrong with it.
  public var reason: String

  public init(_ what: String, _ reason: String) {
    self.what = what
    self.reason = reason
  }

  public var description: String { "\(what): \(reason)" }

  /// The same within something larger.
  func within(_ outer: String) -> EthereumError { EthereumError("\(outer) \(what)", reason) }
}
