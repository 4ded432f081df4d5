import Cryptography
import Foundation
import HTTPClient
import Models
import TestSupport
import Testing

@testable import Acquisition

/// The process dies at each step of an acquisition, and at its system calls. Whatever it leaves, no directory is installed that is
/// not the model, and the next attempt ends with exactly the model.
@Suite(.enabled(if: Nginx.isInstalled, Nginx.absence), .timeLimit(.minutes(5)))
struct CrashTests {
  private let files = [
    "weights.safetensors": Content.bytes(900_000, seed: 31), "config/config.json": Content.bytes(3000, seed: 32),
    "small.bin": Content.bytes(150_000, seed: 33),
  ]
  private let nginx: Nginx
  private let manifest: ModelManifest
  private let scratch: TemporaryDirectory
  private let manifestPath: String

  init() throws {
    let nginx = try Nginx(files)
    manifest = try Scene.manifest(files.sorted { $0.key < $1.key }.map { ($0.key, $0.value, [nginx.url($0.key)]) })
    self.nginx = nginx
    scratch = try TemporaryDirectory()
    manifestPath = try scratch.write(manifest.canonicalBytes, to: "manifest.json")
  }

  /// The steps that are reached, each at its first and at a later time.
  private static let points: [(AcquisitionStep, Int)] = AcquisitionStep.allCases.flatMap {
    step -> [(AcquisitionStep, Int)] in
    switch step {
    case .fileOpened, .fileAllocated, .pieceEnded, .checkpointed, .fileVerified, .fileDurable: [(step, 1), (step, 3)]
    case .pieceBegun: [(step, 1), (step, 4)]
    case .bytesArrived: [(step, 1), (step, 20), (step, 50)]
    case .locked, .directoryMade, .journalOpened, .allVerified, .namesDurable, .committed: [(step, 1)]
    }
  }

  @Test func aKillAtEachStepIsMadeGood() async throws {
    try await twoAtATime(Self.points) { step, occurrence in
      let scene = try Scene()
      let arguments = [scene.store, manifestPath, "\(nginx.port)", "kill", step.rawValue, "\(occurrence)"]
      let run = try await onThread { try Subprocess.run(Probe.path, arguments) }
      #expect(run.status == 128 + SIGKILL, "\(step) \(occurrence): \(run.status) \(run.errors)")
      let resumed = try await makeGood(scene, "\(step) \(occurrence)")
      // What was written down before the crash need not come again.
      if [.allVerified, .namesDurable].contains(step) { #expect(resumed == Int(manifest.totalSizeBytes)) }
    }
  }

  /// Calls by which the disk is changed, on every thread, those of the store's commit included.
  private static let calls = [
    "mkdirat", "fallocate", "ftruncate", "pwrite64", "write", "fdatasync", "fsync", "fchmod", "renameat2", "unlinkat",
    "openat",
  ]

  @Test(.enabled(if: Probe.canTrace, Probe.absence)) func aKillAtASystemCallIsMadeGood() async throws {
    let killed = Tally()
    try await twoAtATime(Self.calls.flatMap { call in [1, 2, 4].map { (call, $0) } }) { call, occurrence in
      let scene = try Scene()
      // Only calls on what belongs to the store: the others are not ours.
      let run = try await trace(scene, "\(call):signal=SIGKILL:when=\(occurrence)")
      if run.status == 128 + SIGKILL { killed.count() } else { #expect(run.status == 0, "\(call): \(run.errors)") }
      _ = try await makeGood(scene, "\(call) \(occurrence)")
    }
    // Fewer would mean that the calls are not hit.
    #expect(killed.value > 15, "\(killed.value)")
  }

  @Test(.enabled(if: Probe.canTrace, Probe.absence)) func aFullDiskAtAnyCallLeavesNothing() async throws {
    let refused = Tally()
    let calls = ["mkdirat", "fallocate", "pwrite64", "write", "fdatasync", "fsync", "renameat2"]
    try await twoAtATime(calls.flatMap { call in [1, 2, 4].map { (call, $0) } }) { call, occurrence in
      let scene = try Scene()
      let run = try await trace(scene, "\(call):error=ENOSPC:when=\(occurrence)")
      if run.status == 70 {
        refused.count()
        #expect(run.errors.hasPrefix("no room for "), "\(call) \(occurrence): \(run.errors)")
        #expect(!scene.isInstalled(manifest))
        #expect(try scene.leftovers() == [], "\(call) \(occurrence)")
      } else {
        #expect(run.status == 0, "\(call) \(occurrence): \(run.errors)")
        #expect(try scene.content(manifest) == files)
      }
    }
    #expect(refused.value > 8, "\(refused.value)")
  }

  private func trace(_ scene: Scene, _ injection: String) async throws -> Subprocess.Result {
    let digest = manifest.digest.hex
    let partial = "\(scene.store)/models/.partial/\(digest)"
    let paths =
      [
        scene.store, "\(scene.store)/models", "\(scene.store)/models/.partial", partial,
        "\(scene.store)/models/\(digest)",
        "\(scene.store)/manifests", "\(scene.store)/seals", "\(partial).journal", "\(partial)/config",
      ] + files.keys.map { "\(partial)/\($0)" }
    let call = injection.prefix { $0 != ":" }
    // "none": the probe is not to stop by itself.
    let arguments =
      ["-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-e", "trace=\(call)"] + paths.flatMap { ["-P", $0] }
      + ["-e", "inject=\(injection)", Probe.path, scene.store, manifestPath, "\(nginx.port)", "none", "-", "0"]
    return try await onThread { try Subprocess.run(#require(Probe.strace), arguments) }
  }

  /// What is there is the model or nothing, and after the next attempt it is the model.
  ///
  /// - Returns: Bytes that need not be fetched again; nil when it was installed.
  private func makeGood(_ scene: Scene, _ point: String) async throws -> Int? {
    if scene.isInstalled(manifest) { #expect(try scene.content(manifest) == files, "\(point): half-installed") }
    let report = try await scene.acquire(manifest, Scene.configuration(ports: [nginx.port]))
    #expect(try scene.content(manifest) == files, "\(point)")
    #expect(report.alerts == [], "\(point)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: scene.store + "/models/.partial") == [], "\(point)")
    #expect(throws: Never.self, "\(point)") { try ModelStore(root: scene.store).verify(manifest.digest) }
    return report.wasInstalled ? nil : report.files.reduce(0) { $0 + $1.resumedBytes }
  }

  // The machine is shared.
  private func twoAtATime<Item: Sendable>(
    _ items: [Item], _ check: @escaping @Sendable (Item) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      var waiting = items.makeIterator()
      for _ in 0..<2 { if let item = waiting.next() { group.addTask { try await check(item) } } }
      while try await group.next() != nil {
        if let item = waiting.next() { group.addTask { try await check(item) } }
      }
    }
  }
}
