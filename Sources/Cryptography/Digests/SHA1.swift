internal import COpenSSL

/// SHA-1 (FIPS 180-4), to replay what old firmware logged. Nobody may rest trust on it: collisions are made to order, so a
/// register of this hash is shown and never accepted.
public enum SHA1 {
  /// The 20-byte digest of the bytes.
  public static func hash(_ bytes: [UInt8]) -> [UInt8] {
    Algorithms.digest(bytes, algorithm: Algorithms.sha1, count: 20)
  }
}
