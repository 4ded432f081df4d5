import CanonicalJSON
import Cryptography
import HTTPClient
import KeyRelease
import Storage
import TransparencyLog

/// What `safebox doctor` looks at in the log; reads only, also beside a running box.
public enum DoctorInspection {
  public struct Fault: Error, CustomStringConvertible {
    public let description: String
  }

  /// Folds every entry and holds the root of the stored tiles against the signed checkpoint and its keys.
  public static func run(_ directory: DataDirectory) throws {
    let reader = try LogReader(path: directory.logPath)
    let signers = try CheckpointSigners(
      origin: try reader.origin(), keys: try directory.keys(origin: try reader.origin()))
    guard let signed = try reader.latestCheckpoint() else { throw Fault(description: "the log has no checkpoint") }
    _ = try signed.verified(log: signers.log, requiring: .everyKey)
    _ = try LogFold.run(reader, epochs: EpochArchive())
  }

  /// Whether the broker that has the key of the data answers, and proves to be the pinned one. Shows it nothing of this box, and
  /// asks for no key: what the broker said to a running box, that box knows.
  public static func broker(_ release: KeyReleaseConfiguration, at: Int64) async throws {
    let client = try KeyReleaseClient(
      broker: release.broker, box: release.box,
      identity: try ChannelIdentity(key: .generate(), name: release.box, at: at))
    defer { client.shutDown() }
    try await client.checkReachable()
  }

  /// What a box that runs on this directory says of itself: throws with its reason where it takes nothing. Nothing is said where
  /// none answers.
  public static func running(_ configuration: BoxConfiguration) async throws {
    let client = HTTPClient()
    defer { client.shutDown() }
    var request = HTTPClientRequest(url: "http://127.0.0.1/readyz", deadline: .seconds(5), maxResponseBytes: 65536)
    var egress = EgressPolicy.nowhere
    switch configuration.admin {
    case .tcp(_, 0): return
    case .tcp(let address, let port):
      request.url = "http://\(configuration.admin.text)/readyz"
      egress = .only([(host: address, port: UInt16(clamping: port))])
    case .unix(let path):
      request.unixSocketPath = path
      egress.unixSockets = [path]
    }
    egress.permitsPlainHTTP = true
    guard let answer = try? await client.send(request, policy: egress), answer.status == 503 else { return }
    let problem = try JSON(parsing: answer.body, limits: .document(maxBytes: 65536))
    throw Fault(description: problem["detail"]?.string ?? "it takes nothing")
  }
}
