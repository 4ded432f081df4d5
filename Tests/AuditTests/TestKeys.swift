import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Synchronization
import TransparencyLog

/// Keys that are derived from names, so that a test's people are the same each time.
enum TestKeys {
  private static let cache = Mutex<[String: P256.PrivateKey]>([:])

  static func privateKey(_ name: String) throws -> P256.PrivateKey {
    try cache.withLock { keys in
      if let key = keys[name] { return key }
      let key = try P256.PrivateKey(rawScalar: SHA256.hash(utf8: "audit key of \(name)").bytes)
      keys[name] = key
      return key
    }
  }

  static func claimKey(_ name: String) throws -> ClaimKey { ClaimKey(try privateKey(name).publicKey) }

  static func signer(_ name: String) throws -> Signer {
    let key = try claimKey(name)
    let claim = try Claim.possession(box: TestBox.name, signer: name, key: key)
      .signed(by: ClaimSigner(try privateKey(name)))
    guard case .some(.some(let proof)) = claim.signatures.first else { throw ClaimError.unsigned }
    return Signer(name: name, keys: [SignerKey(key: key, possession: proof)])
  }

  static func noteSigners(_ seed: String = "log key", box: String = TestBox.name) throws -> [NoteSigner] {
    let ed25519 = try Ed25519.PrivateKey(seed: SecretBytes(copying: SHA256.hash(utf8: seed).bytes))
    return [
      try NoteSigner(name: box, ed25519: ed25519), try NoteSigner(name: box, es256: privateKey("es256 \(seed)")),
    ]
  }

  static func box(_ seed: String = "log key") throws -> BoxKeys {
    BoxKeys(ed25519: try noteSigners(seed)[0].verifierKey.text, es256: try claimKey("es256 \(seed)").text)
  }
}
