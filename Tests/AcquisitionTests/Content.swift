import Cryptography

/// Bytes that repeat nowhere near: a shifted or doubled block is another file.
enum Content {
  static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    var bytes = [UInt8](repeating: 0, count: count)
    bytes.withUnsafeMutableBytes { buffer in
      for index in buffer.indices {
        // xorshift64
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        buffer[index] = UInt8(truncatingIfNeeded: state >> 24)
      }
    }
    return bytes
  }
}
