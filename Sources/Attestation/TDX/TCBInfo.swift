import CanonicalJSON
import Cryptography

/// What Intel knows of one family of platforms with TDX: TCB info version 3 (Intel PCS API v4, section TCB Info).
///
/// Members that this reader does not know are passed over: Intel signs the document and adds members within a version.
public struct TCBInfo: Sendable, Hashable {
  public enum Limits {
    public static let bytes = 256 << 10
    public static let levels = 256
    public static let modules = 64
  }

  /// Unix milliseconds.
  public let issueDate, nextUpdate: Int64
  public let fmspc, pceID: [UInt8]
  /// TCB evaluation data number: grows with every event after which Intel looks at all platforms anew.
  public let evaluationNumber: Int64
  /// The module of major version 0.
  let module: Module
  /// The modules of other major versions, by `TDX_` and the version in two hexadecimal digits.
  let modules: [String: Module]
  let levels: [Level]

  /// A TDX module: by whom it must be signed, and how its versions stand.
  struct Module: Sendable, Hashable {
    let mrSigner, attributes, attributesMask: [UInt8]
    let levels: [EnclaveLevel]

    /// Whether a report names this signer, and these attributes where the mask looks.
    func accepts(_ report: TDReport) -> Bool {
      report.mrSignerSEAM == mrSigner
        && Mask.matches(report.seamAttributes, attributes, mask: attributesMask)
    }
  }

  /// Security versions that a platform must at least have for a status.
  struct Level: Sendable, Hashable {
    let sgx, tdx: [UInt8]
    let pceSVN: UInt16
    let standing: TCBStanding
    let advisories: Set<String>
  }

  /// Reads the signed value, whose signature the caller has verified or will.
  public init(parsing document: [UInt8]) throws(FieldError) {
    var reader = try IntelDocument.reader(document, path: "tcbInfo", maxBytes: Limits.bytes)
    try reader.require("id", "TDX")
    _ = try reader.integer("version", in: 3...3)
    _ = try reader.integer("tcbType", in: 0...0)
    issueDate = try reader.intelTime("issueDate")
    nextUpdate = try reader.intelTime("nextUpdate")
    fmspc = try reader.intelHex("fmspc", count: 6)
    pceID = try reader.intelHex("pceId", count: 2)
    evaluationNumber = try reader.integer("tcbEvaluationDataNumber", in: 0...Int64(UInt32.max))
    module = try Module(try reader.object("tdxModule"))
    var modules: [String: Module] = [:]
    for (index, json) in (try reader.optionalArray("tdxModuleIdentities", maxCount: Limits.modules) ?? []).enumerated()
    {
      var identity = try ObjectReader(json, path: reader.pathOf("tdxModuleIdentities[\(index)]"))
      let id = try identity.string("id", maxBytes: 16)
      guard modules.updateValue(try Module(identity), forKey: id) == nil else {
        throw FieldError(field: identity.pathOf("id"), expected: "each module once", actual: JSON.string(id).summary)
      }
    }
    self.modules = modules
    var levels: [Level] = []
    for (index, json) in try reader.array("tcbLevels", maxCount: Limits.levels).enumerated() {
      levels.append(try Level(try ObjectReader(json, path: reader.pathOf("tcbLevels[\(index)]"))))
    }
    self.levels = levels
  }

  /// The first level whose versions the platform all reaches; Intel sorts them from the newest down (PCS API, TCB Info,
  /// "Determine the TCB status").
  func level(of platform: PCKPlatform, report: TDReport) -> Level? {
    // From major version 1 on the module's own versions are held against its identity, not against these levels.
    let first = report.teeTCBSVN[1] == 0 ? 0 : 2
    return levels.first { level in
      platform.pceSVN >= level.pceSVN
        && zip(platform.componentSVNs, level.sgx).allSatisfy { $0 >= $1 }
        && zip(report.teeTCBSVN, level.tdx).dropFirst(first).allSatisfy { $0 >= $1 }
    }
  }

  /// The module of the major version that the report names, with its name; nil where Intel does not know it.
  func module(of report: TDReport) -> (name: String, module: Module)? {
    guard report.teeTCBSVN[1] != 0 else { return ("tdxModule", module) }
    let name = "TDX_" + Hex.encode([report.teeTCBSVN[1]])
    // Intel writes the digits in upper case.
    return modules.first { $0.key.lowercased() == name.lowercased() }.map { ($0.key, $0.value) }
  }
}

extension TCBInfo.Module {
  init(_ given: ObjectReader) throws(FieldError) {
    var reader = given
    mrSigner = try reader.intelHex("mrsigner", count: 48)
    attributes = try reader.intelHex("attributes", count: 8)
    attributesMask = try reader.intelHex("attributesMask", count: 8)
    levels = try EnclaveLevel.all(&reader, "tcbLevels", isOptional: true)
  }
}

extension TCBInfo.Level {
  init(_ given: ObjectReader) throws(FieldError) {
    var reader = given
    var tcb = try reader.object("tcb")
    sgx = try Self.components(&tcb, "sgxtcbcomponents")
    tdx = try Self.components(&tcb, "tdxtcbcomponents")
    pceSVN = UInt16(try tcb.integer("pcesvn", in: 0...65535))
    standing = try reader.standing("tcbStatus")
    advisories = try reader.advisories()
  }

  private static func components(_ reader: inout ObjectReader, _ name: String) throws(FieldError) -> [UInt8] {
    let array = try reader.array(name, maxCount: 16)
    guard array.count == 16 else {
      throw FieldError(field: reader.pathOf(name), expected: "16 components", actual: "\(array.count)")
    }
    var versions: [UInt8] = []
    for (index, json) in array.enumerated() {
      var component = try ObjectReader(json, path: "\(reader.pathOf(name))[\(index)]")
      versions.append(UInt8(try component.integer("svn", in: 0...255)))
    }
    return versions
  }
}

/// Comparison of bits where a mask looks.
enum Mask {
  static func matches(_ found: [UInt8], _ expected: [UInt8], mask: [UInt8]) -> Bool {
    found.count == mask.count && expected.count == mask.count
      && zip(zip(found, expected), mask).allSatisfy { ($0.0 & $1) == ($0.1 & $1) }
  }
}
