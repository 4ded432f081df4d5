import Cryptography

/// The name of a blob: the SHA-256 of its file, which is what an entry may cite.
///
/// It is the digest of sealed bytes, not of the plaintext: it reveals nothing about the content, two blobs with equal
/// content have different names, and a file can be checked by anyone who has no key.
public struct BlobID: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// SHA-256 of the whole file.
  public let digest: SHA256Digest

  /// The name of the file with this digest.
  public init(_ digest: SHA256Digest) { self.digest = digest }

  /// 64 lower-case hexadecimal digits, or nil for anything else.
  public init?(hex: some StringProtocol) {
    guard let digest = SHA256Digest(hex: hex) else { return nil }
    self.digest = digest
  }

  /// 64 lower-case hexadecimal digits.
  public var hex: String { digest.hex }

  public var description: String { hex }

  public static func < (a: BlobID, b: BlobID) -> Bool { a.digest < b.digest }
}
