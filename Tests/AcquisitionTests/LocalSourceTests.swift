import Cryptography
import Foundation
import Models
import TestSupport
import Testing

@testable import Acquisition

struct LocalSourceTests {
  private let scene: Scene
  private let mirror: String
  private let weights = Content.bytes(3_000_000, seed: 51)
  private var configuration: AcquisitionConfiguration

  init() throws {
    scene = try Scene()
    try scene.scratch.write(weights, to: "mirror/model/weights.gguf")
    mirror = scene.scratch.file("mirror")
    configuration = Scene.configuration()
    configuration.localRoots = [mirror]
  }

  private func manifest(_ paths: String...) throws -> ModelManifest {
    try Scene.manifest([("weights.gguf", weights, paths.map { "file://" + $0 })])
  }

  private func fault(_ path: String) async throws -> SourceFault? {
    let manifest = try manifest(path)
    guard case .sourcesExhausted(_, let attempts) = await scene.fault(manifest, configuration) else { return nil }
    #expect(attempts.count == 1 && !scene.isInstalled(manifest))
    return attempts.first?.fault
  }

  @Test func aLocalFileIsCopiedAndHashed() async throws {
    let manifest = try manifest(mirror + "/model/weights.gguf")
    _ = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["weights.gguf": weights])
    // A copy, not a second name: whoever owns the mirror cannot alter it.
    let attributes = try FileManager.default.attributesOfItem(atPath: scene.installed(manifest) + "/weights.gguf")
    #expect(attributes[.referenceCount] as? Int == 1)
  }

  @Test func anAlteredLocalFileIsAMismatchAndTheNextServes() async throws {
    var altered = weights
    altered[weights.count / 2] ^= 1
    try scene.scratch.write(altered, to: "mirror/altered")
    let manifest = try manifest(mirror + "/altered", mirror + "/model/weights.gguf")
    let report = try await scene.acquire(manifest, configuration)
    #expect(try scene.content(manifest) == ["weights.gguf": weights])
    guard case .digest(_, _, isSole: true)? = report.alerts.first?.fault else {
      Issue.record("\(report.alerts)")
      return
    }
  }

  @Test func onlyTheOperatorsDirectoriesAreRead() async throws {
    try scene.scratch.write(weights, to: "mirror-of-another/weights.gguf")
    for path in [scene.scratch.file("mirror-of-another/weights.gguf"), "/etc/passwd", mirror] {
      guard case .notAllowed? = try await fault(path) else {
        Issue.record("\(path) was read")
        continue
      }
    }
    var nothing = configuration
    nothing.localRoots = []
    guard
      case .sourcesExhausted(_, let attempts) = await scene.fault(
        try manifest(mirror + "/model/weights.gguf"), nothing), case .notAllowed? = attempts.first?.fault
    else {
      Issue.record("no directory is allowed")
      return
    }
  }

  @Test func noLinkLeadsOut() async throws {
    let outside = try scene.scratch.write(weights, to: "outside/weights.gguf")
    try FileManager.default.createSymbolicLink(atPath: mirror + "/link", withDestinationPath: outside)
    try FileManager.default.createSymbolicLink(
      atPath: mirror + "/directory", withDestinationPath: scene.scratch.file("outside"))
    for path in [mirror + "/link", mirror + "/directory/weights.gguf"] {
      guard case .local(let fault)? = try await fault(path) else {
        Issue.record("\(path) was followed")
        continue
      }
      #expect([ELOOP, ENOTDIR].contains(fault.errno))
    }
  }

  @Test func onlyRegularFilesOfTheRightSizeAreTaken() async throws {
    #expect(mkfifo(mirror + "/fifo", 0o600) == 0)
    #expect(try await fault(mirror + "/fifo") == .notRegular(mirror + "/fifo"))
    #expect(try await fault(mirror + "/model") == .notRegular(mirror + "/model"))
    try scene.scratch.write(weights + [0], to: "mirror/longer")
    #expect(try await fault(mirror + "/longer") == .length(expected: weights.count, actual: weights.count + 1))
    guard case .local(let missing)? = try await fault(mirror + "/missing") else {
      Issue.record("it is not there")
      return
    }
    #expect(missing.errno == ENOENT)
  }
}
