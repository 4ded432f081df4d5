import Cryptography
import Foundation
import HTTPClient
import Models
import TestSupport
import Testing

@testable import Acquisition

@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct SourceReaderTests {
  private let scene: Scene
  private let weights = Content.bytes(Scene.size, seed: 71)
  private let peer: SourcePeer
  private var configuration: AcquisitionConfiguration
  private let description = ModelDescription(
    name: "read", version: "1", license: "MIT", runnerType: "llama-cpp")

  init() throws {
    scene = try Scene()
    peer = try SourcePeer(["weights": weights], in: scene.scratch)
    configuration = Scene.configuration(ports: [peer.port, peer.other])
    configuration.localRoots = [scene.scratch.path]
  }

  private func build(_ sources: String...) async throws -> ModelManifest {
    let file = ManifestBuilder.RemoteFile(path: "w.gguf", sources: try sources.map { try ModelSource(parsing: $0) })
    let reader = SourceReader(client: HTTPClient(), configuration: configuration)
    return try await ManifestBuilder(description).build(files: [file], read: reader.read)
  }

  @Test func aManifestIsMadeOfWhatURLsYield() async throws {
    let path = try scene.scratch.write(weights, to: "local.gguf")
    for source in [peer.url("ok"), peer.url("chunked"), peer.url("leads_elsewhere"), "file://" + path] {
      let manifest = try await build(source)
      #expect(manifest.files.map(\.sha256) == [SHA256.hash(weights)])
      #expect(manifest.files.map(\.sizeBytes) == [Int64(weights.count)])
      // And it can be acquired from there.
      let fresh = try Scene()
      _ = try await fresh.acquire(manifest, configuration)
      #expect(try fresh.content(manifest) == ["w.gguf": weights])
    }
  }

  @Test(arguments: ["truncated", "missing", "unavailable", "packed", "leads_inside", "hangs_up"])
  func whatIsNoWholeFileIsPassedOver(manner: String) async throws {
    await #expect(throws: ManifestBuildFault.self) { try await build(peer.url(manner)) }
    let manifest = try await build(peer.url(manner), peer.url("ok"))
    #expect(manifest.files.map(\.sha256) == [SHA256.hash(weights)])
  }
}
