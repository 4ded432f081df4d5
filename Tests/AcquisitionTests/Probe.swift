import Foundation
import TestSupport
import Testing

/// The helper process `AcquisitionFaultProbe`, built beside the test bundle.
enum Probe {
  static let path: String = {
    let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let candidates = [bundle, CommandLine.arguments[0]].map {
      URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("AcquisitionFaultProbe").path
    }
    return candidates.first(where: FileManager.default.isExecutableFile(atPath:)) ?? candidates[1]
  }()

  static let strace = Subprocess.find("strace")

  /// Whether strace is there and may trace: some containers forbid it.
  static let canTrace: Bool = {
    guard let strace, let run = try? Subprocess.run(strace, ["-o", "/dev/null", "/bin/true"]) else { return false }
    return run.status == 0
  }()

  static let absence: Comment = "strace is missing or may not trace here; install it to run the fault tests"
}

/// Runs blocking work on a thread of its own, so that waiting for processes does not starve the tests' tasks.
func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread { continuation.resume(with: Result(catching: work)) }.start()
  }
}
