internal import COpenSSL

/// SHA-384 (FIPS 180-4).
public enum SHA384 {
  /// The 48-byte digest of the bytes.
  public static func hash(_ bytes: [UInt8]) -> [UInt8] {
    Algorithms.digest(bytes, algorithm: Algorithms.sha384, count: 48)
  }
}

/// SHA-512 (FIPS 180-4).
public enum SHA512 {
  /// The 64-byte digest of the bytes.
  public static func hash(_ bytes: [UInt8]) -> [UInt8] {
    Algorithms.digest(bytes, algorithm: Algorithms.sha512, count: 64)
  }
}
