import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Models

/// Small models, and the places where they lie.
enum Fixture {
  static let contents: [(path: String, bytes: [UInt8])] = [
    ("config.json", Array(#"{"hidden":384}"#.utf8)),
    // Several blocks of fs-verity, and not a whole number of them.
    ("weights/model-1.gguf", (0..<20_001).map { UInt8(truncatingIfNeeded: $0 &* 7) }),
    ("weights/deep/model-2.gguf", Array(repeating: 0xA5, count: 9_000)),
  ]

  static func description(name: String = "tiny") -> ModelDescription {
    ModelDescription(name: name, version: "1.0", license: "MIT", runnerType: "llama-cpp")
  }

  static func file(_ path: String, _ bytes: [UInt8]) throws -> ModelFile {
    ModelFile(
      path: path, sizeBytes: Int64(bytes.count), sha256: SHA256.hash(bytes),
      sources: [try ModelSource(parsing: "https://models.example/\(path)")])
  }

  static func manifest(name: String = "tiny") throws -> ModelManifest {
    try ModelManifest(description(name: name), files: contents.map { try file($0.path, $0.bytes) })
  }

  static func write(into directory: String) throws {
    for (path, bytes) in contents { try write(bytes, to: directory + "/" + path) }
  }

  static func write(_ bytes: [UInt8], to path: String) throws {
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  /// The document of the smallest manifest, to be altered.
  static func json() throws -> JSONObject {
    [
      "name": "tiny", "version": "1.0", "license": "MIT", "runnerType": "llama-cpp", "totalSizeBytes": 14,
      "files": [fileJSON("config.json", 14)],
    ]
  }

  static func fileJSON(_ path: String, _ size: Int64, sources: JSON = ["https://models.example/f"]) -> JSON {
    [
      "path": .string(path), "sizeBytes": .integer(size), "sha256": .string(String(repeating: "0a", count: 32)),
      "sources": sources,
    ]
  }
}

/// A store in a directory of its own, with the small model in it where that is asked for.
final class Depot: Sendable {
  let directory: TemporaryDirectory
  let store: ModelStore
  let manifest: ModelManifest

  init(
    installed: Bool = false, verity: FileVerity = .kernel, at root: String? = nil,
    afterStep: @escaping @Sendable (CommitStep) throws(ModelFault) -> Void = { (_) throws(ModelFault) in }
  ) throws {
    directory = try TemporaryDirectory()
    store = ModelStore(root: root ?? directory.path, verity: verity, afterStep: afterStep)
    manifest = try Fixture.manifest()
    if installed {
      try fetch()
      try store.commit(manifest)
    }
  }

  deinit {
    // Sealed directories let nobody but root remove what is in them.
    if getuid() != 0 { _ = try? Subprocess.run("/bin/chmod", ["-R", "u+w", directory.path]) }
  }

  /// What an acquisition would have done.
  func fetch() throws { try Fixture.write(into: try store.partial(for: manifest.digest)) }

  /// A path in the installed model.
  func path(_ name: String) -> String { store.path(of: manifest.digest) + "/" + name }

  /// Lets the owner write to a directory for as long as something is done there, as an intruder with its rights would.
  func breakIn(_ name: String = "", _ work: () throws -> Void) throws {
    let target = name.isEmpty ? store.path(of: manifest.digest) : path(name)
    #expect(chmod(target, 0o755) == 0)
    try work()
    #expect(chmod(target, 0o555) == 0)
  }

  /// The fault of verifying the model.
  func fault(reading: ModelStore.Reading = .everyByte) -> ModelFault? {
    do throws(ModelFault) {
      _ = try store.verify(manifest.digest, reading: reading)
      return nil
    } catch {
      return error
    }
  }
}

/// What a call throws, as the type that it promises to throw.
func fault<Failure: Error>(_ work: () throws(Failure) -> Void) -> Failure? {
  do throws(Failure) {
    try work()
    return nil
  } catch {
    return error
  }
}

/// Throws what a system call failed with.
func succeed(_ result: Int32) throws {
  guard result == 0 else { throw SystemCallFault(call: "test", path: "", errno: errno) }
}
