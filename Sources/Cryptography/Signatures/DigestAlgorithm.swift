/// A hash function that a signature scheme is told to use.
public enum DigestAlgorithm: String, Sendable, Hashable, CaseIterable {
  case sha256, sha384, sha512

  /// The digest of the bytes.
  public func hash(_ bytes: [UInt8]) -> [UInt8] {
    switch self {
    case .sha256: SHA256.hash(bytes).bytes
    case .sha384: SHA384.hash(bytes)
    case .sha512: SHA512.hash(bytes)
    }
  }

  /// How many bytes a digest has.
  public var byteCount: Int {
    switch self {
    case .sha256: 32
    case .sha384: 48
    case .sha512: 64
    }
  }

  var libraryAlgorithm: OpaquePointer? {
    switch self {
    case .sha256: Algorithms.sha256
    case .sha384: Algorithms.sha384
    case .sha512: Algorithms.sha512
    }
  }
}
