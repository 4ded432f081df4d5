internal import COpenSSL

/// Random bytes from the library's generator, which is seeded by the kernel.
public enum SecureRandom {
  /// `count` unpredictable bytes. Stops the process when the generator fails: guessable bytes are worse than none.
  public static func bytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
      fill(UnsafeMutableRawBufferPointer(buffer), privately: false)
      written = count
    }
  }

  /// `privately` draws from the generator kept apart for values that are never published.
  static func fill(_ buffer: UnsafeMutableRawBufferPointer, privately: Bool) {
    guard buffer.count > 0, let base = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    precondition(buffer.count <= Int(Int32.max), "too many random bytes in one call")
    let result =
      privately ? RAND_priv_bytes(base, Int32(buffer.count)) : RAND_bytes(base, Int32(buffer.count))
    precondition(result == 1, "the random generator failed")
  }
}
