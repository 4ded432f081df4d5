import CanonicalJSON
import Cryptography

/// dstack's envelope of an SNP report: SCALE (version 0, platform 3, report, certificates as PEM, configuration, ...), as it is
/// or in hexadecimal as the member `attestation` of a JSON object.
///
/// Only the report and its certificates are taken. What follows them is not signed.
enum DstackSNPEnvelope {
  struct Contents {
    let report: [UInt8]
    let certificates: [[UInt8]]
  }

  static let maxCertificates: UInt32 = 8

  /// nil where the bytes are something else.
  static func contents(_ bytes: [UInt8]) throws(FieldError) -> Contents? {
    if let json = try? JSON(parsing: bytes, limits: .document(maxBytes: Evidence.maxBytes)) {
      guard let text = json["attestation"]?.string, let decoded = Hex.decode(text) else { return nil }
      return try scale(decoded)
    }
    return try scale(bytes)
  }

  private static func scale(_ bytes: [UInt8]) throws(FieldError) -> Contents? {
    guard bytes.starts(with: [0, 3]) else { return nil }
    var reader = ByteReader(bytes[2...], path: "dstack")
    let report = try vector(&reader, "report")
    let count = try compact(&reader, "certificates")
    guard count <= maxCertificates else {
      throw FieldError(
        field: "dstack.certificates", expected: "at most \(maxCertificates) certificates", actual: String(count))
    }
    var certificates: [[UInt8]] = []
    for _ in 0..<count { certificates += try AttachedCertificates.read(try vector(&reader, "certificate")) }
    return Contents(report: report, certificates: certificates)
  }

  private static func vector(_ reader: inout ByteReader, _ field: String) throws(FieldError) -> [UInt8] {
    try reader.bytes(Int(try compact(&reader, field)), field)
  }

  /// A compact integer: the two low bits of the first byte say how many bytes it has.
  private static func compact(_ reader: inout ByteReader, _ field: String) throws(FieldError) -> UInt32 {
    let first = UInt32(try reader.uint8(field))
    switch first & 3 {
    case 0: return first >> 2
    case 1: return (first | UInt32(try reader.uint8(field)) << 8) >> 2
    case 2:
      let middle = UInt32(try reader.uint8(field))
      return (first | middle << 8 | UInt32(try reader.uint16(littleEndian: field)) << 16) >> 2
    default:
      throw FieldError(field: "dstack.\(field)", expected: "a length below 2^30", actual: "a longer one")
    }
  }
}
