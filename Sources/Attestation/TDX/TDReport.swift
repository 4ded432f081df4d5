import CanonicalJSON
import Cryptography

/// The measurements of a trust domain: the body of a quote (Intel TDX DCAP quoting library API, appendix A.3.2; TDX module
/// base specification, TDINFO_STRUCT).
public struct TDReport: Sendable, Hashable {
  /// The body type of a version 5 quote.
  public enum Version: UInt16, Sendable, Hashable {
    case v10 = 2
    case v15 = 3

    var byteCount: Int { self == .v10 ? 584 : 648 }
    var name: String { self == .v10 ? "1.0" : "1.5" }
  }

  public let version: Version
  /// TEE_TCB_SVN: the security versions under which the domain was launched. Bytes 0 and 1 are the TDX module's minor and
  /// major one.
  public let teeTCBSVN: [UInt8]
  /// Measurement of the TDX module; of its signer (zero for Intel's); its attributes.
  public let mrSEAM, mrSignerSEAM, seamAttributes: [UInt8]
  public let attributes: TDAttributes
  /// The extended features that the domain may use, 8 bytes as they stand in the report.
  public let xfam: [UInt8]
  /// Measurement of the initial contents.
  public let mrTD: [UInt8]
  /// What the owner and the host gave beside the contents: part of no measurement.
  public let mrConfigID, mrOwner, mrOwnerConfig: [UInt8]
  /// The four registers that software in the domain extends.
  public let rtmrs: [[UInt8]]
  public let reportData: [UInt8]
  /// TEE_TCB_SVN2: the security versions at the time of the report. nil in a TD report 1.0.
  public let teeTCBSVN2: [UInt8]?
  /// Measurement of the service domains bound to this one (migration); zero where there is none, nil in a TD report 1.0.
  public let mrServiceTD: [UInt8]?

  init(_ reader: inout ByteReader, version: Version) throws(FieldError) {
    self.version = version
    teeTCBSVN = try reader.bytes(16, "tee-tcb-svn")
    mrSEAM = try reader.bytes(48, "mrseam")
    mrSignerSEAM = try reader.bytes(48, "mrsignerseam")
    seamAttributes = try reader.bytes(8, "seam-attributes")
    attributes = TDAttributes(rawValue: try reader.uint64(littleEndian: "attributes"))
    xfam = try reader.bytes(8, "xfam")
    mrTD = try reader.bytes(48, "mrtd")
    mrConfigID = try reader.bytes(48, "mrconfigid")
    mrOwner = try reader.bytes(48, "mrowner")
    mrOwnerConfig = try reader.bytes(48, "mrownerconfig")
    rtmrs = [
      try reader.bytes(48, "rtmr0"), try reader.bytes(48, "rtmr1"), try reader.bytes(48, "rtmr2"),
      try reader.bytes(48, "rtmr3"),
    ]
    reportData = try reader.bytes(64, "report-data")
    teeTCBSVN2 = version == .v15 ? try reader.bytes(16, "tee-tcb-svn2") : nil
    mrServiceTD = version == .v15 ? try reader.bytes(48, "mrservicetd") : nil
  }

  /// By the names that releases use.
  public var registers: [String: [UInt8]] {
    var registers = [
      "mrtd": mrTD, "mrconfigid": mrConfigID, "mrowner": mrOwner, "mrownerconfig": mrOwnerConfig, "mrseam": mrSEAM,
    ]
    for (index, value) in rtmrs.enumerated() { registers["rtmr\(index)"] = value }
    return registers
  }

  /// Every field by name, as hexadecimal text.
  var fields: [(name: String, value: String)] {
    var fields = [
      ("report", version.name), ("tee-tcb-svn", Hex.encode(teeTCBSVN)), ("mrseam", Hex.encode(mrSEAM)),
      ("mrsignerseam", Hex.encode(mrSignerSEAM)), ("seam-attributes", Hex.encode(seamAttributes)),
      ("attributes", Hex.encode(attributes.bytes)), ("xfam", Hex.encode(xfam)), ("mrtd", Hex.encode(mrTD)),
      ("mrconfigid", Hex.encode(mrConfigID)), ("mrowner", Hex.encode(mrOwner)),
      ("mrownerconfig", Hex.encode(mrOwnerConfig)),
    ]
    fields += rtmrs.enumerated().map { ("rtmr\($0)", Hex.encode($1)) }
    fields.append(("report-data", Hex.encode(reportData)))
    if let teeTCBSVN2 { fields.append(("tee-tcb-svn2", Hex.encode(teeTCBSVN2))) }
    if let mrServiceTD { fields.append(("mrservicetd", Hex.encode(mrServiceTD))) }
    return fields
  }
}
