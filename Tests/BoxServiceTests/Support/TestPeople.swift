import BoxService
import CanonicalJSON
import Cryptography
import Governance
import OpenClaims

/// A signer of the tests; the key follows from the name.
struct TestPerson {
  let name: String
  let privateKey: P256.PrivateKey

  init(_ name: String) throws {
    self.name = name
    privateKey = try P256.PrivateKey(rawScalar: SHA256.hash(Array("\(name) of the box tests".utf8)).bytes)
  }

  var key: ClaimKey { ClaimKey(privateKey.publicKey) }

  /// What `NAME.signer.json` holds.
  func file(box: String) throws -> JSON {
    let claim = try Claim.possession(box: box, signer: name, key: key).signed(by: ClaimSigner(privateKey))
    let proof = claim.signatures.compactMap(\.self).first
    return SignerFile(
      box: box, signer: name, keys: [["key": .string(key.text), "possession": .string(proof ?? "")]]
    ).json
  }

  /// A signed claim over a statement. `exp` is in Unix seconds.
  func claim(
    _ verdict: Verdict, _ statement: Statement, exp: Int64, nonce: String = "n", as name: String? = nil
  ) throws -> JSON {
    try statement.claim(verdict, by: name ?? self.name, key: key, nonce: nonce, exp: exp)
      .signed(by: ClaimSigner(privateKey)).json
  }
}

/// What the boxes of the tests are made with.
enum TestConstitution {
  static let box = "box.example/tests"
  static let people = ["ana", "ben", "carl", "dora"]

  static func json(egress: [String], extra: JSONObject = [:]) -> JSON {
    let two: JSON = ["rule": "quorum", "committee": "everybody", "threshold": 2]
    var policies: JSONObject = [
      "payments": [
        "covers": ["http.request"], "rule": two, "quota": ["open": 3, "count": 100, "period": 3600],
        "egress": ["addresses": .array(egress.map { .string($0) })],
      ],
      "notes": ["covers": ["note.write"], "rule": ["rule": "automatic", "checks": []]],
      "later": [
        "covers": ["note.later"],
        "rule": [
          "rule": "timelock", "delay": 60, "objectors": "everybody", "objections": 1,
          "after": ["rule": "automatic", "checks": []],
        ],
      ],
      "metered": [
        "covers": ["note.metered"],
        "rule": ["rule": "automatic", "checks": [["check": "count", "limit": 1, "period": 60]]],
      ],
      "single": ["covers": ["note.single"], "rule": ["rule": "single", "committee": "everybody"]],
      "never": ["covers": ["note.never"], "rule": ["rule": "deny"]],
      "governance": ["covers": ["governance.*"], "rule": two],
      "box": ["covers": ["box.*", "execution.resolve", "signer.revoke"], "rule": two],
    ]
    for (name, policy) in extra { policies[name] = policy }
    return [
      "committees": ["everybody": .array(people.map { .string($0) })], "policies": .object(policies),
      "root": ["committee": "everybody", "threshold": 2, "delay": 60],
    ]
  }
}
