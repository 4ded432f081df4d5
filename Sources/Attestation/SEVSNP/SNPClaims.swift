public import CanonicalJSON
import Cryptography

/// What a genuine report says about a guest and the platform under it.
public struct SNPClaims: EvidenceClaims {
  public let assurance: Assurance
  public let report: SNPReport
  public let product: SNPProduct
  /// The version that the signing key is derived from, so that only firmware at least as new could have signed.
  public let reportedTCB: SNPTCB
  /// The version below which the platform can no longer be taken.
  public let committedTCB: SNPTCB
  /// The version that runs now, which may be provisional.
  public let currentTCB: SNPTCB
  /// The version that ran when the guest was launched.
  public let launchTCB: SNPTCB
  /// The chip by its certificate, 64 bytes or Turin's 8; nil where a key of the provider signed.
  public let hardwareID: [UInt8]?
  /// Whose key signed, where it is not the chip's own.
  public let provider: String?

  public var registers: [String: [UInt8]] {
    [
      "measurement": report.measurement, "host-data": report.hostData, "id-key-digest": report.idKeyDigest,
      "author-key-digest": report.authorKeyDigest,
    ]
  }

  public var json: JSON {
    var object: JSONObject = [
      "version": .integer(Int64(report.version)), "product": .string(product.rawValue),
      "signingKey": .string(report.signingKey.rawValue), "vmpl": .integer(Int64(report.vmpl)),
      "guestSVN": .integer(Int64(report.guestSVN)), "guestPolicy": report.policy.json,
      "platform": report.platform.json,
      "tcb": [
        "reported": reportedTCB.json, "committed": committedTCB.json, "current": currentTCB.json,
        "launch": launchTCB.json,
      ],
      "firmware": [
        "current": .string(report.currentFirmware.description),
        "committed": .string(report.committedFirmware.description),
      ],
      "measurement": .string(Hex.encode(report.measurement)), "hostData": .string(Hex.encode(report.hostData)),
      "reportData": .string(Hex.encode(report.reportData)), "familyID": .string(Hex.encode(report.familyID)),
      "imageID": .string(Hex.encode(report.imageID)), "idKeyDigest": .string(Hex.encode(report.idKeyDigest)),
      "authorKeyDigest": .string(Hex.encode(report.authorKeyDigest)), "reportID": .string(Hex.encode(report.reportID)),
    ]
    if let hardwareID { object["chip"] = .string(Hex.encode(hardwareID)) }
    if let provider { object["provider"] = .string(provider) }
    if let launch = report.launchMitigations, let current = report.currentMitigations {
      object["mitigations"] = ["launch": .string(hexadecimal(launch)), "current": .string(hexadecimal(current))]
    }
    return .object(object)
  }
}
