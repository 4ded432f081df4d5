import Acquisition
import Glibc
import HTTPClient
import Models
import Synchronization

/// Acquires one model, and dies or waits at a step of it: the process that the crash tests kill.
///
///     AcquisitionFaultProbe STORE MANIFEST PORT kill|hold|none STEP OCCURRENCE
///
/// Exit status: 0 installed, 70 refused with the fault on standard error, 64 usage.
@main
enum AcquisitionFaultProbe {
  static func main() async {
    let arguments = CommandLine.arguments
    guard arguments.count == 7, let port = UInt16(arguments[3]), let occurrence = Int(arguments[6]) else {
      return end(64, "usage: AcquisitionFaultProbe STORE MANIFEST PORT kill|hold|none STEP OCCURRENCE")
    }
    let place = Place(action: arguments[4], step: arguments[5], occurrence: occurrence)
    do {
      let manifest = try ModelManifest(parsing: read(arguments[2]))
      var acquisition = ModelAcquisition(
        store: ModelStore(root: arguments[1]), client: HTTPClient(), configuration: configuration(port: port))
      acquisition.reached = { place.reached($0) }
      let report = try await acquisition.acquire(manifest)
      say(report.wasInstalled ? "found" : "installed")
      exit(0)
    } catch {
      end(70, "\(error)")
    }
  }

  /// As the tests have it: small pieces, so that there are many steps.
  static func configuration(port: UInt16) -> AcquisitionConfiguration {
    var configuration = AcquisitionConfiguration()
    configuration.allowances = [.host("127.0.0.1", port: port)]
    configuration.limits.transfer = TransferPlan.Bounds(pieceBytes: 200_000, ranges: 3, attempts: 3)
    configuration.limits.spareBytes = 0
    return configuration
  }

  /// Where the process ends, or waits for a line on its standard input.
  final class Place: Sendable {
    private let action: String
    private let step: String
    private let occurrence: Int
    private let count = Atomic(0)

    init(action: String, step: String, occurrence: Int) {
      self.action = action
      self.step = step
      self.occurrence = occurrence
    }

    func reached(_ step: AcquisitionStep) {
      guard step.rawValue == self.step else { return }
      guard count.add(1, ordering: .sequentiallyConsistent).newValue == occurrence else { return }
      switch action {
      case "kill": kill(getpid(), SIGKILL)
      case "hold":
        say("holding")
        _ = readLine()
      default: break
      }
    }
  }

  private static func read(_ path: String) throws -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw SystemCallFault(call: "open", path: path, errno: errno) }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: ModelManifest.maxBytes)
    let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
    guard count >= 0 else { throw SystemCallFault(call: "read", path: path, errno: errno) }
    return Array(bytes[..<count])
  }

  private static func end(_ status: Int32, _ reason: String) {
    put(reason, to: STDERR_FILENO)
    exit(status)
  }

  private static func say(_ line: String) { put(line, to: STDOUT_FILENO) }

  private static func put(_ line: String, to descriptor: Int32) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
  }
}
