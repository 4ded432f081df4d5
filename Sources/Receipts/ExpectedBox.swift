import Cryptography
import OpenClaims
import TransparencyLog

/// Whose receipt a verifier expects. Without a key nobody says whose log a receipt is from: that has to be asked for.
public enum ExpectedBox: Sendable, Hashable {
  /// Any: the step `box-key` is then not proved.
  case anyBox
  /// The box with this ES256 key.
  case es256(P256.PublicKey)
  /// The box with this Ed25519 key, whose name is the box's.
  case ed25519(VerifierKey)

  /// Why a text is not the key of a box.
  public struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String {
      "a box's key is data:key/es256;base64,... or a verifier key name+id+base64 of Ed25519 or ECDSA"
    }
  }

  /// Reads the key of a box: `data:key/es256;base64,...` or a C2SP verifier key.
  public init(parsing text: String) throws(Malformed) {
    if text.utf8.starts(with: "data:key/".utf8) {
      guard let key = try? ClaimKey(parsing: text), key.algorithm == .es256 else { throw Malformed() }
      self = .es256(key.publicKey)
      return
    }
    guard let key = try? VerifierKey(parsing: text) else { throw Malformed() }
    switch key.algorithm {
    case .ed25519: self = .ed25519(key)
    case .ecdsa:
      guard let publicKey = try? P256.PublicKey(spkiDER: key.keyBytes) else { throw Malformed() }
      self = .es256(publicKey)
    default: throw Malformed()
    }
  }
}
