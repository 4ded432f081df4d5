import CanonicalJSON
import Cryptography

@testable import OpenClaims

/// Keys and claims that the tests of this room share. The private numbers are fixed, so failures repeat.
enum Fixtures {
  static let now: Int64 = 1_700_000_000

  /// The n-th test key.
  static func privateKey(_ number: UInt8) throws -> P256.PrivateKey {
    try P256.PrivateKey(rawScalar: [UInt8](repeating: 0, count: 31) + [number])
  }

  static func signer(_ number: UInt8) throws -> ClaimSigner { ClaimSigner(try privateKey(number)) }

  /// An approval as a box would ask for it, to be signed by these keys.
  static func approval(keys: [ClaimKey], nbf: Int64? = nil, exp: Int64? = now + 3600) throws -> Claim {
    try Claim(
      iss: "alice", sub: "box.example",
      stm: [
        "action": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "box": "box.example",
        "decision": "approve", "epoch": 1, "policy": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
      ],
      nbf: nbf, exp: exp, nce: "b7f1", keys: keys)
  }

  /// n - s for the s of a signature: the other valid signature for the same key and message.
  static func withOtherS(_ signature: ECDSASignature) throws -> ECDSASignature {
    let order: [UInt8] = [
      0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
      0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ]
    var bytes = signature.p1363
    var borrow = 0
    for index in stride(from: 31, through: 0, by: -1) {
      let difference = Int(order[index]) - Int(bytes[32 + index]) - borrow
      borrow = difference < 0 ? 1 : 0
      bytes[32 + index] = UInt8(truncatingIfNeeded: difference)
    }
    return try ECDSASignature(p1363: bytes)
  }

  /// The error that a body throws, nil when it throws none.
  static func error(_ body: () throws(ClaimError) -> Void) -> ClaimError? {
    do throws(ClaimError) {
      try body()
      return nil
    } catch {
      return error
    }
  }

  /// The claim's JSON with one member replaced, or removed for nil.
  static func json(_ claim: Claim, _ name: String, _ value: JSON?) -> JSON {
    var object = claim.json.object ?? [:]
    object[name] = value
    return .object(object)
  }
}
