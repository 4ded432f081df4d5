import CanonicalJSON
import Cryptography
import Foundation
import HTTPClient
import Models
import Synchronization
import TestSupport
import Testing

@testable import Runners

/// A supervisor with a store of models, in a directory of its own; everything that it started is gone at the end.
final class RunnerBox: Sendable {
  /// Containers need root, and the roots that set-up builds.
  static let runtime = Subprocess.find("/usr/sbin/runc", "/usr/bin/runc") != nil && geteuid() == 0
  static let absence: Comment = "needs root and runc: scripts/setup test"
  static let llamaRoot = Vectors.packageRoot + "/.build/runners/llama-cpp"
  static let speechRoot = Vectors.packageRoot + "/.build/runners/espeak-ng"
  static let models = Vectors.packageRoot + "/.build/models"
  static let hasLlama = runtime && has(llamaRoot + "/runner.json") && has(models + "/.stamp")
  static let hasSpeech = runtime && has(speechRoot + "/runner.json")
  static let rootsAbsence: Comment =
    "needs root, runc, and what scripts/setup test makes in .build/runners and .build/models"

  static func has(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  let directory: TemporaryDirectory
  let store: ModelStore
  let configuration: RunnerSupervisor.Configuration
  let supervisor: RunnerSupervisor
  let client = HTTPClient()
  /// Products of this build.
  static let products = Vectors.packageRoot + "/.build/debug"

  init(_ change: (inout RunnerSupervisor.Configuration) -> Void = { _ in }) throws {
    directory = try TemporaryDirectory()
    for name in ["store", "adapters"] {
      try FileManager.default.createDirectory(atPath: directory.file(name), withIntermediateDirectories: true)
    }
    try FileManager.default.copyItem(
      atPath: Self.products + "/safebox-adapter", toPath: directory.file("adapters/safebox-adapter"))
    try FileManager.default.copyItem(
      atPath: Self.products + "/HostileRunner", toPath: directory.file("adapters/hostile-runner"))
    store = ModelStore(root: directory.file("store"))
    var configuration = RunnerSupervisor.Configuration(
      directory: directory.file("run"), adapters: directory.file("adapters"))
    configuration.restarts.firstDelay = .milliseconds(10)
    change(&configuration)
    let alarms = AlarmSink()
    configuration.alarm = { alarms.take($0) }
    self.configuration = configuration
    sink = alarms
    supervisor = try RunnerSupervisor(configuration)
  }

  private let sink: AlarmSink
  var alarms: [RunnerAlarm] { sink.all }

  /// Runs a test and takes everything down, however it ends.
  static func with(
    _ change: (inout RunnerSupervisor.Configuration) -> Void = { _ in }, _ body: (RunnerBox) async throws -> Void
  ) async throws {
    let box = try RunnerBox(change)
    do {
      try await body(box)
    } catch {
      await box.supervisor.shutDown()
      throw error
    }
    await box.supervisor.shutDown()
  }

  /// Installs the files of a directory as a model.
  func install(
    _ source: String, name: String, type: String, root: SHA256Digest,
    arguments: [String: RunnerRequirement.Value] = [:], protocols: [ModelProtocol], resources: ModelResources? = nil
  ) throws -> ModelManifest {
    let description = ModelDescription(
      name: name, version: "1", license: "test", runnerType: type, protocols: protocols,
      runner: RunnerRequirement(digest: root, arguments: arguments), resources: resources)
    let manifest = try ManifestBuilder(description).build(directory: source).manifest
    let partial = try store.partial(for: manifest.digest)
    for file in manifest.files {
      let target = partial + "/" + file.path
      try FileManager.default.createDirectory(
        atPath: (target as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: source + "/" + file.path, toPath: target)
    }
    try FileManager.default.createDirectory(
      atPath: (store.manifestPath(of: manifest.digest) as NSString).deletingLastPathComponent,
      withIntermediateDirectories: true)
    try store.commit(manifest)
    return manifest
  }

  func order(
    _ name: String, _ manifest: ModelManifest, root: String, isolation: RunnerIsolation = .runc
  ) throws -> RunnerSupervisor.Order {
    let store = store
    let digest = try #require(manifest.runner?.digest)
    return RunnerSupervisor.Order(
      name: name, manifest: manifest, root: root, rootDigest: digest, isolation: isolation,
      verify: { try store.verify(manifest.digest, reading: .everyByte) })
  }

  /// A llama.cpp runner's order for one of the two test models.
  func llama(
    _ name: String, model: String, protocols: [ModelProtocol], arguments: [String: RunnerRequirement.Value] = [:],
    isolation: RunnerIsolation = .runc
  ) throws -> RunnerSupervisor.Order {
    let root = try Roots.digest(of: Self.llamaRoot)
    let manifest = try install(
      Self.models + "/" + model, name: model, type: "llama-cpp", root: root,
      arguments: arguments.merging(["context": .integer(512), "threads": .integer(2)]) { old, _ in old },
      protocols: protocols,
      resources: ModelResources(memoryBytes: 1 << 30, cpus: 2, pids: 128))
    return try order(name, manifest, root: Self.llamaRoot, isolation: isolation)
  }

  /// A root with nothing in it but the places for mounts, whose runner is the hostile program.
  func hostile(
    _ name: String, memoryBytes: Int64 = 256 << 20, pids: Int64 = 64, weights: String = "weights of \(UUID())",
    isolation: RunnerIsolation = .runc, extra: [String] = []
  ) throws -> RunnerSupervisor.Order {
    let root = directory.file("root-" + name)
    for place in ["proc", "dev", "tmp", "etc", "model", "adapter", "cache", "run/safebox"] + extra {
      try FileManager.default.createDirectory(atPath: root + "/rootfs/" + place, withIntermediateDirectories: true)
    }
    let definition: JSON = [
      "type": "hostile", "description": "tries to get out", "protocols": ["chat"], "adapter": "hostile-runner",
      "command": ["/adapter/hostile-runner", "{socket}"], "writable": ["/tmp": 1_048_576], "health": "/health",
      "startSeconds": 60,
    ]
    try Data(definition.canonicalBytes()).write(to: URL(fileURLWithPath: root + "/runner.json"))
    let source = directory.file("source-" + name)
    try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
    try Data(weights.utf8).write(to: URL(fileURLWithPath: source + "/weights.bin"))
    let manifest = try install(
      source, name: "hostile", type: "hostile", root: RunnerRoot(opening: root).digest, protocols: [.chat],
      resources: ModelResources(memoryBytes: memoryBytes, cpus: 1, pids: pids))
    return try order(name, manifest, root: root, isolation: isolation)
  }

  /// Asks a runner; `body` makes it a POST.
  func ask(_ status: RunnerStatus, _ path: String, _ body: JSON? = nil) async throws -> HTTPClientResponse {
    let request = HTTPClientRequest(
      method: body == nil ? "GET" : "POST", url: "http://runner\(path)",
      headers: body == nil ? [] : [HTTPClientHeader("content-type", "application/json")],
      body: body?.canonicalBytes() ?? [], deadline: .seconds(60),
      maxResponseBytes: 64 << 20, unixSocketPath: status.socket, mayRepeat: false)
    return try await client.send(request, policy: RunnerProbe.policy(for: status.socket))
  }

  /// What the hostile program found: an errno, or a number, for each name.
  func report(_ status: RunnerStatus, _ path: String = "/report") async throws -> [String: Int] {
    let text = String(decoding: try await ask(status, path).body, as: UTF8.self)
    var found: [String: Int] = [:]
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ")
      found[String(fields[0])] = Int(fields[1])
    }
    return found
  }

  /// Waits until a runner's status is as wanted; gives up after a minute.
  func wait(_ name: String, until: (RunnerStatus) -> Bool) async throws -> RunnerStatus {
    for _ in 0..<3000 {
      let status = try await supervisor.status(of: name)
      if until(status) { return status }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw Late(last: "\(try await supervisor.status(of: name))")
  }

  struct Late: Error { let last: String }
}

/// The digests of the built roots, read once.
enum Roots {
  private static let known = Mutex<[String: SHA256Digest]>([:])

  static func digest(of root: String) throws -> SHA256Digest {
    if let digest = known.withLock({ $0[root] }) { return digest }
    let digest = try RunnerRoot(opening: root).digest
    known.withLock { $0[root] = digest }
    return digest
  }
}

private final class AlarmSink: Sendable {
  private let heard = Mutex<[RunnerAlarm]>([])
  func take(_ alarm: RunnerAlarm) { heard.withLock { $0.append(alarm) } }
  var all: [RunnerAlarm] { heard.withLock { $0 } }
}
