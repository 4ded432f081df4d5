import Foundation
import TestSupport
import Testing

/// A running `safebox witness serve` with strace beside it.
final class WitnessProcess {
  private let process: ChildProcess
  private let tracePath: String

  /// The command is built beside the test bundle.
  private static let path: String? = {
    let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return [bundle, CommandLine.arguments[0]]
      .map { URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("safebox").path }
      .first(where: FileManager.default.isExecutableFile(atPath:))
  }()

  private static let strace = Subprocess.find("strace")

  /// Whether the command is there, and strace is and may trace: some containers forbid it.
  static let isAvailable: Bool = {
    guard path != nil, let strace else { return false }
    return (try? Subprocess.run(strace, ["-o", "/dev/null", "/bin/true"]).status) == 0
  }()

  static let absence: Comment = "safebox is not built, or strace is missing or may not trace here"

  /// Starts the witness configured in `witness.json`. strace looks at calls on its records only.
  init(_ directory: TemporaryDirectory, calls: [String], inject: String?) throws {
    tracePath = directory.file("trace")
    let files = ["", "-wal", "-shm", "-journal"].map { directory.file("data/witness.sqlite") + $0 }
    // -D: the process that we start is the witness, and strace is its child.
    var arguments = ["-D", "-f", "-qq", "-o", tracePath, "-e", "signal=none"]
    arguments += ["-e", "trace=" + calls.joined(separator: ",")]
    arguments += files.flatMap { ["-P", $0] }
    if let inject { arguments += ["-e", "inject=" + inject] }
    arguments += [try #require(Self.path), "witness", "serve", "--config", directory.file("witness.json")]
    process = try ChildProcess(try #require(Self.strace), arguments, output: .pipe, errors: .output)
  }

  /// Waits until the witness says that it listens; false when it ends without.
  func isReady() async -> Bool {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { [process] in
        while let line = process.line() {
          if line.contains("w.example/1+") { return continuation.resume(returning: true) }
        }
        continuation.resume(returning: false)
      }
    }
  }

  /// Asks the witness to end and waits for it.
  func stop() {
    process.signal(SIGTERM)
    process.wait()
  }

  func trace() -> [Substring] {
    ((try? String(contentsOfFile: tracePath, encoding: .utf8)) ?? "").split(separator: "\n")
  }
}
