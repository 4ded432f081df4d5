import Cryptography

/// What evidence for a release is made for: the broker's nonce, and everything that the release will be sealed to.
public struct ReleaseBinding: Sendable, Hashable {
  /// The domain of a release. Evidence for one purpose is none for another.
  public static let release = "safebox/key-release/v1"

  public let nonce: [UInt8]
  /// The X25519 key to which the released key is sealed.
  public let wrapping: [UInt8]
  /// SHA-256 of the public key of the box's end of the connection.
  public let tls: SHA256Digest
  /// The box's name.
  public let box: String

  public init(nonce: [UInt8], wrapping: [UInt8], tls: SHA256Digest, box: String) {
    self.nonce = nonce
    self.wrapping = wrapping
    self.tls = tls
    self.box = box
  }

  /// The 32 bytes that evidence carries (extraData of a TPM, REPORT_DATA, user data): SHA-256 of domain, nonce, wrapping
  /// key, TLS key and box name, each after its length in four bytes, big-endian. Nothing can move from one into the next.
  public var bytes: [UInt8] {
    var input: [UInt8] = []
    for part in [Array(Self.release.utf8), nonce, wrapping, tls.bytes, Array(box.utf8)] {
      input += withUnsafeBytes(of: UInt32(part.count).bigEndian, Array.init) + part
    }
    return SHA256.hash(input).bytes
  }
}

/// How a released key is sealed: HPKE to the attested key, for one release.
public enum ReleaseSeal {
  static let info = Array("safebox/key-release/v1".utf8)

  /// - Parameter release: the action digest of the release: what is sealed for one opens for no other.
  public static func seal(
    _ key: SecretBytes, to wrapping: [UInt8], for release: SHA256Digest
  ) throws(CryptographyError) -> [UInt8] {
    try HPKE.seal(key, to: wrapping, info: info + [0] + release.bytes, aad: release.bytes)
  }

  public static func open(
    _ sealed: [UInt8], with wrapping: X25519.PrivateKey, for release: SHA256Digest
  ) throws(CryptographyError) -> SecretBytes {
    try HPKE.open(sealed, with: wrapping, info: info + [0] + release.bytes, aad: release.bytes)
  }
}
