import Foundation
import HTTPClient
import Models
import TestSupport
import Testing

@testable import Acquisition

/// A file system of a few MiB that really is full.
@Suite(
  .enabled(if: SmallDisk.isPossible, "mounting a small file system needs root and mount"),
  .enabled(if: Nginx.isInstalled, Nginx.absence), .timeLimit(.minutes(5)))
struct SpaceTests {
  private let files = ["a.bin": Content.bytes(1_500_000, seed: 61), "b.bin": Content.bytes(1_500_000, seed: 62)]
  private let nginx: Nginx
  private let manifest: ModelManifest

  init() throws {
    let nginx = try Nginx(files)
    manifest = try Scene.manifest(files.sorted { $0.key < $1.key }.map { ($0.key, $0.value, [nginx.url($0.key)]) })
    self.nginx = nginx
  }

  private func acquisition(_ disk: SmallDisk) -> ModelAcquisition {
    ModelAcquisition(
      store: ModelStore(root: disk.path), client: HTTPClient(), configuration: Scene.configuration(ports: [nginx.port]))
  }

  private func leftovers(_ disk: SmallDisk) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: disk.path + "/models").filter {
      $0 != ".partial" && !$0.hasSuffix(".lock")
    }
  }

  @Test func tooLittleRoomIsSeenBeforeAnythingIsFetched() async throws {
    let disk = try SmallDisk(bytes: 2 << 20)
    let pieces = Tally()
    var acquisition = acquisition(disk)
    acquisition.reached = { if $0 == .pieceBegun { pieces.count() } }
    do throws(AcquisitionFault) {
      _ = try await acquisition.acquire(manifest)
      Issue.record("3 MB fit into 2 MiB")
    } catch {
      guard case .outOfSpace(file: "b.bin", needed: 1_500_000, available: .some) = error else {
        Issue.record("\(error)")
        return
      }
    }
    #expect(pieces.value == 0)
    #expect(try leftovers(disk) == [])
  }

  /// Somebody else fills the disk at one step after another. Either there was room already, or the fault names a file and
  /// nothing half-done remains; with the room back, it succeeds.
  @Test(arguments: AcquisitionStep.allCases.filter { $0 != .committed }) func aDiskThatFillsUp(
    at step: AcquisitionStep
  ) async throws {
    let disk = try SmallDisk(bytes: 4 << 20)
    var acquisition = acquisition(disk)
    let reached = Tally()
    acquisition.reached = {
      guard $0 == step else { return }
      if reached.value == 0 { disk.fill() }
      reached.count()
    }
    do throws(AcquisitionFault) {
      _ = try await acquisition.acquire(manifest)
    } catch {
      guard case .outOfSpace(let file, _, _) = error else {
        Issue.record("\(step): \(error)")
        return
      }
      #expect(!file.isEmpty)
      #expect(try leftovers(disk) == [], "\(step)")
    }
    #expect(reached.value > 0, "\(step) was not reached")
    disk.empty()
    _ = try await self.acquisition(disk).acquire(manifest)
    #expect(throws: Never.self) { try ModelStore(root: disk.path).verify(manifest.digest) }
  }
}

/// A tmpfs of its own size; unmounted when forgotten.
final class SmallDisk: Sendable {
  let path: String
  private let scratch: TemporaryDirectory

  static let isPossible: Bool = {
    guard let disk = try? SmallDisk(bytes: 1 << 20) else { return false }
    return FileManager.default.isWritableFile(atPath: disk.path)
  }()

  init(bytes: Int) throws {
    scratch = try TemporaryDirectory()
    path = scratch.file("disk")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    guard geteuid() == 0, mount("tmpfs", path, "tmpfs", 0, "size=\(bytes),mode=0755") == 0 else {
      throw POSIXError(.EPERM)
    }
  }

  deinit { umount2(path, Int32(MNT_DETACH)) }

  private var filler: String { path + "/filler" }

  /// Takes all the room that is left.
  func fill() {
    let file = open(filler, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    defer { close(file) }
    let block = [UInt8](repeating: 1, count: 4096)
    while write(file, block, block.count) > 0 {}
  }

  /// Gives the room back, also while a process that another test is starting has the file open.
  func empty() {
    truncate(filler, 0)
    unlink(filler)
  }
}
