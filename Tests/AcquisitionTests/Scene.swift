import CanonicalJSON
import Cryptography
import Foundation
import HTTPClient
import Models
import Synchronization
import TestSupport
import Testing

@testable import Acquisition

/// A store in a directory of its own, files to fetch, and what was said on the way.
final class Scene: Sendable {
  let scratch: TemporaryDirectory
  let store: String
  let progress = Mutex<[AcquisitionProgress]>([])
  let alerts = Mutex<[AcquisitionAlert]>([])

  /// Larger than two pieces, so that several ranges are fetched.
  static let size = 700_000

  init() throws {
    scratch = try TemporaryDirectory()
    store = scratch.file("store")
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
  }

  /// Small pieces, no pauses worth mentioning, and loopback as the operator's allowance.
  static func configuration(ports: [UInt16] = []) -> AcquisitionConfiguration {
    var configuration = AcquisitionConfiguration()
    configuration.allowances = Set(ports.map { .host("127.0.0.1", port: $0) })
    configuration.limits.transfer = TransferPlan.Bounds(pieceBytes: 200_000, ranges: 3, attempts: 3)
    configuration.limits.firstPause = .milliseconds(1)
    configuration.limits.longestPause = .milliseconds(1)
    configuration.limits.spareBytes = 0
    return configuration
  }

  /// A manifest of files with their sources.
  static func manifest(_ files: [(path: String, bytes: [UInt8], sources: [String])]) throws -> ModelManifest {
    try ModelManifest(
      json: [
        "name": "test-model", "version": "1", "license": "Apache-2.0", "runnerType": "llama-cpp",
        "totalSizeBytes": .integer(Int64(files.reduce(0) { $0 + $1.bytes.count })),
        "files": .array(
          files.map { file in
            [
              "path": .string(file.path), "sizeBytes": .integer(Int64(file.bytes.count)),
              "sha256": .string(SHA256.hash(file.bytes).hex), "sources": .array(file.sources.map { .string($0) }),
            ]
          }),
      ])
  }

  func acquisition(
    _ configuration: AcquisitionConfiguration, clock: AcquisitionClock = .system, client: HTTPClient = HTTPClient()
  ) -> ModelAcquisition {
    ModelAcquisition(
      store: ModelStore(root: store), client: client, configuration: configuration, clock: clock)
  }

  func acquire(
    _ manifest: ModelManifest, _ configuration: AcquisitionConfiguration, clock: AcquisitionClock = .system
  ) async throws(AcquisitionFault) -> AcquisitionReport {
    try await acquisition(configuration, clock: clock).acquire(
      manifest, progress: { progress in self.progress.withLock { $0.append(progress) } },
      alert: { alert in self.alerts.withLock { $0.append(alert) } })
  }

  /// The fault of an acquisition that is expected to fail.
  func fault(
    _ manifest: ModelManifest, _ configuration: AcquisitionConfiguration, clock: AcquisitionClock = .system
  ) async -> AcquisitionFault? {
    do throws(AcquisitionFault) {
      _ = try await acquire(manifest, configuration, clock: clock)
      return nil
    } catch {
      return error
    }
  }

  // MARK: What is there

  func installed(_ manifest: ModelManifest) -> String { "\(store)/models/\(manifest.digest.hex)" }
  func partial(_ manifest: ModelManifest) -> String { "\(store)/models/.partial/\(manifest.digest.hex)" }

  func isInstalled(_ manifest: ModelManifest) -> Bool {
    FileManager.default.fileExists(atPath: installed(manifest))
  }

  /// Everything in the installed directory by path.
  func content(_ manifest: ModelManifest) throws -> [String: [UInt8]] {
    let root = installed(manifest)
    var content: [String: [UInt8]] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: root) {
      let file = root + "/" + path
      if try FileManager.default.attributesOfItem(atPath: file)[.type] as? FileAttributeType == .typeRegular {
        content[path] = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
      }
    }
    return content
  }

  /// What lies below `.partial`.
  func leftovers() throws -> [String] {
    let path = store + "/models/.partial"
    return FileManager.default.fileExists(atPath: path)
      ? try FileManager.default.subpathsOfDirectory(atPath: path).filter { !$0.hasSuffix(".lock") }.sorted() : []
  }
}
