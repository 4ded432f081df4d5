import Cryptography
import Storage

/// A key-encryption key in a file, 64 hexadecimal digits that nobody else may read: for development. Whoever has the disk has
/// the keys.
public struct FileKey: KeyEncryptionKey {
  private let key: SecretBytes
  public let identifier: String
  public var provider: String { "file" }

  /// Reads the file; refuses one that others may read.
  public init(path: String) throws(KeyEncryptionFault) {
    let bytes: [UInt8]?
    do {
      bytes = try WholeFile.read(path, limit: 256, secret: true)
    } catch {
      throw .unavailable("\(error)")
    }
    guard let bytes else { throw .unavailable("\(path) is missing") }
    var text = String(decoding: bytes, as: UTF8.self)
    if text.hasSuffix("\n") { text.removeLast() }
    guard let key = Hex.decode(text), key.count == 32 else {
      throw .unsuitableKey("\(path) does not hold 64 hexadecimal digits")
    }
    self.init(SecretBytes(copying: key))
  }

  init(_ key: SecretBytes) {
    self.key = key
    // A check value, not the key: an authentication code of nothing under it.
    let code = HMACSHA256.authenticationCode(for: Array("safebox/key-check/v1".utf8), key: key)
    identifier = "file:\(Hex.encode(Array(code.prefix(8))))"
  }

  public func wrap(_ secret: SecretBytes, context: WrappingContext) async throws(KeyEncryptionFault) -> [UInt8] {
    do {
      return try AESGCM.seal(secret, key: key, aad: context.bytes)
    } catch {
      throw .malformed("\(error)")
    }
  }

  public func unwrap(_ wrapped: [UInt8], context: WrappingContext) async throws(KeyEncryptionFault) -> SecretBytes {
    do {
      return try AESGCM.openSecret(wrapped, key: key, aad: context.bytes)
    } catch {
      throw .doesNotOpen
    }
  }
}
