import Attestation
import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

/// Evidence of real machines, and the policies it is held against.
enum TDXSamples {
  static let directory = "attestation/intel-tdx"

  /// 2023-07-01, when the collateral beside the oldest quote held.
  static let collateralTime: Int64 = 1_688_169_600_000
  /// 2025-01-01 and 2026-06-01.
  static let time2025: Int64 = 1_735_689_600_000
  static let time2026: Int64 = 1_780_272_000_000

  static func bytes(_ name: String) throws -> [UInt8] { try Vectors.bytes("\(directory)/\(name)") }

  /// A file with everything that lies beside it.
  static func evidence(_ name: String, with others: [String] = []) throws -> TDXEvidence {
    try evidence(bytes(name), with: others)
  }

  static func evidence(_ bytes: [UInt8], with others: [String] = []) throws -> TDXEvidence {
    let file = RawEvidence(bytes: bytes, attachments: try others.map { ($0, try Self.bytes($0)) })
    return try #require(try Evidence(reading: file).content as? TDXEvidence)
  }

  static let collateralFiles = [
    "pckcrl", "rootcrl.der", "sample_tcbInfo_response", "sample_qeIdentity_response", "pckCrlIssuerChain.pem",
    "qeIdentityIssuerChain.pem", "tcbInfoIssuerChain.pem",
  ].map { "go-tdx-guest/\($0)" }

  /// The quote of 2022 without what somebody appended, with its collateral.
  static func complete() throws -> TDXEvidence {
    let quote = try bytes("go-tdx-guest/tdx_prod_quote_SPR_E4.dat")
    return try evidence([UInt8](quote.dropLast(39)), with: collateralFiles)
  }

  /// The binding that the quote was made for: its own report data.
  static func binding(_ evidence: TDXEvidence) throws -> Binding {
    .bytes(try TDXQuote(parsing: evidence.quote).report.reportData)
  }

  /// The platform's part of a policy in which everything is given up that can be.
  static let lenient: JSONObject = [
    "collateral": "any", "tcbStatus": ["UpToDate"], "advisories": "any", "evaluationNumber": "any",
    "attributes": ["required": [], "allowed": "any"], "xfam": "any", "platforms": "any", "mrseam": "any",
    "mrsignerseam": "any", "mrconfigid": "any", "mrowner": "any", "mrownerconfig": "any", "mrservicetd": "any",
    "eventLog": "any", "runtime": ["code": "any", "locked": "any"],
  ]

  /// That, with members changed.
  static func platform(_ changes: JSONObject = [:]) -> JSONObject {
    var object = lenient
    for (name, value) in changes { object[name] = value }
    return object
  }

  static func policyJSON(_ changes: JSONObject = [:], releases: JSON = "any", anchors: JSON = []) -> JSON {
    [
      "format": "safebox-appraisal/v1", "name": "test", "assurance": "any", "anchors": anchors, "enrolled": [],
      "releases": releases, "platforms": ["tdx": .object(platform(changes))],
    ]
  }

  static func policy(
    _ changes: JSONObject = [:], releases: JSON = "any", anchors: JSON = []
  ) throws -> AppraisalPolicy {
    try AppraisalPolicy(json: policyJSON(changes, releases: releases, anchors: anchors))
  }
}

extension AttestationReport {
  func outcome(_ id: String) -> String? { checks.last { $0.id.name == id }?.outcome.name }

  var failed: [String] { failures.map(\.id.name) }
}
