import Cryptography

/// The text form of an Ed25519 note key that Go's tools write: `PRIVATE+KEY+name+keyid+base64(0x01 || seed)`.
///
/// It is a secret. It exists so that keys move between us and those tools.
public enum SignerKeyText {
  public static func encode(name: String, key: Ed25519.PrivateKey) throws(VerifierKey.Failure) -> String {
    let verifierKey = try VerifierKey(name: name, ed25519: key.publicKey)
    let keyID = Hex.encode(VerifierKey.bytes(of: verifierKey.keyID))
    return key.seed.withUnsafeBytes { "PRIVATE+KEY+\(name)+\(keyID)+\(Base64.encode([0x01] + Array($0)))" }
  }

  /// - Throws: `malformed` when it is not of this form; `keyIDMismatch` when ID and key do not belong together.
  public static func decode(_ text: String) throws(VerifierKey.Failure) -> (name: String, key: Ed25519.PrivateKey) {
    let parts = text.split(separator: "+", maxSplits: 4, omittingEmptySubsequences: false)
    guard text.utf8.count <= 4096, text.utf8.starts(with: "PRIVATE+KEY+".utf8), parts.count == 5 else {
      throw .malformed
    }
    guard let bytes = Base64.decode(String(parts[4])), let type = bytes.first else { throw .invalidBase64 }
    guard type == VerifierKey.Algorithm.ed25519.rawValue else { throw .unknownAlgorithm(type) }
    guard bytes.count == 33, let key = try? Ed25519.PrivateKey(seed: Array(bytes[1...])) else {
      throw .invalidKey(.ed25519, bytes: bytes.count - 1)
    }
    let verifierKey = try VerifierKey(name: String(parts[2]), ed25519: key.publicKey)
    let keyID = Hex.encode(VerifierKey.bytes(of: verifierKey.keyID))
    guard sameOctets(keyID, String(parts[3])) else { throw .keyIDMismatch(expected: keyID, actual: String(parts[3])) }
    return (String(parts[2]), key)
  }
}
