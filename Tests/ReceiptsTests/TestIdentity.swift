import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography

/// The identity that a box of the tests claims, with the evidence of a minted TPM that binds it. It is told as data, so that a
/// test can make any part wrong before it is signed. Binding and digest are computed here by their definition
/// (docs/formats.md section 16), apart from the rooms that are tested.
struct TestIdentity {
  /// Changes what the evidence is bound to.
  var identityEdit: (inout JSONObject) -> Void = { _ in }
  /// Changes the claim before it is signed.
  var claimEdit: (inout JSONObject) -> Void = { _ in }
  /// Changes the claim after it was signed.
  var signedEdit: (inout JSON) -> Void = { _ in }
  /// Signs in place of the box.
  var signer: P256.PrivateKey?
  /// What the evidence is made for; nil for the identity.
  var extraData: [UInt8]?
  var bank = BankAlgorithm.sha256
  /// The code that was measured at run time; nil for a machine that measures none.
  var runtime: [RuntimeEvent]?
  var quoteEdit: (inout TPMMint.Quote) -> Void = { _ in }
  /// What stands beside the quote in combined evidence, for what the quote is made for; nil for the quote alone.
  var companion: (([UInt8]) throws -> Evidence)?
  /// Changes the evidence before the identity names it.
  var evidenceEdit: (inout JSON) -> Void = { _ in }
  /// What the receipt carries in its place.
  var carried: (JSON) -> JSON = { $0 }

  static let at = Story.start - 750_000
  static let mint = TPMMint.p256()
  static let root = Result { try CertificateMint.root("TPM Root", key: MintKeys.p256) }

  struct Told {
    let entry: JSON
    let evidence: JSON
  }

  static func registers(_ bank: BankAlgorithm, _ runtime: [RuntimeEvent]? = nil) throws -> PCRBank {
    var values = [4: bank.hash([4]), 7: bank.hash([7])]
    if let runtime { values[14] = try RuntimeLog(runtime).replay(from: bank.zeros, algorithm: bank) }
    return try PCRBank(algorithm: bank, values: values)
  }

  func tell(_ box: TestBox) throws -> Told {
    var identity: JSONObject = [
      "format": "safebox-identity/v1", "box": .string(box.origin), "ed25519": try box.keys()["ed25519"] ?? .null,
      "es256": .string(box.es256Text), "channel": .string(Base64.encode([UInt8](repeating: 1, count: 32))),
      "wrapping": .string(Base64.encode([UInt8](repeating: 2, count: 32))),
      "nonce": .string(digest(of: "a nonce")), "log": ["size": 3, "root": .string(digest(of: "a root"))], "counter": 7,
    ]
    identityEdit(&identity)
    let binding = SHA256.hash(JSON.object(identity).canonicalBytes()).bytes
    let quoted = try Self.mint.evidence(
      [try Self.registers(bank, runtime)], extraData: extraData ?? binding,
      certificates: [try Self.mint.certificate(by: Self.root.get())],
      logs: MeasurementLogs(runtime: try runtime.map { try RuntimeLog($0) }), change: quoteEdit)
    var evidence =
      try companion.map { Evidence(try CombinedEvidence([Evidence(quoted), $0(binding)])).json }
      ?? Evidence(quoted).json
    evidenceEdit(&evidence)
    identity["evidence"] = .string(digest(of: evidence))
    let key = signer ?? box.es256
    var claim: JSONObject = [
      "ocp": 1, "iss": .string(box.origin), "sub": .string(box.origin), "nce": "identity-1",
      "exp": .integer(Self.at / 1000 + 86_400), "stm": .object(identity),
      "key": [.string("data:key/es256;base64,\(Base64.encode(key.publicKey.spkiDER))")],
    ]
    claimEdit(&claim)
    var signed = claim
    signed["sig"] = [.string(Base64.encode(try key.sign(JSON.object(claim).canonicalBytes()).der))]
    var sealed = JSON.object(signed)
    signedEdit(&sealed)
    return Told(
      entry: ["at": .integer(Self.at), "kind": "identity.claimed", "body": ["claim": sealed]],
      evidence: carried(evidence))
  }
}

/// Appraisal policies of readers.
enum TestAppraisal {
  static let demands: JSON = [
    "bank": "sha256", "registers": ["pcr4": "any"], "clockSafe": true, "since": "any", "eventLog": "any",
    "runtime": ["code": "any", "locked": "any"],
  ]

  /// Accepts whatever the root of the tests vouches for.
  static func certified(_ assurance: String = "hardware") throws -> JSON {
    let root = try TestIdentity.root.get().certificate
    return policy().setting(
      "anchors",
      to: [
        [
          "name": "test root", "purpose": "tpm", "certificate": .string(Base64.encode(root.der)),
          "assurance": .string(assurance),
        ]
      ])
  }

  /// Accepts the one attestation key, in software, on a machine that runs a release.
  static func enrolled() throws -> JSON {
    let name = [0x00, 0x0B] + SHA256.hash(try TestIdentity.mint.area()).bytes
    return policy().setting("assurance", to: "any")
      .setting("enrolled", to: [["name": "box", "ak": .string(Hex.encode(name)), "assurance": "software"]])
      .setting("releases", to: [try release(BankAlgorithm.sha256.hash([4]))])
  }

  static func release(_ value: [UInt8]) throws -> JSON {
    [
      "name": "image", "version": "1",
      "references": ["tpm": ["sha256.pcr4": [.string(Hex.encode(value))]]],
    ]
  }

  private static func policy() -> JSON {
    [
      "format": "safebox-appraisal/v1", "name": "readers", "assurance": "hardware", "anchors": [], "enrolled": [],
      "releases": "any", "platforms": ["tpm": demands],
    ]
  }
}
