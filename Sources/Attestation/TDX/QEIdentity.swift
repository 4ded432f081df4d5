import CanonicalJSON
import Cryptography

/// Which enclave may speak for a platform: QE identity version 2 (Intel PCS API v4, section QE Identity).
public struct QEIdentity: Sendable, Hashable {
  public enum Limits {
    public static let bytes = 64 << 10
  }

  /// Unix milliseconds.
  public let issueDate, nextUpdate: Int64
  public let evaluationNumber: Int64
  let enclave: Enclave
  let levels: [EnclaveLevel]

  /// What the enclave's own report must say.
  struct Enclave: Sendable, Hashable {
    let miscSelect, miscSelectMask, attributes, attributesMask, mrSigner: [UInt8]
    let productID: UInt16

    /// Intel's TD quoting enclave as every published identity so far describes it. It stands in where no identity is given:
    /// otherwise any enclave that a platform's owner writes could make quotes.
    static let published = Enclave(
      miscSelect: [0, 0, 0, 0], miscSelectMask: [0xFF, 0xFF, 0xFF, 0xFF],
      attributes: [0x11] + [UInt8](repeating: 0, count: 15),
      attributesMask: [0xFB] + [UInt8](repeating: 0xFF, count: 7) + [UInt8](repeating: 0, count: 8),
      mrSigner: [
        0xDC, 0x9E, 0x2A, 0x7C, 0x6F, 0x94, 0x8F, 0x17, 0x47, 0x4E, 0x34, 0xA7, 0xFC, 0x43, 0xED, 0x03,
        0x0F, 0x7C, 0x15, 0x63, 0xF1, 0xBA, 0xBD, 0xDF, 0x63, 0x40, 0xC8, 0x2E, 0x0E, 0x54, 0xA8, 0xC5,
      ], productID: 2)

    /// The first field in which a report differs, or nil.
    func difference(from report: SGXReport) -> FieldError? {
      func differs(_ field: String, _ expected: [UInt8], _ actual: [UInt8]) -> FieldError {
        FieldError(field: field, expected: Hex.encode(expected), actual: Hex.encode(actual))
      }
      if report.attributes[0] & SGXReport.debugAttribute != 0 {
        return FieldError(field: "attributes", expected: "no enclave under debug", actual: "DEBUG")
      }
      if report.mrSigner != mrSigner { return differs("mrsigner", mrSigner, report.mrSigner) }
      if report.productID != productID {
        return FieldError(field: "isvprodid", expected: "\(productID)", actual: "\(report.productID)")
      }
      if !Mask.matches(report.miscSelect, miscSelect, mask: miscSelectMask) {
        return differs("miscselect", miscSelect, report.miscSelect)
      }
      if !Mask.matches(report.attributes, attributes, mask: attributesMask) {
        return differs("attributes", attributes, report.attributes)
      }
      return nil
    }
  }

  /// Reads the signed value, whose signature the caller has verified or will.
  public init(parsing document: [UInt8]) throws(FieldError) {
    var reader = try IntelDocument.reader(document, path: "qeIdentity", maxBytes: Limits.bytes)
    try reader.require("id", "TD_QE")
    _ = try reader.integer("version", in: 2...2)
    issueDate = try reader.intelTime("issueDate")
    nextUpdate = try reader.intelTime("nextUpdate")
    evaluationNumber = try reader.integer("tcbEvaluationDataNumber", in: 0...Int64(UInt32.max))
    enclave = Enclave(
      miscSelect: try reader.intelHex("miscselect", count: 4),
      miscSelectMask: try reader.intelHex("miscselectMask", count: 4),
      attributes: try reader.intelHex("attributes", count: 16),
      attributesMask: try reader.intelHex("attributesMask", count: 16),
      mrSigner: try reader.intelHex("mrsigner", count: 32),
      productID: UInt16(try reader.integer("isvprodid", in: 0...65535)))
    levels = try EnclaveLevel.all(&reader, "tcbLevels", isOptional: false)
  }
}

/// How the versions of an enclave or of a TDX module stand, from the newest down.
struct EnclaveLevel: Sendable, Hashable {
  let securityVersion: UInt16
  let standing: TCBStanding
  let advisories: Set<String>

  static func all(
    _ reader: inout ObjectReader, _ name: String, isOptional: Bool
  ) throws(FieldError) -> [EnclaveLevel] {
    let array =
      isOptional
      ? try reader.optionalArray(name, maxCount: TCBInfo.Limits.levels) ?? []
      : try reader.array(name, maxCount: TCBInfo.Limits.levels)
    var levels: [EnclaveLevel] = []
    for (index, json) in array.enumerated() {
      var level = try ObjectReader(json, path: "\(reader.pathOf(name))[\(index)]")
      var tcb = try level.object("tcb")
      levels.append(
        EnclaveLevel(
          securityVersion: UInt16(try tcb.integer("isvsvn", in: 0...65535)), standing: try level.standing("tcbStatus"),
          advisories: try level.advisories()))
    }
    return levels
  }

  /// The first level that a version reaches.
  static func first(reachedBy version: UInt16, in levels: [EnclaveLevel]) -> EnclaveLevel? {
    levels.first { version >= $0.securityVersion }
  }
}
