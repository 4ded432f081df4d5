import CLinux
import CanonicalJSON
import Glibc

/// SEV-SNP reports through `/dev/sev-guest`, for kernels without the common interface (AMD 56860, section 7.3).
package struct SNPGuest: Sendable {
  package static let path = "/dev/sev-guest"
  /// MSG_REPORT_RSP as the kernel hands it out.
  static let responseBytes = 4000
  static let certificateBytes = 16 << 10
  static let reportBytes = 1184

  let path: String

  init(path: String = Self.path) { self.path = path }

  /// A report over up to 64 bytes and, where the host keeps one, its table of certificates.
  ///
  /// - Parameter privilegeLevel: the VMPL that the report names: 0 unless a paravisor has it.
  func report(
    over data: [UInt8], privilegeLevel: UInt32 = 0
  ) throws(GuestFailure) -> ConfidentialReports.Report {
    let data = try ConfidentialReports.padded(data)
    let device = open(path, O_RDWR | O_CLOEXEC)
    guard device >= 0 else {
      throw errno == ENOENT ? .absent(path) : .system(call: "open", path: path, errno: errno)
    }
    defer { close(device) }
    var response = [UInt8](repeating: 0, count: Self.responseBytes)
    var certificates = [UInt8](repeating: 0, count: Self.certificateBytes)
    var firmware: UInt64 = 0
    let result = linux_snp_report(device, data, privilegeLevel, &response, &certificates, &firmware)
    guard result == 0 else {
      throw firmware != 0
        ? .firmware(device: path, code: firmware) : .system(call: "ioctl", path: path, errno: -result)
    }
    return ConfidentialReports.Report(
      report: try Self.report(in: response), auxiliary: certificates.contains { $0 != 0 } ? certificates : nil)
  }

  /// The report in a MSG_REPORT_RSP (AMD 56860, table 26): status, size, 24 reserved bytes, the report.
  static func report(in response: [UInt8]) throws(GuestFailure) -> [UInt8] {
    guard response.count >= 32 + reportBytes else {
      throw .field(
        FieldError(
          field: "response", expected: "at least \(32 + reportBytes) bytes", actual: "\(response.count) bytes"))
    }
    func word(_ offset: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(response[offset + $1]) << UInt32(8 * $1) } }
    guard word(0) == 0 else { throw .firmware(device: path, code: UInt64(word(0))) }
    guard word(4) == UInt32(reportBytes) else {
      throw .field(FieldError(field: "response.size", expected: "\(reportBytes)", actual: "\(word(4))"))
    }
    return [UInt8](response[32..<32 + reportBytes])
  }
}
