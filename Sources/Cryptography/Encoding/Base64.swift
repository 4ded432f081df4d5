/// Base64 with exactly one text for each byte string (RFC 4648 sections 4, 5 and 3.5).
///
/// Decoding refuses white space, missing or surplus padding, characters of the other alphabet and unused bits that
/// are not zero: two texts that decode alike would let an attacker vary signed or hashed text without being seen.
public enum Base64 {
  /// The standard alphabet, padded.
  public static func encode(_ bytes: some Collection<UInt8>) -> String {
    encode([UInt8](bytes), alphabet: standard, padded: true)
  }

  /// The standard alphabet, padded; nil when the text is not exactly what `encode` writes.
  public static func decode(_ text: some StringProtocol) -> [UInt8]? {
    var copy = String(text)
    return copy.withUTF8 { decode($0, values: standardValues, padded: true) }
  }

  /// The URL-safe alphabet, without padding.
  public static func encodeURL(_ bytes: some Collection<UInt8>) -> String {
    encode([UInt8](bytes), alphabet: urlSafe, padded: false)
  }

  /// The URL-safe alphabet, without padding; nil when the text is not exactly what `encodeURL` writes.
  public static func decodeURL(_ text: some StringProtocol) -> [UInt8]? {
    var copy = String(text)
    return copy.withUTF8 { decode($0, values: urlSafeValues, padded: false) }
  }

  private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
  private static let standardValues = inverse(standard)
  private static let urlSafeValues = inverse(urlSafe)
  private static let invalid: UInt8 = 0xFF
  private static let pad: UInt8 = 0x3D

  private static func inverse(_ alphabet: [UInt8]) -> [UInt8] {
    var values = [UInt8](repeating: invalid, count: 256)
    for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
    return values
  }

  private static func encode(_ bytes: [UInt8], alphabet: [UInt8], padded: Bool) -> String {
    let capacity = (bytes.count + 2) / 3 * 4
    return String(unsafeUninitializedCapacity: capacity) { text in
      var written = 0
      func put(_ character: UInt8) {
        text.initializeElement(at: written, to: character)
        written += 1
      }
      var position = 0
      while position + 2 < bytes.count {
        let group = UInt32(bytes[position]) << 16 | UInt32(bytes[position + 1]) << 8 | UInt32(bytes[position + 2])
        put(alphabet[Int(group >> 18)])
        put(alphabet[Int(group >> 12 & 63)])
        put(alphabet[Int(group >> 6 & 63)])
        put(alphabet[Int(group & 63)])
        position += 3
      }
      switch bytes.count - position {
      case 1:
        put(alphabet[Int(bytes[position] >> 2)])
        put(alphabet[Int(bytes[position] & 3) << 4])
        if padded {
          put(pad)
          put(pad)
        }
      case 2:
        put(alphabet[Int(bytes[position] >> 2)])
        put(alphabet[Int(bytes[position] & 3) << 4 | Int(bytes[position + 1] >> 4)])
        put(alphabet[Int(bytes[position + 1] & 15) << 2])
        if padded { put(pad) }
      default: break
      }
      return written
    }
  }

  private static func decode(_ text: UnsafeBufferPointer<UInt8>, values: [UInt8], padded: Bool) -> [UInt8]? {
    var count = text.count
    if padded {
      guard count.isMultiple(of: 4) else { return nil }
      // At most two: a third `=` is then an invalid character below.
      if count > 0, text[count - 1] == pad {
        count -= 1
        if text[count - 1] == pad { count -= 1 }
      }
    }
    // One character carries six bits: not even one byte.
    guard count % 4 != 1 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count / 4 * 3 + 2)
    var group: UInt32 = 0
    var bits = 0
    for position in 0..<count {
      let value = values[Int(text[position])]
      guard value != invalid else { return nil }
      group = group << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
      }
    }
    guard group & (1 << UInt32(bits) - 1) == 0 else { return nil }
    return bytes
  }
}
