import CanonicalJSON
import Cryptography

/// What a browser gives to who may push to it.
struct WebPushSubscription {
  struct Keys {
    /// The browser's point on P-256.
    var publicKey: P256.PublicKey
    /// 16 bytes that only the browser and its application share.
    var authentication: [UInt8]

    init(_ json: JSON, path: String) throws(FieldError) {
      var reader = try ObjectReader(json, path: path)
      let point = try reader.string("p256dh", maxBytes: 128)
      guard let bytes = Self.decode(point), let key = try? P256.PublicKey(x963: bytes) else {
        throw FieldError(
          field: reader.pathOf("p256dh"), expected: "an uncompressed P-256 point in base64url", actual: "another text")
      }
      publicKey = key
      guard let secret = Self.decode(try reader.string("auth", maxBytes: 32)), secret.count == 16 else {
        throw FieldError(field: reader.pathOf("auth"), expected: "16 bytes in base64url", actual: "another text")
      }
      authentication = secret
      try reader.finish()
    }

    var json: JSON {
      [
        "p256dh": .string(Base64.encodeURL(publicKey.x963)), "auth": .string(Base64.encodeURL(authentication)),
      ]
    }

    // Some libraries write the padding.
    private static func decode(_ text: String) -> [UInt8]? {
      var text = text[...]
      while text.last == "=" { text = text.dropLast() }
      return Base64.decodeURL(text)
    }
  }
}

/// Message encryption for Web Push (RFC 8291): the content coding aes128gcm (RFC 8188) with one record, under a key agreed
/// between the browser's point and a fresh one.
enum WebPushEncryption {
  /// Push services take bodies of 4096 bytes (RFC 8030 section 7.2): 86 go to the header, 17 to padding and tag.
  static let maxPlaintextBytes = 3993
  private static let recordSize: UInt32 = 4096

  /// - Parameters:
  ///   - sender: a fresh key for each message.
  ///   - salt: 16 random bytes.
  static func encrypt(
    _ plaintext: [UInt8], for keys: WebPushSubscription.Keys, sender: P256.PrivateKey, salt: [UInt8]
  ) throws(CryptographyError) -> [UInt8] {
    guard plaintext.count <= maxPlaintextBytes else {
      throw .wrongLength(of: "push message", expected: "at most \(maxPlaintextBytes)", actual: plaintext.count)
    }
    guard salt.count == 16 else { throw .wrongLength(of: "salt", expected: "16", actual: salt.count) }
    let point = sender.publicKey.x963
    let shared = try sender.sharedSecret(with: keys.publicKey)
    // Section 3.4.
    let input = try HKDFSHA256.derive(
      from: shared, salt: keys.authentication,
      info: Array("WebPush: info\0".utf8) + keys.publicKey.x963 + point, count: 32)
    let key = try HKDFSHA256.derive(
      from: input, salt: salt, info: Array("Content-Encoding: aes128gcm\0".utf8), count: 16)
    let nonce = try HKDFSHA256.derive(from: input, salt: salt, info: Array("Content-Encoding: nonce\0".utf8), count: 12)
    // 2 ends the last record (RFC 8188 section 2).
    let sealed = try AESGCM.seal(plaintext + [2], key: key, iv: nonce.withUnsafeBytes { [UInt8]($0) }, aad: [])
    let size = withUnsafeBytes(of: recordSize.bigEndian) { [UInt8]($0) }
    return salt + size + [UInt8(point.count)] + point + sealed.dropFirst(12)
  }
}
