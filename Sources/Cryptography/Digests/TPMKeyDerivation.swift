internal import COpenSSL

/// The two key derivations of TPM 2.0 (part 1, section 11.4.10). At most 64 bytes each.
public enum TPMKeyDerivation {
  /// KDFa: HMAC in counter mode (NIST SP 800-108 section 4.1).
  ///
  /// - Parameters:
  ///   - label: without the zero byte that follows it in what is hashed.
  ///   - count: 1 to 64 bytes.
  public static func kdfa(
    _ hash: DigestAlgorithm, key: SecretBytes, label: String, contextU: [UInt8], contextV: [UInt8], count: Int
  ) throws(CryptographyError) -> SecretBytes {
    try derive(count: count, blockCount: hash.byteCount) { counter, block in
      let message = word(counter) + Array(label.utf8) + [0] + contextU + contextV + word(UInt32(count * 8))
      return HMACDigest.write(hash, message: message, key: key, to: block)
    }
  }

  /// KDFe: a hash over a counter and a shared secret (NIST SP 800-56A section 5.8.1).
  ///
  /// - Parameters:
  ///   - sharedSecret: the x coordinate that ECDH yields, as long as the curve's numbers.
  ///   - partyU: the x coordinate of the one-time key, likewise.
  ///   - partyV: the x coordinate of the TPM's key, likewise.
  ///   - count: 1 to 64 bytes.
  public static func kdfe(
    _ hash: DigestAlgorithm, sharedSecret: SecretBytes, label: String, partyU: [UInt8], partyV: [UInt8], count: Int
  ) throws(CryptographyError) -> SecretBytes {
    let tail = Array(label.utf8) + [0] + partyU + partyV
    return try derive(count: count, blockCount: hash.byteCount) { counter, block in
      guard let context = EVP_MD_CTX_new() else { return false }
      defer { EVP_MD_CTX_free(context) }
      return EVP_DigestInit_ex(context, hash.libraryAlgorithm, nil) == 1
        && EVP_DigestUpdate(context, word(counter), 4) == 1
        && sharedSecret.withUnsafeBytes { EVP_DigestUpdate(context, $0.baseAddress, $0.count) } == 1
        && EVP_DigestUpdate(context, tail, tail.count) == 1
        && EVP_DigestFinal_ex(context, block.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1
    }
  }

  /// Blocks of counters 1, 2, ..., cut to `count` bytes.
  private static func derive(
    count: Int, blockCount: Int, block make: (UInt32, UnsafeMutableRawBufferPointer) -> Bool
  ) throws(CryptographyError) -> SecretBytes {
    guard (1...64).contains(count) else {
      throw .wrongLength(of: "derived key", expected: "1 to 64", actual: count)
    }
    let blocks = (count + blockCount - 1) / blockCount
    let whole = try SecretBytes(count: blocks * blockCount) { (output) throws(CryptographyError) in
      for index in 0..<blocks {
        let block = UnsafeMutableRawBufferPointer(rebasing: output[index * blockCount..<(index + 1) * blockCount])
        guard make(UInt32(index + 1), block) else { throw LibraryErrors.clear(.libraryFailure("key derivation")) }
      }
    }
    return SecretBytes(count: count) { output in
      whole.withUnsafeBytes { output.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
  }

  private static func word(_ value: UInt32) -> [UInt8] {
    stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
  }
}
