import CanonicalJSON
import Cryptography
import Foundation
import HTTPClient
import Models
import ObjectStorage
import TestSupport
import Testing

@testable import Acquisition

/// Against moto, which checks signatures and permissions.
@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct ObjectStorageTests {
  private let scene: Scene
  private let peer: PythonPeer
  private let port: UInt16
  private let weights: [UInt8]
  private let manifest: ModelManifest

  init() async throws {
    scene = try Scene()
    peer = try PythonPeer("object_store_peer", ["locked": "model-locked", "plain": "model-plain"])
    port = UInt16(peer.ready["port"]?.integer ?? 0)
    weights = Content.bytes(Scene.size, seed: 41)
    let key = "some folder/weights+1.gguf"
    let source =
      "s3://model-plain/some%20folder/weights%2B1.gguf?endpoint=http%3A%2F%2F127.0.0.1%3A\(port)&region=us-east-1"
    manifest = try Scene.manifest([("weights.gguf", weights, [source])])
    let store = ObjectStore(
      bucket: try S3Bucket(name: "model-plain", endpoint: "http://127.0.0.1:\(port)"), credentials: try credentials(),
      client: HTTPClient(), policy: .only([("127.0.0.1", port)]), clock: AcquisitionClock.system.unixMilliseconds)
    _ = try await store.put(key, weights)
  }

  private func credentials(secret: String? = nil) throws -> S3Credentials {
    let secret = secret ?? peer.ready["secretKey"]?.string ?? ""
    return try S3Credentials(
      accessKey: peer.ready["accessKey"]?.string ?? "", secretKey: SecretBytes(copying: secret.utf8))
  }

  private func configuration(_ credentials: S3Credentials?, origin: String? = nil) throws -> AcquisitionConfiguration {
    var configuration = Scene.configuration(ports: [port])
    let origin = try HTTPURL(origin ?? "http://127.0.0.1:\(port)")
    configuration.credentials = credentials.map { [EndpointCredential(origin: origin, .s3($0))] } ?? []
    return configuration
  }

  @Test func aSignedDownloadInRangesArrives() async throws {
    let report = try await scene.acquire(manifest, try configuration(try credentials()))
    #expect(try scene.content(manifest) == ["weights.gguf": weights])
    #expect(report.alerts == [])
  }

  @Test func aWrongSecretIsRefused() async throws {
    for configuration in [
      try configuration(try credentials(secret: "wrong")), try configuration(nil),
      // The right secret, for another place.
      try configuration(try credentials(), origin: "http://127.0.0.1:1"),
    ] {
      guard case .sourcesExhausted(_, let attempts) = await scene.fault(manifest, configuration) else {
        Issue.record("it was not refused")
        continue
      }
      #expect(attempts.map(\.fault) == [.status(403)])
    }
    #expect(!scene.isInstalled(manifest))
  }

  @Test func reportsHoldNoSecret() async throws {
    let configuration = try configuration(try credentials(secret: "a-very-secret-key"))
    let fault = await scene.fault(manifest, configuration)
    var dumped = ""
    dump(configuration, to: &dumped)
    #expect(!"\(String(describing: fault)) \(configuration) \(dumped)".contains("a-very-secret-key"))
  }
}
