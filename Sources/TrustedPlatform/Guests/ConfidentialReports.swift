import CanonicalJSON
import Cryptography
import Glibc

/// Reports of a confidential guest through the kernel's common interface (Documentation/ABI/testing/configfs-tsm-report):
/// a directory is made, what is to be signed is written into it, and the report is read from it.
package struct ConfidentialReports: Sendable {
  package static let path = "/sys/kernel/config/tsm/report"
  /// What is signed with the report.
  static let dataBytes = 64
  static let maxReportBytes = 64 << 10
  static let maxAuxiliaryBytes = 64 << 10
  private static let attempts = 4

  /// Who answers behind the interface.
  enum Provider: String, Sendable {
    case snp = "sev_guest"
    case tdx = "tdx_guest"
  }

  struct Report: Sendable, Hashable {
    let report: [UInt8]
    /// SNP: the table of certificates that the host keeps. nil where the kernel or the host has none.
    let auxiliary: [UInt8]?
  }

  let root: String
  let files: any KernelFiles

  init(root: String = Self.path, files: any KernelFiles = SystemFiles()) {
    self.root = root
    self.files = files
  }

  /// A report over up to 64 bytes, which zeros follow.
  func report(over data: [UInt8], from provider: Provider) throws(GuestFailure) -> Report {
    let data = try Self.padded(data)
    guard files.exists(root) else { throw .absent(root) }
    // Nobody else guesses the name; a collision fails the mkdir.
    let entry = "\(root)/safebox-\(Hex.encode(SecureRandom.bytes(8)))"
    try files.makeDirectory(entry)
    // A crash before this leaves an empty request, which says nothing and stands until the machine starts again.
    defer { files.removeDirectory(entry) }
    let actual = try text(entry + "/provider")
    guard actual == provider.rawValue else { throw .provider(expected: provider.rawValue, actual: actual) }
    for _ in 0..<Self.attempts {
      let before = try generation(entry)
      try files.write(data, to: entry + "/inblob")
      let report = try files.read(entry + "/outblob", limit: Self.maxReportBytes)
      let auxiliary = try optional(entry + "/auxblob")
      // Each write raises the number by one: more, and somebody else's data may be in the report.
      guard try generation(entry) == before + 1 else { continue }
      return Report(report: report, auxiliary: auxiliary)
    }
    throw .raced(entry)
  }

  /// The data followed by zeros.
  static func padded(_ data: [UInt8]) throws(GuestFailure) -> [UInt8] {
    guard (1...dataBytes).contains(data.count) else {
      throw .field(
        FieldError(field: "binding", expected: "1 to \(dataBytes) bytes", actual: "\(data.count) bytes"))
    }
    return data + [UInt8](repeating: 0, count: dataBytes - data.count)
  }

  private func optional(_ path: String) throws(GuestFailure) -> [UInt8]? {
    do {
      let bytes = try files.read(path, limit: Self.maxAuxiliaryBytes)
      return bytes.contains { $0 != 0 } ? bytes : nil
    } catch {
      switch error {
      case .absent, .system(_, _, ENXIO), .system(_, _, EOPNOTSUPP): return nil
      default: throw error
      }
    }
  }

  private func text(_ path: String) throws(GuestFailure) -> String {
    let bytes = try files.read(path, limit: 256)
    return String(decoding: bytes.filter { $0 > 0x20 && $0 < 0x7F }, as: UTF8.self)
  }

  private func generation(_ entry: String) throws(GuestFailure) -> UInt64 {
    let digits = try text(entry + "/generation")
    guard let number = UInt64(digits), number < .max else {
      throw .field(FieldError(field: "generation", expected: "a number", actual: JSON.string(digits).summary))
    }
    return number
  }
}
