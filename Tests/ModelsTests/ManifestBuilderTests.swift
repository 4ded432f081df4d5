import CanonicalJSON
import Cryptography
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Models

@Suite struct ManifestBuilderTests {
  private let builder = ManifestBuilder(Fixture.description())

  private func refusal(
    excluding: Set<String> = [], _ prepare: (String) throws -> Void
  ) throws -> ManifestBuildFault? {
    let directory = try TemporaryDirectory()
    try Fixture.write(into: directory.path)
    try prepare(directory.path)
    return fault { () throws(ManifestBuildFault) in
      _ = try builder.build(directory: directory.path, excluding: excluding)
    }
  }

  @Test func aDirectoryIsListedWithSizesDigestsAndSources() throws {
    let directory = try TemporaryDirectory()
    try Fixture.write(into: directory.path)
    let manifest = try builder.build(directory: directory.path).manifest
    #expect(manifest.files.map(\.path) == ["config.json", "weights/deep/model-2.gguf", "weights/model-1.gguf"])
    for (path, bytes) in Fixture.contents {
      let file = try #require(manifest.file(at: path))
      #expect(file.sizeBytes == Int64(bytes.count))
      #expect(file.sha256 == SHA256.hash(bytes))
      guard case .file(let source, _)? = file.sources.first else { return #expect(Bool(false), "\(file.sources)") }
      #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: source))) == bytes)
    }
    #expect(manifest.totalSizeBytes == Int64(Fixture.contents.reduce(0) { $0 + $1.bytes.count }))
    // The manifest of a directory depends on nothing but its files.
    let again = try builder.build(directory: directory.path + "/../" + (directory.path as NSString).lastPathComponent)
    #expect(again.manifest == manifest)
  }

  @Test func sourcesAreBasesWithThePathAdded() throws {
    let directory = try TemporaryDirectory()
    try Fixture.write([1], to: directory.file("a/b.gguf"))
    let manifest = try builder.build(
      directory: directory.path,
      sources: ["hf://acme/tiny@0123", "https://mirror.example/m/", "s3://weights/tiny?region=eu-central-1"]
    ).manifest
    #expect(
      manifest.files[0].sources.map(\.text) == [
        "hf://acme/tiny@0123/a/b.gguf", "https://mirror.example/m/a/b.gguf",
        "s3://weights/tiny/a/b.gguf?region=eu-central-1",
      ])
    let error = fault { () throws(ManifestBuildFault) in
      _ = try builder.build(directory: directory.path, sources: ["https://user:secret@h"])
    }
    guard case .field(let field)? = error else { return #expect(Bool(false), "\(String(describing: error))") }
    #expect(field.field == "sources")
  }

  @Test func aDirectoryWithAnUnusualNameIsItsOwnSource() throws {
    let directory = try TemporaryDirectory()
    let odd = directory.file("ü b%20?#")
    try Fixture.write([7], to: odd + "/x")
    let manifest = try builder.build(directory: odd).manifest
    guard case .file(let path, _)? = manifest.files[0].sources.first else { return #expect(Bool(false)) }
    #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) == [7])
  }

  @Test func whatAManifestCannotCarryIsRefused() throws {
    #expect(
      try refusal { try succeed(symlink("config.json", $0 + "/link")) }
        == .notRegular(path: "link", kind: "a symbolic link"))
    #expect(
      try refusal { try succeed(symlink("weights", $0 + "/more")) }
        == .notRegular(path: "more", kind: "a symbolic link"))
    #expect(try refusal { try succeed(mkfifo($0 + "/pipe", 0o644)) } == .notRegular(path: "pipe", kind: "a FIFO"))
    #expect(
      try refusal { try succeed(link($0 + "/config.json", $0 + "/weights/same")) }
        == .linked(path: "config.json", links: 2))
    #expect(try refusal { try Fixture.write([], to: $0 + "/empty") } == .emptyFile(path: "empty"))
    #expect(try refusal { try succeed(mkdir($0 + "/none", 0o755)) } == .emptyDirectory(path: "none"))
    guard case .name("a b", _)? = try refusal({ try Fixture.write([1], to: $0 + "/a b") }) else {
      return #expect(Bool(false))
    }
    guard case .name("ü", _)? = try refusal({ try Fixture.write([1], to: $0 + "/ü/x") }) else {
      return #expect(Bool(false))
    }
    let collision = try refusal { try Fixture.write([1], to: $0 + "/CONFIG.json") }
    guard case .field(let field)? = collision else { return #expect(Bool(false), "\(String(describing: collision))") }
    #expect(field.field.hasSuffix(".path"))
  }

