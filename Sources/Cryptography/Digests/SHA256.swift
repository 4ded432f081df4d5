internal import COpenSSL

/// SHA-256 (FIPS 180-4), in one call or in pieces. The state lives in the value: no heap allocation.
public struct SHA256: Sendable {
  private var state = SHA256_CTX()

  /// An empty message.
  public init() {
    copenssl_sha256_init(&state)
  }

  /// Appends bytes to the message.
  public mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// Appends bytes to the message.
  public mutating func update(_ bytes: ArraySlice<UInt8>) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// Appends bytes to the message.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    copenssl_sha256_update(&state, bytes.baseAddress, bytes.count)
  }

  /// Appends the UTF-8 bytes of a text to the message.
  public mutating func update(utf8 text: String) {
    var copy = text
    copy.withUTF8 { update(UnsafeRawBufferPointer($0)) }
  }

  /// Appends the 32 bytes of a digest to the message.
  public mutating func update(_ digest: SHA256Digest) {
    digest.withUnsafeBytes { update($0) }
  }

  /// The digest of the message so far; the message may be continued afterwards.
  public func finalize() -> SHA256Digest {
    var last = state
    return SHA256Digest { copenssl_sha256_final(&last, $0) }
  }

  /// The digest of the bytes.
  public static func hash(_ bytes: [UInt8]) -> SHA256Digest {
    bytes.withUnsafeBytes { hash($0) }
  }

  /// The digest of the bytes.
  public static func hash(_ bytes: ArraySlice<UInt8>) -> SHA256Digest {
    bytes.withUnsafeBytes { hash($0) }
  }

  /// The digest of the bytes.
  public static func hash(_ bytes: UnsafeRawBufferPointer) -> SHA256Digest {
    SHA256Digest { copenssl_sha256(bytes.baseAddress, bytes.count, $0) }
  }

  /// The digest of the UTF-8 bytes of a text.
  public static func hash(utf8 text: String) -> SHA256Digest {
    var copy = text
    return copy.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
  }

  /// The digest of one byte followed by bytes: a Merkle leaf (RFC 9162 section 2.1.1).
  public static func hash(prefix: UInt8, _ bytes: UnsafeRawBufferPointer) -> SHA256Digest {
    var hasher = SHA256()
    withUnsafeBytes(of: prefix) { hasher.update($0) }
    hasher.update(bytes)
    return SHA256Digest { copenssl_sha256_final(&hasher.state, $0) }
  }

  /// The digest of one byte followed by bytes: a Merkle leaf (RFC 9162 section 2.1.1).
  public static func hash(prefix: UInt8, _ bytes: [UInt8]) -> SHA256Digest {
    bytes.withUnsafeBytes { hash(prefix: prefix, $0) }
  }

  /// The digest of one byte followed by two digests: a Merkle node (RFC 9162 section 2.1.1).
  public static func hash(prefix: UInt8, _ left: SHA256Digest, _ right: SHA256Digest) -> SHA256Digest {
    withUnsafeTemporaryAllocation(byteCount: 1 + 2 * SHA256Digest.byteCount, alignment: 1) { message in
      message.storeBytes(of: prefix, as: UInt8.self)
      message.storeBytes(of: left, toByteOffset: 1, as: SHA256Digest.self)
      message.storeBytes(of: right, toByteOffset: 1 + SHA256Digest.byteCount, as: SHA256Digest.self)
      return hash(UnsafeRawBufferPointer(message))
    }
  }
}
