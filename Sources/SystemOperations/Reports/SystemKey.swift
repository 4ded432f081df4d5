import CanonicalJSON
import Cryptography
import OpenClaims

/// The key of the privileged process, with which it signs what it did. The daemon never has it: what an entry of the log
/// says that the privileged process reported, an auditor can hold against this key.
public struct SystemKey: Sendable {
  public static let fileName = "system.key"

  let signer: ClaimSigner

  public init(_ key: P256.PrivateKey) { signer = ClaimSigner(key) }

  /// The public half, as auditors pin it: `data:key/es256;base64,...`.
  public var text: String { signer.key.text }

  /// Makes a key in the root directory, for its owner alone. EEXIST when there is one.
  public static func make(in root: AnchoredDirectory) throws -> SystemKey {
    let key = P256.PrivateKey.generate()
    try root.create(fileName, Array(key.pkcs8PEM.utf8), mode: 0o600)
    return SystemKey(key)
  }

  /// Reads the key; one that others may read is refused.
  public static func read(in root: AnchoredDirectory) throws -> SystemKey {
    guard let status = try root.status(fileName), let bytes = try root.read(fileName, limit: 4096) else {
      throw SystemFault("open", "\(root.path)/\(fileName)", errno: 2)
    }
    guard status.st_mode & 0o077 == 0 else {
      throw FieldError(
        field: "\(root.path)/\(fileName)", expected: "mode 0600",
        actual: "mode 0\(String(status.st_mode & 0o777, radix: 8))")
    }
    return SystemKey(try P256.PrivateKey(pkcs8PEM: String(decoding: bytes, as: UTF8.self)))
  }
}
