import Cryptography

/// Everything that a verification needs beside the evidence: nothing is read from a clock, a file or a socket.
public struct VerificationContext: Sendable {
  public var anchors: TrustAnchors
  /// The time at which the evidence is judged, Unix milliseconds.
  public var at: Int64
  public var binding: Binding

  public init(anchors: TrustAnchors, at: Int64, binding: Binding) {
    self.anchors = anchors
    self.at = at
    self.binding = binding
  }
}

/// What the evidence must have been made for: a nonce, or the digest that binds a nonce and keys.
public enum Binding: Sendable, Hashable {
  /// 1 to 64 bytes. Where the format has a field of fixed width, zeros follow them.
  case bytes([UInt8])
  /// The caller does not ask, and says so: the evidence may be a replay and may speak for somebody else's keys.
  case any

  public static let byteCount = 1...64

  /// Whether a field of variable length is exactly the bytes, or one of fixed width the bytes and then zeros. An empty
  /// field never matches.
  public func matches(_ field: [UInt8], fixedWidth: Bool) -> Bool {
    guard case .bytes(let bytes) = self, Self.byteCount.contains(bytes.count) else { return false }
    guard fixedWidth else { return field == bytes }
    return field.starts(with: bytes) && field.dropFirst(bytes.count).allSatisfy { $0 == 0 }
  }
}

extension CheckList {
  /// Holds a field of the evidence against the binding that the caller expects.
  public mutating func bind(_ id: CheckID, _ field: [UInt8], to binding: Binding, fixedWidth: Bool) {
    switch binding {
    case .any: waive(id, because: "the caller asked for no nonce: this may be a replay")
    case .bytes(let bytes):
      require(
        id, binding.matches(field, fixedWidth: fixedWidth), expected: Hex.encode(bytes), actual: Hex.encode(field))
    }
  }
}
