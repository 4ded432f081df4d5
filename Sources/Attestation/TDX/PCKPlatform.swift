import CanonicalJSON
public import Cryptography

/// What Intel's provisioning says of a platform: the SGX extension of its PCK certificate (Intel SGX PCK certificate and
/// CRL profile specification, section 1.3.5).
public struct PCKPlatform: Sendable, Hashable {
  /// 1.2.840.113741.1.13.1.
  public static let extensionOID = OID(1, 2, 840, 113741, 1, 13, 1)

  /// Family, model, stepping, platform type and custom SKU, 6 bytes.
  public let fmspc: [UInt8]
  public let pceID: [UInt8]
  /// The 16 security versions of the platform's components.
  public let componentSVNs: [UInt8]
  public let pceSVN: UInt16
  public let cpuSVN: [UInt8]
  /// Which platform this is, 16 bytes; nil in certificates of single-package platforms.
  public let instanceID: [UInt8]?
  /// Whether packages may be added to the platform after it was registered; nil where the certificate does not say.
  public let isDynamic: Bool?
  /// Whether two threads share a core; nil where the certificate does not say.
  public let hasSimultaneousThreads: Bool?

  /// Reads the value of the extension. Each of its fields must come once; those that the profile does not know are refused.
  public init(extensionValue bytes: [UInt8]) throws(CryptographyError) {
    var outer = try DERReader(bytes, path: "sgx")
    var fields = try outer.sequence("extension")
    try outer.finish()
    var seen: Set<OID> = []
    var fmspc: [UInt8]?
    var pceID: [UInt8]?
    var versions: Versions?
    var instanceID: [UInt8]?
    var flags: [OID: Bool] = [:]
    while !fields.isAtEnd {
      var field = try fields.sequence("field")
      let name = try field.objectIdentifier("name")
      guard seen.insert(name).inserted else { throw .malformed("sgx.\(name)", reason: "comes twice") }
      switch name {
      case Self.field(1): _ = try Self.octets(&field, 16, "ppid")
      case Self.field(2): versions = try Versions(&field)
      case Self.field(3): pceID = try Self.octets(&field, 2, "pceid")
      case Self.field(4): fmspc = try Self.octets(&field, 6, "fmspc")
      case Self.field(5): _ = try field.enumerated("type", in: 0...2)
      case Self.field(6): instanceID = try Self.octets(&field, 16, "instance")
      case Self.field(7): flags = try Self.flags(&field)
      default: throw .malformed("sgx.\(name)", reason: "is no field of the profile")
      }
      try field.finish()
    }
    guard let fmspc, let pceID, let versions else {
      throw .malformed("sgx", reason: "FMSPC, PCEID or TCB is missing")
    }
    self.fmspc = fmspc
    self.pceID = pceID
    componentSVNs = versions.components
    pceSVN = versions.pce
    cpuSVN = versions.cpu
    self.instanceID = instanceID
    isDynamic = flags[Self.field(7, 1)]
    hasSimultaneousThreads = flags[Self.field(7, 3)]
  }

  private static func field(_ number: UInt64) -> OID { OID(1, 2, 840, 113741, 1, 13, 1, number) }
  private static func field(_ number: UInt64, _ second: UInt64) -> OID {
    OID(1, 2, 840, 113741, 1, 13, 1, number, second)
  }

  private static func octets(
    _ reader: inout DERReader, _ count: Int, _ name: String
  ) throws(CryptographyError) -> [UInt8] {
    let bytes = try reader.octetString(name)
    guard bytes.count == count else {
      throw .wrongLength(of: "sgx.\(name)", expected: "\(count)", actual: bytes.count)
    }
    return bytes
  }

  private static func flags(_ reader: inout DERReader) throws(CryptographyError) -> [OID: Bool] {
    var list = try reader.sequence("configuration")
    var flags: [OID: Bool] = [:]
    while !list.isAtEnd {
      var flag = try list.sequence("flag")
      let name = try flag.objectIdentifier("name")
      guard flags.updateValue(try flag.boolean("value"), forKey: name) == nil else {
        throw .malformed("sgx.\(name)", reason: "comes twice")
      }
      try flag.finish()
    }
    return flags
  }

  /// The TCB field: sixteen components, the PCE's version, and all of it as the processor says it.
  private struct Versions {
    var components: [UInt8] = []
    var pce: UInt16 = 0
    var cpu: [UInt8] = []

    init(_ reader: inout DERReader) throws(CryptographyError) {
      var list = try reader.sequence("tcb")
      for number in 1...UInt64(18) {
        var field = try list.sequence("version")
        let name = try field.objectIdentifier("name")
        guard name == PCKPlatform.field(2, number) else {
          throw .malformed("sgx.tcb", reason: "expected \(PCKPlatform.field(2, number)), found \(name)")
        }
        switch number {
        case 1...16: components.append(UInt8(try field.integer("component", in: 0...255)))
        case 17: pce = UInt16(try field.integer("pcesvn", in: 0...65535))
        default: cpu = try PCKPlatform.octets(&field, 16, "cpusvn")
        }
        try field.finish()
      }
      try list.finish()
    }
  }

  var json: JSON {
    var object: JSONObject = [
      "fmspc": .string(Hex.encode(fmspc)), "pceid": .string(Hex.encode(pceID)), "pcesvn": .integer(Int64(pceSVN)),
      "components": .string(Hex.encode(componentSVNs)), "cpusvn": .string(Hex.encode(cpuSVN)),
    ]
    object["instance"] = instanceID.map { .string(Hex.encode($0)) }
    object["dynamic"] = isDynamic.map { .bool($0) }
    object["smt"] = hasSimultaneousThreads.map { .bool($0) }
    return .object(object)
  }
}
