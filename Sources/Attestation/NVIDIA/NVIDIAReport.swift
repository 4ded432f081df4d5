public import CanonicalJSON
public import Cryptography

/// An attestation report of an NVIDIA GPU: an SPDM request for measurements and the signed answer to it (DMTF DSP0274 1.1,
/// sections 10.11.1 and 10.11.2). Nothing in it is to be believed before ``NVIDIAVerifier`` has passed.
public struct NVIDIAReport: Sendable, Hashable {
  public enum Limits {
    public static let bytes = 16 << 10
    public static let blocks = 255
    public static let opaqueFields = 64
  }

  /// What NVIDIA says beside the measurements (nvtrust, "opaque data").
  enum Field: Int {
    case driverVersion = 3
    case vbiosVersion = 6
    case boardID = 14
    case firmwareID = 20
  }

  /// What is signed: request and answer, up to the signature.
  public let signedBytes: [UInt8]
  /// What the request asked to be signed with it.
  public let nonce: [UInt8]
  /// Digests by the indexes of their blocks, SHA-384.
  public let measurements: [Int: [UInt8]]
  /// By type; each at most once.
  public let opaque: [Int: [UInt8]]
  /// 96 bytes r || s.
  public let signature: P384.Signature

  /// Reads a report and nothing after it.
  ///
  /// - Throws: names the field: `report.request.code`, `report.answer.blocks`, ...
  public init(_ bytes: [UInt8], path: String = "report") throws(FieldError) {
    guard bytes.count <= Limits.bytes else {
      throw FieldError(field: path, expected: "at most \(Limits.bytes) bytes", actual: "\(bytes.count) bytes")
    }
    var reader = ByteReader(bytes, path: path)
    // GET_MEASUREMENTS of version 1.1 with a signature, of all blocks; slot 0 of the certificates.
    try Self.expect([0x11, 0xE0, 0x01, 0xFF], "request.head", &reader)
    nonce = try reader.bytes(32, "request.nonce")
    try Self.expect([0x00], "request.slot", &reader)
    // MEASUREMENTS.
    try Self.expect([0x11, 0x60, 0x00, 0x00], "answer.head", &reader)
    measurements = try Self.measurements(&reader)
    _ = try reader.bytes(32, "answer.nonce")
    let opaqueCount = Int(try reader.uint16(littleEndian: "answer.opaque"))
    opaque = try Self.opaque(try reader.slice(opaqueCount, "answer.opaque"), path: "\(path).answer.opaque")
    signedBytes = [UInt8](bytes.prefix(reader.offset))
    let numbers = try reader.bytes(96, "signature")
    try reader.finish()
    guard let signature = try? P384.Signature(p1363: numbers) else {
      throw FieldError(field: "\(path).signature", expected: "96 bytes", actual: "\(numbers.count) bytes")
    }
    self.signature = signature
  }

  private static func expect(_ expected: [UInt8], _ field: String, _ reader: inout ByteReader) throws(FieldError) {
    let found = try reader.bytes(expected.count, field)
    guard found == expected else {
      throw FieldError(
        field: "\(reader.path).\(field)", expected: Hex.encode(expected), actual: Hex.encode(found))
    }
  }

  /// Blocks of DMTF's form: index, specification, size, then type, size and digest. An index stands once.
  private static func measurements(_ reader: inout ByteReader) throws(FieldError) -> [Int: [UInt8]] {
    let path = "\(reader.path).answer.blocks"
    let count = try reader.uint8("answer.blocks")
    let low = try reader.uint16(littleEndian: "answer.blocks")
    let high = try reader.uint8("answer.blocks")
    var record = ByteReader(try reader.slice(Int(high) << 16 | Int(low), "answer.blocks"), path: path)
    var measurements: [Int: [UInt8]] = [:]
    for _ in 0..<count {
      let index = Int(try record.uint8("index"))
      try Self.expect([0x01], "specification", &record)
      let size = Int(try record.uint16(littleEndian: "size"))
      var block = ByteReader(try record.slice(size, "block"), path: "\(path).\(index)")
      _ = try block.uint8("type")
      let digest = try block.bytes(Int(try block.uint16(littleEndian: "digest")), "digest")
      try block.finish()
      guard index > 0, digest.count == 48, measurements.updateValue(digest, forKey: index) == nil else {
        throw FieldError(
          field: "\(path).\(index)", expected: "one digest of 48 bytes for each index", actual: "\(digest.count) bytes")
      }
    }
    try record.finish()
    return measurements
  }

  /// Type and size, two bytes each, then as many bytes.
  private static func opaque(_ bytes: ArraySlice<UInt8>, path: String) throws(FieldError) -> [Int: [UInt8]] {
    var reader = ByteReader(bytes, path: path)
    var fields: [Int: [UInt8]] = [:]
    while reader.remaining > 0 {
      let type = Int(try reader.uint16(littleEndian: "type"))
      let value = try reader.bytes(Int(try reader.uint16(littleEndian: "size")), "\(type)")
      guard fields.updateValue(value, forKey: type) == nil, fields.count <= Limits.opaqueFields else {
        throw FieldError(
          field: path, expected: "each of at most \(Limits.opaqueFields) fields once", actual: "field \(type) again")
      }
    }
    return fields
  }

  func text(_ field: Field) -> String? {
    guard let bytes = opaque[field.rawValue] else { return nil }
    return String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// The driver, for example `550.90.07`.
  public var driverVersion: String? { text(.driverVersion) }

  /// The firmware on the board, as NVIDIA writes its versions: `96.00.9f.00.01`.
  public var vbiosVersion: String? {
    guard let bytes = opaque[Field.vbiosVersion.rawValue], bytes.count >= 5 else { return nil }
    return (bytes[..<4].reversed() + [bytes[4]]).map { Hex.encode([$0]) }.joined(separator: ".")
  }

  /// The digest of the firmware that holds the signing key.
  public var firmwareID: [UInt8]? { opaque[Field.firmwareID.rawValue] }

  /// By the names that releases use: `measurement1`, ...
  var registers: [String: [UInt8]] {
    Dictionary(uniqueKeysWithValues: measurements.map { ("measurement\($0.key)", $0.value) })
  }
}
