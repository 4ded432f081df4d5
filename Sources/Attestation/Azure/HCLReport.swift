public import CanonicalJSON
import Cryptography

/// What Azure's paravisor keeps in NV index 0x01400001 of the virtual TPM (the "HCL report"): the hardware's report, and the
/// runtime data whose SHA-256 it carries in REPORT_DATA.
///
/// Little-endian: a header of 32 bytes, the report in a field of 1184, a header of 20, the runtime data, and zeros to the end of
/// the index. Nothing of it but the report is signed, so all the rest must be what it can only be.
public struct HCLReport: Sendable, Hashable {
  /// The index has 2048 or 2600 bytes.
  public static let maxBytes = 8192
  static let magic = Array("HCLA".utf8)
  private static let reportField = 1184
  private static let tdReportBytes = 1024

  /// What lies below the paravisor.
  public enum Hardware: String, Sendable, Hashable, CaseIterable {
    case snp
    case tdx
  }

  public let hardware: Hardware
  /// An SNP report, or a TDREPORT (Intel TDX module base specification), which only its own machine can check.
  public let report: [UInt8]
  /// JSON: keys of the TPM and the configuration of the machine.
  public let runtimeData: [UInt8]

  public init(_ bytes: [UInt8]) throws(FieldError) {
    guard bytes.count <= Self.maxBytes else {
      throw FieldError(field: "hcl", expected: "at most \(Self.maxBytes) bytes", actual: "\(bytes.count) bytes")
    }
    var reader = ByteReader(bytes, path: "hcl")
    let magic = try reader.bytes(4, "magic")
    guard magic == Self.magic else {
      throw FieldError(field: "hcl.magic", expected: "HCLA", actual: Hex.encode(magic))
    }
    try Self.number(&reader, "version", in: 1...2)
    let size = Int(try reader.uint32(littleEndian: "size"))
    try Self.number(&reader, "request type", in: 2...2)
    try reader.zeros(16, "status and reserved")
    let field = try reader.bytes(Self.reportField, "report")
    let dataSize = Int(try reader.uint32(littleEndian: "data size"))
    try Self.number(&reader, "data version", in: 1...1)
    switch try reader.uint32(littleEndian: "report type") {
    case 2: hardware = .snp
    case 4: hardware = .tdx
    case let other: throw FieldError(field: "hcl.report type", expected: "2 (SNP) or 4 (TDX)", actual: "\(other)")
    }
    try Self.number(&reader, "hash type", in: 1...1)
    let count = Int(try reader.uint32(littleEndian: "runtime data size"))
    runtimeData = try reader.bytes(count, "runtime data")
    guard dataSize == count + 20, size == 32 + Self.reportField + dataSize else {
      throw FieldError(
        field: "hcl.size", expected: "\(32 + Self.reportField + count + 20), and \(count + 20) of them data",
        actual: "\(size), and \(dataSize)")
    }
    try reader.zeros(reader.remaining, "end")
    switch hardware {
    case .snp: report = field
    case .tdx:
      report = Array(field.prefix(Self.tdReportBytes))
      guard field.dropFirst(Self.tdReportBytes).allSatisfy({ $0 == 0 }) else {
        throw FieldError(field: "hcl.report", expected: "zeros behind the TDREPORT", actual: "something else")
      }
    }
  }

  private static func number(
    _ reader: inout ByteReader, _ field: String, in range: ClosedRange<UInt32>
  ) throws(FieldError) {
    let value = try reader.uint32(littleEndian: field)
    guard range.contains(value) else {
      throw FieldError(
        field: "hcl.\(field)",
        expected: Set([range.lowerBound, range.upperBound]).sorted().map(String.init)
          .joined(separator: " to "), actual: "\(value)")
    }
  }
}
