import Attestation
import CanonicalJSON
import Cryptography
import TestSupport

/// Documents of real enclaves and instances, with the times at which their certificates were valid.
enum NitroVectors {
  static let production = "attestation/aws-nitro-enclave/dstack-nsm-qvl/"
  static let withUserData = "attestation/aws-nitro-enclave/dstack-attest/"
  static let instance = "attestation/aws-nitrotpm/vaportpm/"
  /// 2025-12-25 14:00, 17:00, 09:00 and 2026-02-03 11:00 UTC, Unix milliseconds.
  static let productionTime: Int64 = 1_766_671_200_000
  static let userDataTime: Int64 = 1_766_682_000_000
  static let debugTime: Int64 = 1_766_653_200_000
  static let instanceTime: Int64 = 1_770_116_400_000

  static let nonce = Hex.decode("230af3f7c0ec43ccf99a4cab47ac61469a36ea74b1e79740fdf8ccfc8f56161a") ?? []
  static let emptyDigest = SHA256.hash([]).bytes

  static func document(_ name: String) throws -> [UInt8] { try Vectors.bytes(name) }

  /// The whole of document and quote, as a user gives it.
  static func instanceEvidence() throws -> NitroTPMEvidence {
    let bytes = try Vectors.bytes(instance + "test-nitro-fixture.json")
    guard let evidence = try NitroTPMEvidence.recognise(RawEvidence(bytes: bytes)) else { throw Absent() }
    return evidence
  }

  struct Absent: Error {}
}

/// Policies to change one demand at a time.
enum NitroPolicies {
  static let enclave: JSONObject = [
    "debug": false, "binding": "any", "maximumAge": "any", "instances": "any", "registers": "any",
  ]
  static let instance: JSONObject = [
    "maximumAge": "any", "instances": "any", "bank": "sha384", "registers": "any", "clockSafe": "any", "since": "any",
    "eventLog": "any", "runtime": ["code": "any", "locked": "any"],
  ]

  static func enclave(_ member: String, _ value: JSON?) -> JSONObject {
    var policy = enclave
    policy[member] = value
    return policy
  }

  static func instance(_ member: String, _ value: JSON?) -> JSONObject {
    var policy = instance
    policy[member] = value
    return policy
  }

  static func anchors(_ root: Certificate) -> JSON {
    [
      [
        "name": "minted root", "purpose": "aws-nitro", "certificate": .string(Base64.encode(root.der)),
        "assurance": "hardware",
      ]
    ]
  }

  static func appraise<Format: EvidenceFormat>(
    _ evidence: Format, _ platform: JSONObject, at: Int64, binding: Binding = .any, root: Certificate? = nil
  ) throws -> AttestationReport {
    let policy = SNPPolicies.appraisal(Format.kind.rawValue, platform, anchors: root.map(anchors) ?? [])
    return Evidence(evidence).appraised(by: try AppraisalPolicy(json: policy), binding: binding, at: at)
  }
}
