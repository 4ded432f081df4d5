import Attestation
import CanonicalJSON
import Cryptography
import TestSupport

/// Reports of real machines, with the times at which their certificates were valid.
struct SNPVector: Sendable, CustomStringConvertible {
  let directory: String
  let report: String
  let certificates: [String]
  /// Unix milliseconds.
  let at: Int64
  /// What REPORT_DATA begins with, where it is not all zeros.
  let binding: [UInt8]?

  var description: String { directory }

  static let aci = SNPVector(
    directory: "azure-aci-milan", report: "report.bin", certificates: ["vcek.pem", "ask.pem", "ark.pem"],
    at: 1_780_272_000_000, binding: nil)
  static let dstack = SNPVector(
    directory: "dstack-v1", report: "report.bin", certificates: ["ask.pem", "vcek.pem"], at: 1_782_864_000_000,
    binding: Array("attest-test-fixture-2026".utf8))
  static let version2 = SNPVector(
    directory: "milan-v2-vcek", report: "report.bin", certificates: ["vcek.der"], at: 1_767_225_600_000,
    binding: [1, 2, 3, 4, 5])
  static let identityBlock = SNPVector(
    directory: "trustee-vcek", report: "report.bin", certificates: ["vcek.der"], at: 1_767_225_600_000,
    binding: Hex.decode("ec6c52d7533cc2c4f45be7849cf112ab82b2009fe7bd43e71ed08c14400ad7e2"))
  static let provider = SNPVector(
    directory: "trustee-vlek", report: "report.bin", certificates: ["vlek.der"], at: 1_748_736_000_000,
    binding: Hex.decode(
      "819770b7e6ea6df8dd8fd4dd146b073c0bf4f3ce5b0977ecac486e3a05ed1bd5"
        + "4e2a7ac1f5d1ca02e7d7d5ef9f73b8574fd9359e3a480d741a4478e8a7bc27ca"))
  static let all = [aci, dstack, version2, identityBlock, provider]

  var question: Binding { binding.map { .bytes($0) } ?? .any }

  func bytes(_ name: String) throws -> [UInt8] { try Vectors.bytes("attestation/sev-snp/\(directory)/\(name)") }

  /// The evidence as a user gives it: the report, and the certificates beside it.
  func evidence() throws -> Evidence {
    try Evidence(
      reading: RawEvidence(
        bytes: try bytes(report), attachments: try certificates.map { (name: $0, bytes: try bytes($0)) }))
  }
}

/// A policy that accepts everything but debugging, to change one demand at a time.
enum SNPPolicies {
  static let open: JSONObject = [
    "products": "any", "signingKeys": "any", "providers": "any", "vmpl": "any", "minimumTCB": "any",
    "minimumFirmware": "any", "minimumGuestSVN": "any", "guestPolicy": "any", "platform": "any", "mitigations": "any",
    "chips": "any", "familyIDs": "any", "imageIDs": "any", "hostData": "any", "idKeys": "any", "authorKeys": "any",
  ]

  /// An appraisal policy with one platform and no releases.
  static func appraisal(_ kind: String = "sev-snp", _ platform: JSONObject = open, anchors: JSON = []) -> JSON {
    [
      "format": "safebox-appraisal/v1", "name": "test", "assurance": "hardware", "anchors": anchors, "enrolled": [],
      "releases": "any", "platforms": .object([kind: .object(platform)]),
    ]
  }

  static func with(_ member: String, _ value: JSON) -> JSONObject {
    var policy = open
    policy[member] = value
    return policy
  }
}
