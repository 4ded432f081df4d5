internal import Cryptography

/// The signature text of an `es256` key: base64 of strict DER, or of the 64 bytes r || s that browsers make.
enum ES256Signature {
  /// Every reading of the text. DER can be 64 bytes long as well (when r and s are both short); then there are two, and
  /// trying both is harmless: a signature that verifies is one.
  static func readings(_ text: String) -> [ECDSASignature] {
    guard let bytes = Base64.decode(text) else { return [] }
    var result: [ECDSASignature] = []
    if let signature = try? ECDSASignature(strictDER: bytes) { result.append(signature) }
    if bytes.count == 64, let signature = try? ECDSASignature(p1363: bytes) { result.append(signature) }
    return result
  }

  /// The text that is written: base64 of DER with low s.
  static func text(_ signature: ECDSASignature) -> String { Base64.encode(signature.lowS.der) }

  static func check(_ text: String, key: ClaimKey, digest: SHA256Digest) throws(ClaimError) {
    let readings = readings(text)
    if readings.isEmpty {
      throw .malformedSignature(key: key, reason: "is not base64 of strict DER or of 64 bytes r || s")
    }
    guard readings.contains(where: { key.publicKey.isValid($0, forDigest: digest) }) else {
      throw .invalidSignature(key: key)
    }
  }
}
