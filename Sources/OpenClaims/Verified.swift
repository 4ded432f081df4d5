/// A value whose signatures have been checked. Only the verifiers of this room make one, so a function that takes a
/// `Verified` cannot be handed an unchecked value by mistake.
public struct Verified<Value: Sendable>: Sendable {
  /// What was checked.
  public let value: Value
  /// The keys with a valid signature: at least one, each once.
  public let validKeys: [ClaimKey]
  /// The time, in seconds since 1970, for which its validity was checked.
  public let time: Int64

  init(_ value: Value, validKeys: [ClaimKey], time: Int64) {
    self.value = value
    self.validKeys = validKeys
    self.time = time
  }
}

extension Verified: Equatable where Value: Equatable {}
extension Verified: Hashable where Value: Hashable {}