  @Test(.enabled(if: getuid() == 0, "only root can make devices"))
  func devicesAreRefused() throws {
    let error = try refusal { try succeed(mknod($0 + "/null", S_IFCHR | 0o666, 0x103)) }
    #expect(error == .notRegular(path: "null", kind: "a device"))
  }

  @Test func theTopMustBeADirectoryAndNoLink() throws {
    let directory = try TemporaryDirectory()
    try Fixture.write([1], to: directory.file("d/x"))
    try succeed(symlink("d", directory.file("link")))
    for name in ["link", "d/x", "absent"] {
      let error = fault { () throws(ManifestBuildFault) in _ = try builder.build(directory: directory.file(name)) }
      guard case .system? = error else { return #expect(Bool(false), "\(name): \(String(describing: error))") }
    }
  }

  @Test func whatIsExcludedIsNotLookedAt() throws {
    let error = try refusal(excluding: [".cache", "weights/notes"]) {
      try succeed(mkdir($0 + "/.cache", 0o755))
      try succeed(symlink("/etc", $0 + "/weights/notes"))
    }
    #expect(error == nil)
  }

  @Test func countsAreLimited() throws {
    let files = try refusal { directory in
      for index in 0..<ModelManifest.maxFiles { try Fixture.write([1], to: "\(directory)/f\(index)") }
    }
    #expect(files == .tooManyFiles(limit: ModelManifest.maxFiles))
    // Few files at the ends of long chains.
    let directories = try refusal { directory in
      for index in 0...DirectoryScan.maxDirectories / 100 {
        try Fixture.write([1], to: "\(directory)/\(index)" + String(repeating: "/d", count: 100) + "/f")
      }
    }
    #expect(directories == .tooManyDirectories(limit: DirectoryScan.maxDirectories))
  }

  @Test func remoteFilesAreMeasuredAsTheyStream() async throws {
    let good = try ModelSource(parsing: "https://h/good")
    let broken = try ModelSource(parsing: "https://h/broken")
    let asked = Mutex<[String]>([])
    let manifest = try await builder.build(
      files: [
        ManifestBuilder.RemoteFile(path: "a", sources: [good]),
        ManifestBuilder.RemoteFile(path: "b", sources: [broken, good]),
      ]
    ) { source, measure in
      asked.withLock { $0.append(source.text) }
      try measure.append([1, 2])
      if source == broken { throw SystemCallFault(call: "read", path: "b", errno: EIO) }
      try measure.append([3])
    }
    #expect(asked.withLock { $0 } == ["https://h/good", "https://h/broken", "https://h/good"])
    // What a broken source gave is forgotten.
    #expect(manifest.files.map(\.sizeBytes) == [3, 3])
    #expect(manifest.files.map(\.sha256) == [SHA256.hash([1, 2, 3]), SHA256.hash([1, 2, 3])])
    #expect(manifest.files[1].sources == [broken, good])
    do throws(ManifestBuildFault) {
      _ = try await builder.build(files: [ManifestBuilder.RemoteFile(path: "a", sources: [broken])]) { _, _ in
        throw SystemCallFault(call: "connect", path: "h", errno: ECONNREFUSED)
      }
      Issue.record("a manifest of an unreadable file")
    } catch {
      guard case .unreadable("a", let reason) = error else { return #expect(Bool(false), "\(error)") }
      #expect(reason.contains("https://h/broken"))
    }
  }
}
