/// Keccak-256 with the original padding, as the Ethereum virtual machine uses it; not SHA3-256 (FIPS 202).
///
/// The one primitive that we carry ourselves: the library has no name for it. It hashes public data only.
public enum Keccak256 {
  private static let rate = 136

  /// The 32-byte digest of the bytes.
  public static func hash(_ bytes: [UInt8]) -> [UInt8] {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 25) { state in
      state.initialize(repeating: 0)
      bytes.withUnsafeBytes { input in
        var position = 0
        while input.count - position >= rate {
          absorb(UnsafeRawBufferPointer(rebasing: input[position..<position + rate]), into: state)
          position += rate
        }
        var last = [UInt8](input[position...])
        last.append(contentsOf: repeatElement(0, count: rate - last.count))
        // Keccak pads with 0x01; SHA-3 puts its domain bits before it and so pads with 0x06.
        last[input.count - position] ^= 0x01
        last[rate - 1] ^= 0x80
        last.withUnsafeBytes { absorb($0, into: state) }
      }
      return (0..<32).map { UInt8(truncatingIfNeeded: state[$0 / 8] >> UInt64($0 % 8 * 8)) }
    }
  }

  private static func absorb(_ block: UnsafeRawBufferPointer, into state: UnsafeMutableBufferPointer<UInt64>) {
    for lane in 0..<rate / 8 {
      state[lane] ^= UInt64(littleEndian: block.loadUnaligned(fromByteOffset: lane * 8, as: UInt64.self))
    }
    permute(state)
  }

  /// Keccak-f[1600] (FIPS 202 section 3.3).
  private static func permute(_ a: UnsafeMutableBufferPointer<UInt64>) {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 5) { c in
      for constant in roundConstants {
        for x in 0..<5 { c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] }
        for x in 0..<5 {
          let d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1)
          for y in stride(from: 0, to: 25, by: 5) { a[x + y] ^= d }
        }
        var lane = a[1]
        for step in 0..<24 {
          let next = a[piLanes[step]]
          a[piLanes[step]] = rotate(lane, rhoOffsets[step])
          lane = next
        }
        for y in stride(from: 0, to: 25, by: 5) {
          for x in 0..<5 { c[x] = a[y + x] }
          for x in 0..<5 { a[y + x] = c[x] ^ (~c[(x + 1) % 5] & c[(x + 2) % 5]) }
        }
        a[0] ^= constant
      }
    }
  }

  private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
    value << count | value >> (64 - count)
  }

  private static let rhoOffsets: [UInt64] = [
    1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44,
  ]
  private static let piLanes = [
    10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1,
  ]
  private static let roundConstants: [UInt64] = [
    0x0000_0000_0000_0001, 0x0000_0000_0000_8082, 0x8000_0000_0000_808A, 0x8000_0000_8000_8000,
    0x0000_0000_0000_808B, 0x0000_0000_8000_0001, 0x8000_0000_8000_8081, 0x8000_0000_0000_8009,
    0x0000_0000_0000_008A, 0x0000_0000_0000_0088, 0x0000_0000_8000_8009, 0x0000_0000_8000_000A,
    0x0000_0000_8000_808B, 0x8000_0000_0000_008B, 0x8000_0000_0000_8089, 0x8000_0000_0000_8003,
    0x8000_0000_0000_8002, 0x8000_0000_0000_0080, 0x0000_0000_0000_800A, 0x8000_0000_8000_000A,
    0x8000_0000_8000_8081, 0x8000_0000_0000_8080, 0x0000_0000_8000_0001, 0x8000_0000_8000_8008,
  ]
}
