import Foundation
import TestSupport

/// tpm2-tools: an implementation of everything that is not ours, run against the same TPM.
enum Tools {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static let isReady = SoftwareTPM.isReady && Subprocess.find("tpm2_checkquote") != nil

  /// Runs a tool against a TPM.
  ///
  /// - Returns: what it says.
  @discardableResult
  static func run(_ name: String, _ arguments: String..., on tpm: SoftwareTPM? = nil) throws -> String {
    guard let program = Subprocess.find(name) else { throw Failure(description: "\(name) is not installed") }
    let result = try Subprocess.run(program, (tpm.map { ["-T", $0.tcti] } ?? []) + arguments)
    guard result.status == 0 else { throw Failure(description: "\(name): \(result.errors)") }
    return String(decoding: result.output, as: UTF8.self)
  }

  /// Whether the tool refuses.
  static func refuses(_ name: String, _ arguments: String..., on tpm: SoftwareTPM? = nil) throws -> Bool {
    guard let program = Subprocess.find(name) else { throw Failure(description: "\(name) is not installed") }
    return try Subprocess.run(program, (tpm.map { ["-T", $0.tcti] } ?? []) + arguments).status != 0
  }
}
