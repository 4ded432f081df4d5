internal import COpenSSL

/// HMAC with SHA-256 (RFC 2104, FIPS 198-1).
public enum HMACSHA256 {
  /// The 32-byte authentication code of a message under a key of any length.
  public static func authenticationCode(for message: [UInt8], key: SecretBytes) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { code, written in
      key.withUnsafeBytes { key in
        message.withUnsafeBytes { message in
          var count: UInt32 = 0
          let result = HMAC(
            Algorithms.sha256, key.baseAddress, Int32(clamping: key.count),
            message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count, code.baseAddress, &count)
          precondition(result != nil && count == 32, "the cryptographic library failed to authenticate")
        }
      }
      written = 32
    }
  }

  /// Whether the code belongs to the message, compared in constant time. Shortened codes are refused.
  public static func isValid(_ code: [UInt8], for message: [UInt8], key: SecretBytes) -> Bool {
    ConstantTime.equal(code, authenticationCode(for: message, key: key))
  }
}
