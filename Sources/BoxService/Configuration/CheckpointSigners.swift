import Cryptography
import TransparencyLog

/// The two keys with which a box signs every checkpoint, both under its own name: Ed25519 for witnesses, ES256 for browsers.
struct CheckpointSigners: Sendable {
  let signers: [NoteSigner]
  /// Their public halves.
  let log: LogKeys

  init(origin: String, keys: DataDirectory.Keys) throws {
    signers = [
      try NoteSigner(name: origin, ed25519: keys.ed25519), try NoteSigner(name: origin, es256: keys.es256),
    ]
    log = try LogKeys(origin: origin, keys: signers.map(\.verifierKey))
  }
}
