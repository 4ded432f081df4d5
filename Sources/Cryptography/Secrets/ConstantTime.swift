internal import COpenSSL

/// Comparison of secret or attacker-guessed bytes.
public enum ConstantTime {
  /// Whether the bytes are equal, in time that depends on the counts only: an attacker who measures how long a refusal
  /// takes learns nothing about where the first difference is.
  public static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return left.withUnsafeBytes { left in
      right.withUnsafeBytes { CRYPTO_memcmp(left.baseAddress, $0.baseAddress, $0.count) == 0 }
    }
  }
}
