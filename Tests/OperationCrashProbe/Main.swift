import CanonicalJSON
import Glibc
import Governance
import SystemOperations

/// `OperationCrashProbe CONFIGURATION`: carries out one `directory.create` that comes in on standard input, on the real file
/// system, for tests that kill it at each step.
@main enum Main {
  private struct NoSnapshots: SnapshotHook {
    func before(_ mandate: Mandate, scope: SnapshotName.Scope) async throws -> JSONObject { [:] }
    func after(_ mandate: Mandate, scope: SnapshotName.Scope, succeeded: Bool) async throws -> JSONObject { [:] }
  }

  static func main() async throws {
    let configuration = try ConfigurationFile.read(CommandLine.arguments[1])
    let root = try AnchoredDirectory(opening: configuration.root)
    let desk = try OperationDesk(
      OperationDesk.Parts(
        pins: configuration.pins(), root: root, key: SystemKey.read(in: root),
        executors: [.createDirectory: DirectoryCreation(root: root)], snapshots: NoSnapshots(),
        clock: {
          var time = timespec()
          clock_gettime(CLOCK_REALTIME, &time)
          return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
        }, report: { _ in }))
    try await desk.recover()
    _ = try await PerformSession(desk, only: .createDirectory, runners: nil).run(
      read: { @Sendable in readLine(strippingNewline: true).map { Array($0.utf8) } },
      write: { json in
        let line = json.canonicalBytes() + [0x0A]
        // Unbuffered: what a test has read was said before the process died.
        _ = line.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
      })
  }
}
