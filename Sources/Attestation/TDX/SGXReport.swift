import CanonicalJSON

/// The report of an SGX enclave (Intel SDM volume 3D, section 37.16): here the one that the quoting enclave makes of itself.
struct SGXReport: Sendable, Hashable {
  static let byteCount = 384
  /// ATTRIBUTES.DEBUG, in the first byte.
  static let debugAttribute: UInt8 = 0x02

  let cpuSVN, miscSelect, attributes, mrEnclave, mrSigner: [UInt8]
  let productID, securityVersion: UInt16
  let reportData: [UInt8]

  init(parsing bytes: [UInt8], path: String) throws(FieldError) {
    var reader = ByteReader(bytes, path: path)
    cpuSVN = try reader.bytes(16, "cpusvn")
    miscSelect = try reader.bytes(4, "miscselect")
    try reader.zeros(28, "reserved1")
    attributes = try reader.bytes(16, "attributes")
    mrEnclave = try reader.bytes(32, "mrenclave")
    try reader.zeros(32, "reserved2")
    mrSigner = try reader.bytes(32, "mrsigner")
    try reader.zeros(96, "reserved3")
    productID = try reader.uint16(littleEndian: "isvprodid")
    securityVersion = try reader.uint16(littleEndian: "isvsvn")
    try reader.zeros(60, "reserved4")
    reportData = try reader.bytes(64, "report-data")
    try reader.finish()
  }
}
