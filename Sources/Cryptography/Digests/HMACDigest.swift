internal import COpenSSL

/// HMAC with a hash that a format names (RFC 2104, FIPS 198-1). Where the format leaves the choice, ``HMACSHA256``.
public enum HMACDigest {
  /// The authentication code of a message, as long as the hash's digest.
  public static func authenticationCode(
    for message: [UInt8], key: SecretBytes, hash: DigestAlgorithm
  ) throws(CryptographyError) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: hash.byteCount)
    guard code.withUnsafeMutableBytes({ write(hash, message: message, key: key, to: $0) }) else {
      throw LibraryErrors.clear(.libraryFailure("authentication code"))
    }
    return code
  }

  /// Writes the code to `output`, which has the size of the digest.
  static func write(
    _ hash: DigestAlgorithm, message: [UInt8], key: SecretBytes, to output: UnsafeMutableRawBufferPointer
  ) -> Bool {
    key.withUnsafeBytes { key in
      var count: UInt32 = 0
      let result = HMAC(
        hash.libraryAlgorithm, key.baseAddress, Int32(clamping: key.count), message, message.count,
        output.baseAddress?.assumingMemoryBound(to: UInt8.self), &count)
      return result != nil && Int(count) == output.count
    }
  }
}
