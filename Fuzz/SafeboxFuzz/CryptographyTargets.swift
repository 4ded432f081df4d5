import Cryptography

/// The encodings of keys, signatures and bytes. One property holds for all: what is accepted is exactly what would be
/// written, so no two inputs mean the same.
enum CryptographyTargets {
  /// Base64 of both alphabets, hexadecimal, and PEM.
  static let text = FuzzTarget(
    name: "crypto.text", shape: .lines,
    seeds: [
      "Zm9vYg==", "Zm9vYmE=", "-_8", "+/8=", "00ff9a", "", PEM.encode([UInt8](0..<100), label: "PRIVATE KEY"),
      "-----BEGIN PRIVATE KEY-----\r\nAAAA\r\n-----END PRIVATE KEY-----\r\n",
    ].map { Array($0.utf8) },
    tokens: ["=", "==", "A", "B", "/", "+", "_", "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n"]
  ) { input throws(FuzzTarget.Violation) in
    let text = String(decoding: input, as: UTF8.self)
    var labels: [String] = []
    if let bytes = Base64.decode(text) {
      try FuzzTarget.require(Base64.encode(bytes) == text, "a second base64 text for \(bytes)")
      labels.append("base64")
    }
    if let bytes = Base64.decodeURL(text) {
      try FuzzTarget.require(Base64.encodeURL(bytes) == text, "a second base64url text for \(bytes)")
      labels.append("base64url")
    }
    if let bytes = Hex.decode(text) {
      try FuzzTarget.require(Hex.encode(bytes) == text, "a second hexadecimal text for \(bytes)")
      labels.append("hex")
    }
    var label = labels.joined(separator: "+")
    let block = read(&label) { () throws(CryptographyError) in try PEM.decode(text, label: "PRIVATE KEY") }
    if let block {
      let written = PEM.encode(block, label: "PRIVATE KEY").split { $0.isNewline }
      try FuzzTarget.require(text.split { $0.isNewline } == written, "a second PEM text for \(block)")
    }
    return label
  }

  /// ECDSA signatures in DER, over all three curves.
  static let signature = FuzzTarget(
    name: "crypto.signature", shape: .binary,
    seeds: [
      [0x30, 6, 2, 1, 1, 2, 1, 2], [0x30, 8, 2, 2, 0, 0x80, 2, 2, 0, 0xFF],
      [0x30, 68, 2, 32, 0x7F] + [UInt8](repeating: 0xA5, count: 31) + [2, 32, 0x11]
        + [UInt8](repeating: 0x5A, count: 31),
      [0x30, 70, 2, 33, 0, 0xFF] + [UInt8](repeating: 0, count: 31) + [2, 33, 0, 0xF0]
        + [UInt8](repeating: 1, count: 31),
      [0x30, 100, 2, 48] + [UInt8](repeating: 0x31, count: 48) + [2, 48] + [UInt8](repeating: 0x42, count: 48),
    ],
    tokens: ["\u{30}\u{06}", "\u{02}\u{01}", "\u{02}\u{21}\0"]
  ) { input throws(FuzzTarget.Violation) in
    let signature: ECDSASignature
    do throws(CryptographyError) {
      signature = try ECDSASignature(strictDER: input)
    } catch {
      let wide = try? P384.Signature(strictDER: input)
      try FuzzTarget.require(wide.map { $0.der == input } ?? true, "a second DER form of a P-384 signature")
      return "\(wide == nil)\(error.description.filter { !$0.isNumber }.prefix(60))"
    }
    try FuzzTarget.require(signature.der == input, "a second DER form")
    try FuzzTarget.require((try? ECDSASignature(p1363: signature.p1363)) == signature, "r || s reads otherwise")
    let low = signature.lowS
    try FuzzTarget.require(low.isLowS && (low == signature) == signature.isLowS, "low s is not low")
    try FuzzTarget.require((try? ECDSASignature(strictDER: low.der)) == low, "low s is refused")
    let other = try? Secp256k1.Signature(strictDER: input)
    try FuzzTarget.require(other.map { $0.p1363 == signature.p1363 } ?? true, "two curves read two pairs")
    return signature.isLowS ? "low" : "high"
  }

  /// SubjectPublicKeyInfo and PKCS#8.
  static let key = FuzzTarget(name: "crypto.key", shape: .binary, seeds: keySeeds) {
    input throws(FuzzTarget.Violation) in
    var label = ""
    if let key = read(&label, { () throws(CryptographyError) in try P256.PublicKey(spkiDER: input) }) {
      try FuzzTarget.require(key.spkiDER == input, "a second encoding of a P-256 key")
    }
    if let key = try? P384.PublicKey(spkiDER: input) {
      try FuzzTarget.require(key.spkiDER == input, "a second encoding of a P-384 key")
      label += "P-384"
    }
    if let key = read(&label, { () throws(CryptographyError) in try RSA.PublicKey(spkiDER: input) }) {
      try FuzzTarget.require(key.spkiDER == input, "a second encoding of an RSA key")
    }
    if let key = read(&label, { () throws(CryptographyError) in try P256.PrivateKey(pkcs8DER: input) }) {
      let again = try? P256.PrivateKey(pkcs8DER: key.pkcs8DER.withUnsafeBytes { [UInt8]($0) })
      try FuzzTarget.require(again?.publicKey == key.publicKey, "a private key changes when written")
    }
    return label
  }

  /// What was read, or nil; adds how it went to the label.
  private static func read<Value>(
    _ label: inout String, _ body: () throws(CryptographyError) -> Value
  ) -> Value? {
    do throws(CryptographyError) {
      let value = try body()
      label += "+\(Value.self)"
      return value
    } catch {
      // Numbers in a message would make each input look new.
      label += "-" + error.description.filter { !$0.isNumber }.prefix(40)
      return nil
    }
  }

  private static let keySeeds: [[UInt8]] = {
    let scalar = [UInt8](repeating: 0, count: 31) + [7]
    var seeds: [[UInt8]] = []
    if let key = try? P256.PrivateKey(rawScalar: scalar) {
      seeds += [key.publicKey.spkiDER, key.pkcs8DER.withUnsafeBytes { [UInt8]($0) }]
    }
    if let key = try? RSA.PublicKey(modulus: [UInt8](repeating: 0xC3, count: 256), exponent: [1, 0, 1]) {
      seeds.append(key.spkiDER)
    }
    let header: [UInt8] = [0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20]
    seeds.append(header + [UInt8](repeating: 9, count: 32))
    return seeds
  }()
}
