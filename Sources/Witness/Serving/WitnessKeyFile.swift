import Cryptography
import Storage

/// The witness's private key: Ed25519, PKCS#8 in PEM (RFC 8410), as `openssl genpkey -algorithm ed25519` writes it.
enum WitnessKeyFile {
  enum Failure: Error, CustomStringConvertible {
    case missing(path: String)
    case invalid(path: String, reason: String)

    var description: String {
      switch self {
      case .missing(let path): "the key file \(path) does not exist"
      case .invalid(let path, let reason): "\(path) is not an Ed25519 key in PKCS#8 PEM: \(reason)"
      }
    }
  }

  private static let label = "PRIVATE KEY"
  /// RFC 8410 section 7: everything before the 32 octets of the seed.
  private static let prefix: [UInt8] = [
    0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
  ]

  static func read(_ path: String) throws -> Ed25519.PrivateKey {
    guard let bytes = try WholeFile.read(path, limit: 4096, secret: true) else { throw Failure.missing(path: path) }
    do {
      return try Ed25519.PrivateKey(pkcs8DER: PEM.decode(String(decoding: bytes, as: UTF8.self), label: label))
    } catch {
      throw Failure.invalid(path: path, reason: "\(error)")
    }
  }

  static func create(_ path: String) throws -> Ed25519.PrivateKey {
    let key = Ed25519.PrivateKey.generate()
    let der = key.seed.withUnsafeBytes { prefix + Array($0) }
    try WholeFile.create(path, with: Array(PEM.encode(der, label: label).utf8), mode: 0o600)
    return key
  }
}
