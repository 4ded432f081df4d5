import Cryptography

/// A private key that signs note texts (C2SP signed-note): Ed25519 (type 0x01) or ECDSA P-256 (type 0x02).
public struct NoteSigner: Sendable {
  private enum Key: Sendable {
    case ed25519(Ed25519.PrivateKey)
    case es256(P256.PrivateKey)
  }

  private let key: Key
  /// The public half.
  public let verifierKey: VerifierKey

  public init(name: String, ed25519 key: Ed25519.PrivateKey) throws(VerifierKey.Failure) {
    verifierKey = try VerifierKey(name: name, ed25519: key.publicKey)
    self.key = .ed25519(key)
  }

  public init(name: String, es256 key: P256.PrivateKey) throws(VerifierKey.Failure) {
    verifierKey = try VerifierKey(name: name, es256: key.publicKey)
    self.key = .es256(key)
  }

  /// Signs a note text.
  public func sign(textBytes: [UInt8]) throws(NoteError) -> NoteSignature {
    let signature: [UInt8]
    do {
      switch key {
      case .ed25519(let key): signature = try key.sign(textBytes)
      case .es256(let key): signature = try key.sign(textBytes).der
      }
    } catch {
      throw .signingFailed("\(error)")
    }
    return NoteSignature(checkedName: verifierKey.name, keyID: verifierKey.keyID, signature: signature)
  }
}
