import CanonicalJSON
import Cryptography

/// What hides the payloads of one run: 32 random bytes that lie with the payloads and never stand in the log. Without them
/// nothing can be guessed from a digest, and with them erased the digests say nothing any more.
public struct RunSalt: Sendable, Hashable {
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) throws(FieldError) {
    guard bytes.count == Opening.saltBytes else {
      throw FieldError(field: "salt", expected: "\(Opening.saltBytes) bytes", actual: "\(bytes.count)")
    }
    self.bytes = bytes
  }

  /// The digest under which a payload stands in the log: SHA-256 of JCS `{"salt","value"}`, as of an ``Opening``.
  public func digest(of value: JSON) -> SHA256Digest {
    .of(["salt": .string(Hex.encode(bytes)), "value": value])
  }
}
