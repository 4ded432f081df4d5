import CanonicalJSON

/// A quote of Intel's TD quoting enclave: version 4, or version 5 with a TD report 1.0 or 1.5, all with an ECDSA P-256
/// attestation key (Intel TDX DCAP quoting library API, appendix A). Reading it verifies nothing.
public struct TDXQuote: Sendable, Hashable {
  public enum Limits {
    /// The greatest size of a quote with the buffer that it came in, in bytes.
    public static let bytes = 64 << 10
    /// The greatest size of the authentication data of the quoting enclave, in bytes.
    public static let authenticationData = 1024
    /// The greatest size of the certificates of the PCK, in bytes of PEM.
    public static let certificates = 16 << 10
  }

  /// 4 or 5.
  public let version: UInt16
  /// What the quoting enclave says of itself in the header; the first 16 bytes tell platforms apart.
  public let userData: [UInt8]
  public let report: TDReport
  /// Header, body descriptor and body: what the attestation key signs.
  let signedBytes: [UInt8]
  /// r || s of the attestation key.
  let signature: [UInt8]
  /// x || y of the attestation key's point.
  let attestationKey: [UInt8]
  let quotingEnclave: SGXReport
  /// The 384 bytes of the enclave's report: what the PCK signs.
  let quotingEnclaveBytes: [UInt8]
  /// r || s of the PCK.
  let quotingEnclaveSignature: [UInt8]
  let authenticationData: [UInt8]
  /// The PEM of the PCK's certificates as it came: nothing signs its text.
  let certificatesPEM: [UInt8]
  /// What follows the quote in the bytes given. Nothing signs it.
  let trailing: [UInt8]

  static let intelVendor: [UInt8] = [
    0x93, 0x9A, 0x72, 0x33, 0xF7, 0x9C, 0x4C, 0xA9, 0x94, 0x0A, 0x0D, 0xB3, 0x95, 0x7F, 0x06, 0x07,
  ]

  /// Reads the quote at the start of `bytes`; what follows it goes into `trailing`.
  public init(parsing bytes: [UInt8]) throws(FieldError) {
    guard bytes.count <= Limits.bytes else {
      throw FieldError(field: "quote", expected: "at most \(Limits.bytes) bytes", actual: "\(bytes.count) bytes")
    }
    var reader = ByteReader(bytes, path: "quote")
    version = try reader.uint16(littleEndian: "version")
    try Self.require(version == 4 || version == 5, "version", "4 or 5", version)
    let keyType = try reader.uint16(littleEndian: "attestation-key-type")
    try Self.require(keyType == 2, "attestation-key-type", "2 (ECDSA P-256)", keyType)
    let teeType = try reader.uint32(littleEndian: "tee-type")
    try Self.require(teeType == 0x81, "tee-type", "129 (TDX)", teeType)
    try reader.zeros(4, "reserved")
    let vendor = try reader.bytes(16, "qe-vendor")
    try Self.require(vendor == Self.intelVendor, "qe-vendor", "Intel's", vendor)
    userData = try reader.bytes(20, "user-data")
    report = try Self.report(&reader, version: version)
    signedBytes = [UInt8](bytes.prefix(reader.offset))

    let count = Int(try reader.uint32(littleEndian: "signature-data.size"))
    var data = ByteReader(try reader.slice(count, "signature-data"), path: "quote.signature-data")
    trailing = reader.rest()
    signature = try data.bytes(64, "signature")
    attestationKey = try data.bytes(64, "attestation-key")
    var outer = ByteReader(try Self.certification(&data, type: 6, name: "QE report"), path: "quote.qe")
    try data.finish()

    quotingEnclaveBytes = try outer.bytes(SGXReport.byteCount, "report")
    quotingEnclave = try SGXReport(parsing: quotingEnclaveBytes, path: "quote.qe.report")
    quotingEnclaveSignature = try outer.bytes(64, "signature")
    let authenticationCount = Int(try outer.uint16(littleEndian: "authentication-data.size"))
    try Self.require(
      authenticationCount <= Limits.authenticationData, "qe.authentication-data",
      "at most \(Limits.authenticationData) bytes", authenticationCount)
    authenticationData = try outer.bytes(authenticationCount, "authentication-data")
    certificatesPEM = [UInt8](try Self.certification(&outer, type: 5, name: "PCK certificate chain"))
    try outer.finish()
    try Self.require(
      certificatesPEM.count <= Limits.certificates, "qe.certificates", "at most \(Limits.certificates) bytes",
      certificatesPEM.count)
  }

  /// The body: its type is the version's, or is said before it.
  private static func report(_ reader: inout ByteReader, version: UInt16) throws(FieldError) -> TDReport {
    guard version == 5 else { return try TDReport(&reader, version: .v10) }
    let type = try reader.uint16(littleEndian: "body.type")
    guard let body = TDReport.Version(rawValue: type) else {
      throw FieldError(field: "quote.body.type", expected: "2 (TD report 1.0) or 3 (TD report 1.5)", actual: "\(type)")
    }
    let count = try reader.uint32(littleEndian: "body.size")
    try require(Int(count) == body.byteCount, "body.size", "\(body.byteCount)", count)
    return try TDReport(&reader, version: body)
  }

  /// Type, size, and as many bytes.
  private static func certification(
    _ reader: inout ByteReader, type: UInt16, name: String
  ) throws(FieldError) -> ArraySlice<UInt8> {
    let found = try reader.uint16(littleEndian: "certification-data.type")
    try require(found == type, "certification-data.type", "\(type) (\(name))", found)
    let count = Int(try reader.uint32(littleEndian: "certification-data.size"))
    return try reader.slice(count, "certification-data")
  }

  private static func require(
    _ holds: Bool, _ field: String, _ expected: String, _ actual: some Any & Sendable
  ) throws(FieldError) {
    guard holds else { throw FieldError(field: "quote.\(field)", expected: expected, actual: "\(actual)") }
  }

  /// Whether platforms hand a quote out in a buffer of this size, filled up with zeros: Intel's quoting library announces 70
  /// bytes more than its quotes have (5006 and 5010 mostly, as the certificates are long), and Google's hosts give 8000.
  static func isBuffer(of count: Int, trailing: Int) -> Bool {
    trailing == 70 || count == 5006 || count == 5010 || (count >= 4096 && count.isMultiple(of: 16))
  }
}
