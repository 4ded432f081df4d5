import CanonicalJSON
import Cryptography

/// The name of one run: 32 random bytes, written as 64 lower-case hexadecimal digits. A type of its own, so that no run is
/// taken for a proposal.
public struct RunID: Sendable, Hashable, Comparable, CustomStringConvertible {
  private let value: SHA256Digest

  /// 32 bytes; nil for any other count.
  public init?(_ bytes: some Collection<UInt8>) {
    guard let value = SHA256Digest(bytes) else { return nil }
    self.value = value
  }

  /// 64 lower-case hexadecimal digits; nil for anything else.
  public init?(hex: some StringProtocol) {
    guard let value = SHA256Digest(hex: hex) else { return nil }
    self.value = value
  }

  init(field json: JSON, at path: String) throws(FieldError) {
    guard let text = json.string, let id = RunID(hex: text) else {
      throw FieldError(
        field: path, expected: "a run of 64 lower-case hexadecimal digits", actual: json.summary)
    }
    self = id
  }

  public var bytes: [UInt8] { value.bytes }
  public var hex: String { value.hex }
  public var description: String { hex }

  public static func < (left: RunID, right: RunID) -> Bool { left.value < right.value }
}

extension ObjectReader {
  /// The name of a run.
  mutating func run(_ field: String) throws(FieldError) -> RunID {
    try RunID(field: .string(string(field, maxBytes: 256)), at: pathOf(field))
  }

  /// The name of a run, or nil when the member is absent.
  mutating func optionalRun(_ field: String) throws(FieldError) -> RunID? {
    guard let text = try optionalString(field, maxBytes: 256) else { return nil }
    return try RunID(field: .string(text), at: pathOf(field))
  }
}
