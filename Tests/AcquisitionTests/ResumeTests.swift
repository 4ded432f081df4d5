import Cryptography
import Foundation
import HTTPClient
import Models
import TestSupport
import Testing

@testable import Acquisition

/// What one attempt leaves, the next one uses, and believes none of it.
@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct ResumeTests {
  private let scene: Scene
  private let weights: [UInt8]
  private let peer: SourcePeer
  private let manifest: ModelManifest
  private var configuration: AcquisitionConfiguration

  init() throws {
    scene = try Scene()
    weights = Content.bytes(Scene.size, seed: 21)
    peer = try SourcePeer(["weights": weights], in: scene.scratch)
    manifest = try Scene.manifest([("dir/weights.gguf", weights, [peer.url("truncated_once")])])
    configuration = Scene.configuration(ports: [peer.port])
    configuration.limits.transfer.attempts = 1
  }

  private func breakOff() async throws {
    let fault = await scene.fault(manifest, configuration)
    #expect(fault?.keepsPartial == true)
    #expect(try scene.leftovers().contains(manifest.digest.hex + "/dir/weights.gguf"))
    _ = try await peer.requests()
  }

  @Test func theNextAttemptGoesOn() async throws {
    try await breakOff()
    let report = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["dir/weights.gguf": weights])
    // The half of the first piece, and what other pieces brought until they were given up.
    let resumed = try #require(report.files.first?.resumedBytes)
    #expect(resumed >= 100_000 && resumed < Scene.size && report.alerts == [])
    let ranges = try await peer.requests().compactMap { $0["range"]?.string }
    #expect(ranges.contains { $0.hasPrefix("bytes=100000-") } && !ranges.contains { $0.hasPrefix("bytes=0-") })
  }

  /// The bytes of the earlier run are another's by now: the digest finds it, nobody is blamed, and all comes again.
  @Test func alteredBytesOfAnEarlierRunAreFound() async throws {
    try await breakOff()
    let path = scene.partial(manifest) + "/dir/weights.gguf"
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    try handle.seek(toOffset: 5)
    try handle.write(contentsOf: Data([weights[5] ^ 1]))
    try handle.close()
    let report = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["dir/weights.gguf": weights])
    guard case .digest(_, _, isSole: false)? = report.alerts.first?.fault, report.alerts.count == 1 else {
      Issue.record("\(report.alerts)")
      return
    }
  }

  @Test func aForgedJournalWastesTimeAndNothingElse() async throws {
    try await breakOff()
    let journal = PartialJournal.Record.held(file: 0, 0..<Scene.size).line(manifest: manifest.digest)
    let path = ModelStore(root: scene.store).journalPath(of: manifest.digest)
    let text = PartialJournal(manifest: manifest.digest).header + journal
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    let report = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["dir/weights.gguf": weights])
    #expect(report.alerts.count == 1 && report.files.first?.resumedBytes == Scene.size)
  }

  @Test func withoutAJournalAllIsFetched() async throws {
    try await breakOff()
    try FileManager.default.removeItem(atPath: ModelStore(root: scene.store).journalPath(of: manifest.digest))
    let report = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["dir/weights.gguf": weights])
    #expect(report.files.first?.resumedBytes == 0)
  }

  /// Links, FIFOs, strangers and files of another length in the partial are not what an earlier run left.
  @Test func whatDoesNotBelongThereGoes() async throws {
    try await breakOff()
    let root = scene.partial(manifest)
    let outside = try scene.scratch.write([1, 2, 3], to: "outside")
    try FileManager.default.removeItem(atPath: root + "/dir/weights.gguf")
    try FileManager.default.createSymbolicLink(atPath: root + "/dir/weights.gguf", withDestinationPath: outside)
    try FileManager.default.createDirectory(atPath: root + "/stranger/inside", withIntermediateDirectories: true)
    #expect(mkfifo(root + "/dir/fifo", 0o600) == 0)
    try FileManager.default.createSymbolicLink(atPath: root + "/link", withDestinationPath: scene.scratch.path)
    _ = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["dir/weights.gguf": weights])
    #expect(try scene.scratch.read("outside") == [1, 2, 3])
  }

  @Test func aSecondNameOfThePartialIsNotWrittenTo() async throws {
    try await breakOff()
    let path = scene.partial(manifest) + "/dir/weights.gguf"
    #expect(link(path, scene.scratch.file("second-name")) == 0)
    let before = try scene.scratch.read("second-name")
    _ = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["dir/weights.gguf": weights])
    #expect(try scene.scratch.read("second-name") == before)
  }

  @Test func aFIFOInTheFilesPlaceHoldsNothingUp() async throws {
    try await breakOff()
    let path = scene.partial(manifest) + "/dir/weights.gguf"
    try FileManager.default.removeItem(atPath: path)
    #expect(mkfifo(path, 0o600) == 0)
    _ = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["dir/weights.gguf": weights])
  }
}
