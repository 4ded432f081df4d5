/// A SHA-256 digest: 32 bytes stored in place, without a heap allocation.
///
/// Digests order as byte strings. `description` is the lower-case hexadecimal text.
public struct SHA256Digest: Sendable, Hashable, Comparable, BitwiseCopyable, CustomStringConvertible {
  /// How many bytes a digest has.
  public static let byteCount = 32

  // The bytes in memory order, so that a pointer to the value is a pointer to the digest.
  private var word0: UInt64 = 0
  private var word1: UInt64 = 0
  private var word2: UInt64 = 0
  private var word3: UInt64 = 0

  /// The digest that a function writes to the pointer, which has room for 32 bytes.
  init(filledBy write: (UnsafeMutableRawPointer) -> Void) {
    withUnsafeMutableBytes(of: &self) { buffer in
      if let base = buffer.baseAddress { write(base) }
    }
  }

  /// 32 bytes, or nil for any other count.
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    withUnsafeMutableBytes(of: &self) { $0.copyBytes(from: bytes) }
  }

  /// 64 lower-case hexadecimal digits, or nil for anything else.
  public init?(hex: some StringProtocol) {
    guard hex.utf8.count == Self.byteCount * 2, let bytes = Hex.decode(hex) else { return nil }
    self.init(bytes)
  }

  /// The 32 bytes.
  public var bytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }

  /// 64 lower-case hexadecimal digits.
  public var hex: String { withUnsafeBytes { Hex.encode($0) } }

  public var description: String { hex }

  /// Calls the function with the 32 bytes in place.
  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try Swift.withUnsafeBytes(of: self, body)
  }

  public static func < (left: SHA256Digest, right: SHA256Digest) -> Bool {
    if left.word0 != right.word0 { return left.word0.bigEndian < right.word0.bigEndian }
    if left.word1 != right.word1 { return left.word1.bigEndian < right.word1.bigEndian }
    if left.word2 != right.word2 { return left.word2.bigEndian < right.word2.bigEndian }
    return left.word3.bigEndian < right.word3.bigEndian
  }
}
