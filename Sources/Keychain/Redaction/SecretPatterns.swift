import Cryptography

/// The texts that one secret can come back as. Percent-encodings and JSON escapes need none: the ``Redactor`` looks at what
/// they decode to.
enum SecretPatterns {
  /// Raw, hexadecimal in both cases, base64 and base64url at each of the three alignments that it can have within longer
  /// encoded bytes, and as a whole with its padding.
  static func of(_ secret: SecretBytes) -> [[UInt8]] {
    let bytes = secret.withUnsafeBytes { [UInt8]($0) }
    guard !bytes.isEmpty else { return [] }
    let hex = Hex.encode(bytes)
    var patterns = [bytes, Array(hex.utf8), Array(hex.uppercased().utf8)]
    for encode in [{ Base64.encode($0) }, { Base64.encodeURL($0) }] as [([UInt8]) -> String] {
      let whole = Array(encode(bytes).utf8)
      patterns.append(whole)
      patterns.append(whole.filter { $0 != UInt8(ascii: "=") })
      for offset in 0..<3 {
        // A character carries six bits; only those of the secret alone are the same whatever stands around it.
        let text = Array(encode([UInt8](repeating: 0, count: offset) + bytes).utf8)
        let first = (offset * 8 + 5) / 6
        let end = (offset + bytes.count) * 8 / 6
        if first < end { patterns.append(Array(text[first..<end])) }
      }
    }
    return patterns
  }
}
