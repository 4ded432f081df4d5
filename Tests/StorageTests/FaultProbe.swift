import Foundation
import TestSupport
import Testing

/// The helper process `StorageFaultProbe`, and strace to hurt it with.
enum FaultProbe {
  /// What one run left behind.
  struct Run {
    /// The exit status, or the number of the signal that killed it.
    let status: Int32
    let wasKilled: Bool
    /// The lines "receipt <index> <leaf> <size> <root>" that it printed: what its callers were told.
    let receipts: [String]
    let trace: [Substring]
    let errors: String
  }

  /// The probe is built beside the test bundle.
  static let path: String = {
    let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let candidates = [bundle, CommandLine.arguments[0]].map {
      URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("StorageFaultProbe").path
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

  /// Appends `numbers` to the log in `directory` under strace, which looks at calls on that log's files only.
  static func append(_ numbers: Range<Int>, to directory: String, calls: String, inject: String?) throws -> Run {
    let scratch = try TemporaryDirectory()
    let files = ["", "/lock", "/log.sqlite", "/log.sqlite-wal", "/log.sqlite-shm"].map { directory + $0 }
    var arguments = ["-f", "-qq", "-o", scratch.file("trace"), "-e", "signal=none", "-e", "trace=" + calls]
    arguments += files.flatMap { ["-P", $0] }
    if let inject { arguments += ["-e", "inject=" + inject] }
    arguments += [path, "append", directory, String(numbers.lowerBound), String(numbers.count)]
    let run = try Subprocess.run(#require(strace), arguments)
    let output = String(decoding: run.output, as: UTF8.self)
    return Run(
      // strace ends the way its child did: a signal as such.
      status: run.status, wasKilled: run.status == 128 + SIGKILL,
      receipts: output.split(separator: "\n").filter { $0.hasPrefix("receipt") }.map(String.init),
      trace: String(decoding: try scratch.read("trace"), as: UTF8.self).split(separator: "\n"), errors: run.errors)
  }
}

/// Runs blocking work on threads of its own, so that waiting for processes does not starve the tests' tasks.
func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread { continuation.resume(with: Result(catching: work)) }.start()
  }
}
