import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Models

/// What an intruder with the rights of the store's owner can do to an installed model, and what verification says to it.
@Suite struct ModelVerificationTests {
  private func overwrite(_ path: String, at offset: off_t, with bytes: [UInt8]) throws {
    try #require(chmod(path, 0o644) == 0)
    let file = open(path, O_WRONLY | O_CLOEXEC)
    try #require(file >= 0)
    defer { close(file) }
    try #require(pwrite(file, bytes, bytes.count, offset) == bytes.count)
    try #require(chmod(path, 0o444) == 0)
  }

  @Test func aSoundModelIsHeldByItsDescriptors() throws {
    let depot = try Depot(installed: true)
    let model = try depot.store.verify(depot.manifest.digest)
    #expect(model.files.map(\.path) == depot.manifest.files.map(\.path))
    #expect(model.manifest == depot.manifest)
    for (file, content) in zip(model.files, Fixture.contents) {
      var bytes = [UInt8](repeating: 0, count: content.bytes.count + 1)
      let count = bytes.count
      #expect(read(file.descriptor, &bytes, count) == content.bytes.count, "reading does not begin at 0")
      #expect(bytes.dropLast() == content.bytes[...])
      #expect(write(file.descriptor, bytes, 1) < 0)
      #expect(fcntl(file.descriptor, F_GETFD) & FD_CLOEXEC != 0)
      #expect(file.size == Int64(content.bytes.count))
      #expect(file.sha256 == SHA256.hash(content.bytes))
    }
    #expect(model.file(at: "config.json")?.path == "config.json")
    #expect(model.file(at: "other") == nil)
    try model.confirm()
  }

  @Test func theDescriptorsAreClosedWithTheModel() throws {
    let depot = try Depot(installed: true)
    var model: VerifiedModel? = try depot.store.verify(depot.manifest.digest)
    let descriptor = try #require(model?.files.first?.descriptor)
    let path = "/proc/self/fd/\(descriptor)"
    let target = try FileManager.default.destinationOfSymbolicLink(atPath: path)
    #expect(target == depot.path("config.json"))
    model = nil
    // The number may be another test's by now.
    let now = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
    #expect(now != target)
  }

  @Test func aFlippedBitIsFound() throws {
    let depot = try Depot(installed: true)
    try overwrite(depot.path("weights/model-1.gguf"), at: 20_000, with: [Fixture.contents[1].bytes[20_000] ^ 1])
    guard case .digest(let path, let expected, let actual)? = depot.fault() else {
      return #expect(Bool(false), "\(String(describing: depot.fault()))")
    }
    #expect(path == "weights/model-1.gguf")
    #expect(expected == depot.manifest.files[1].sha256)
    #expect(actual != expected)
  }

  @Test func aTruncatedAndALongerFileAreFound() throws {
    let depot = try Depot(installed: true)
    let path = depot.path("weights/model-1.gguf")
    #expect(chmod(path, 0o644) == 0 && truncate(path, 20_000) == 0 && chmod(path, 0o444) == 0)
    #expect(depot.fault() == .size(path: "weights/model-1.gguf", expected: 20_001, actual: 20_000))
    #expect(chmod(path, 0o644) == 0 && truncate(path, 20_002) == 0 && chmod(path, 0o444) == 0)
    #expect(depot.fault() == .size(path: "weights/model-1.gguf", expected: 20_001, actual: 20_002))
  }

  @Test(arguments: ["extra.bin", ".hidden", "weights/.cache", "weights/deep/x"])
  func anExtraFileIsFound(_ name: String) throws {
    let depot = try Depot(installed: true)
    try depot.breakIn((name as NSString).deletingLastPathComponent) { try Fixture.write([1], to: depot.path(name)) }
    #expect(depot.fault() == .unexpected(path: name, kind: "a regular file"))
  }

  @Test func extraDirectoriesLinksAndFIFOsAreFound() throws {
    let makers: [(String, (String) -> Int32)] = [
      ("a directory", { mkdir($0, 0o555) }), ("a symbolic link", { symlink("/etc/passwd", $0) }),
      ("a FIFO", { mkfifo($0, 0o444) }),
    ]
    for (kind, make) in makers {
      let depot = try Depot(installed: true)
      try depot.breakIn("weights") { #expect(make(depot.path("weights/x")) == 0) }
      #expect(depot.fault() == .unexpected(path: "weights/x", kind: kind))
    }
  }

  @Test func aNameThatIsNoUTF8IsFoundAndCanBeRemoved() throws {
    let depot = try Depot(installed: true)
    try depot.breakIn {
      let name: [CChar] = Array(depot.path("x").utf8CString.dropLast()) + [-1, 0]
      #expect(mkdir(name, 0o755) == 0)
    }
    #expect(depot.fault() == .unexpected(path: "x\u{FFFD}", kind: "a name"))
    try depot.store.remove(depot.manifest.digest)
    #expect(try FileManager.default.contentsOfDirectory(atPath: depot.store.root + "/models/.partial") == [])
  }

  @Test func aMissingFileAndDirectoryAreFound() throws {
    let depot = try Depot(installed: true)
    try depot.breakIn { #expect(unlink(depot.path("config.json")) == 0) }
    #expect(depot.fault() == .missing(path: "config.json"))
    let other = try Depot(installed: true)
    try other.breakIn { #expect(rename(other.path("weights"), other.store.root + "/weights") == 0) }
    #expect(other.fault() == .missing(path: "weights"))
  }

  @Test func whatIsNoFileIsNotRead() throws {
    let makers: [(String, (String) -> Int32)] = [
      ("a symbolic link", { symlink("../config.json", $0) }), ("a FIFO", { mkfifo($0, 0o444) }),
      ("a directory", { mkdir($0, 0o555) }),
    ]
    for (kind, make) in makers {
      let depot = try Depot(installed: true)
      let path = depot.path("config.json")
      try depot.breakIn {
        #expect(rename(path, depot.store.root + "/config.json") == 0)
        #expect(make(path) == 0)
      }
      #expect(depot.fault() == .wrongKind(path: "config.json", expected: "a regular file", actual: kind))
    }
  }

  @Test func aDirectoryBehindALinkIsNotEntered() throws {
    let depot = try Depot(installed: true)
    let outside = depot.store.root + "/weights"
    try depot.breakIn {
      #expect(rename(depot.path("weights"), outside) == 0)
      #expect(symlink(outside, depot.path("weights")) == 0)
    }
    #expect(depot.fault() == .wrongKind(path: "weights", expected: "a directory", actual: "a symbolic link"))
  }

  @Test func aModelBehindALinkIsNotInstalled() throws {
    let depot = try Depot(installed: true)
    let path = depot.store.path(of: depot.manifest.digest)
    #expect(chmod(path, 0o755) == 0)
    #expect(rename(path, path + "x") == 0)
    #expect(symlink(path + "x", path) == 0)
    #expect(depot.fault() == .notInstalled(depot.manifest.digest))
  }

  @Test func aRenamedDirectoryIsNoOtherModel() throws {
    let depot = try Depot(installed: true)
    let other = try Fixture.manifest(name: "other")
    let files = [try Fixture.file("config.json", Array(#"{"hidden":768}"#.utf8))] + other.files.dropFirst()
    let changed = try ModelManifest(Fixture.description(name: "other"), files: files)
    for manifest in [other, changed] {
      try Fixture.write(manifest.canonicalBytes, to: depot.store.manifestPath(of: manifest.digest))
    }
    let path = depot.store.path(of: depot.manifest.digest)
    #expect(chmod(path, 0o755) == 0)
    #expect(rename(path, depot.store.path(of: changed.digest)) == 0)
    let error = fault { () throws(ModelFault) in _ = try depot.store.verify(changed.digest) }
    #expect(error?.code == "digest")
    #expect(depot.fault() == .notInstalled(depot.manifest.digest))
    // Another name for the same bytes is another approval, and here the bytes are right.
    #expect(rename(depot.store.path(of: changed.digest), depot.store.path(of: other.digest)) == 0)
    #expect(try depot.store.verify(other.digest).manifest.name == "other")
  }

  @Test func aSecondNameOfAFileIsFound() throws {
    let depot = try Depot(installed: true)
    #expect(link(depot.path("config.json"), depot.store.root + "/outside") == 0)
    #expect(depot.fault() == .linked(path: "config.json", links: 2))
  }

  @Test(arguments: [0o644, 0o464, 0o446, 0o555, 0o4444, 0o400] as [mode_t])
  func fileRightsOtherThanReadingAreFound(_ mode: mode_t) throws {
    let depot = try Depot(installed: true)
    #expect(chmod(depot.path("config.json"), mode) == 0)
    #expect(
      depot.fault() == .mode(path: "config.json", expected: "0444", actual: "0" + String(mode, radix: 8)))
  }

  @Test func directoryRightsAreChecked() throws {
    let depot = try Depot(installed: true)
    #expect(chmod(depot.path("weights"), 0o755) == 0)
    #expect(depot.fault() == .mode(path: "weights", expected: "0555", actual: "0755"))
    #expect(chmod(depot.path("weights"), 0o555) == 0)
    let top = depot.store.path(of: depot.manifest.digest)
    #expect(chmod(top, 0o775) == 0)
    #expect(depot.fault() == .mode(path: ".", expected: "0555", actual: "0775"))
    #expect(chmod(top, 0o555) == 0)
    #expect(chmod(depot.store.root + "/models", 0o777) == 0)
    #expect(depot.fault()?.code == "mode")
  }

  @Test(.enabled(if: getuid() == 0, "only root can give files away"))
  func anotherOwnerIsFound() throws {
    let depot = try Depot(installed: true)
    #expect(chown(depot.path("config.json"), 65534, 65534) == 0)
    #expect(depot.fault() == .owner(path: "config.json", expected: 0, actual: 65534))
    #expect(chown(depot.path("config.json"), 0, 0) == 0)
    #expect(chmod(depot.path("config.json"), 0o444) == 0)
    #expect(chown(depot.path("weights"), 65534, 65534) == 0)
    #expect(depot.fault() == .owner(path: "weights", expected: 0, actual: 65534))
  }

  @Test func anOpenWriterIsFound() throws {
    let depot = try Depot(installed: true)
    let path = depot.path("config.json")
    #expect(chmod(path, 0o644) == 0)
    let writer = open(path, O_RDWR | O_CLOEXEC)
    try #require(writer >= 0)
    #expect(chmod(path, 0o444) == 0)
    #expect(depot.fault() == .openForWriting(path: "config.json"))
    close(writer)
    #expect(depot.fault() == nil)
  }

  @Test func aFileSwappedAfterVerificationChangesNothingForTheDescriptors() throws {
    let depot = try Depot(installed: true)
    let model = try depot.store.verify(depot.manifest.digest)
    let path = depot.path("config.json")
    try depot.breakIn {
      #expect(rename(path, depot.store.root + "/config.json") == 0)
      // Even the very same bytes are another file.
      try Fixture.write(Fixture.contents[0].bytes, to: path)
      #expect(chmod(path, 0o444) == 0)
    }
    #expect(fault { () throws(ModelFault) in try model.confirm() } == .changed(path: "config.json"))
    var bytes = [UInt8](repeating: 0, count: 64)
    #expect(pread(model.files[0].descriptor, &bytes, 64, 0) == Fixture.contents[0].bytes.count)
    #expect(Array(bytes.prefix(Fixture.contents[0].bytes.count)) == Fixture.contents[0].bytes)
  }

  @Test func aDirectorySwappedAfterVerificationIsFound() throws {
    let depot = try Depot(installed: true)
    let model = try depot.store.verify(depot.manifest.digest)
    try depot.breakIn {
      #expect(chmod(depot.path("weights"), 0o755) == 0)
      #expect(rename(depot.path("weights"), depot.store.root + "/weights") == 0)
      for (name, bytes) in Fixture.contents.dropFirst() {
        try Fixture.write(bytes, to: depot.path(name))
        #expect(chmod(depot.path(name), 0o444) == 0)
      }
      #expect(chmod(depot.path("weights"), 0o555) == 0 && chmod(depot.path("weights/deep"), 0o555) == 0)
    }
    #expect(fault { () throws(ModelFault) in try model.confirm() } == .swapped(path: "weights/model-1.gguf"))
  }

  @Test func aModelSwappedAfterVerificationIsFound() throws {
    let depot = try Depot(installed: true)
    let model = try depot.store.verify(depot.manifest.digest)
    let path = depot.store.path(of: depot.manifest.digest)
    #expect(chmod(path, 0o755) == 0)
    #expect(rename(path, depot.store.root + "/old") == 0)
    try depot.fetch()
    try depot.store.commit(depot.manifest)
    #expect(fault { () throws(ModelFault) in try model.confirm() } == .swapped(path: "."))
    #expect(depot.fault() == nil)
  }

  @Test func aFileWrittenToAfterVerificationIsFound() throws {
    let depot = try Depot(installed: true)
    let model = try depot.store.verify(depot.manifest.digest)
    try overwrite(depot.path("weights/model-1.gguf"), at: 5, with: [0xFF])
    #expect(fault { () throws(ModelFault) in try model.confirm() } == .changed(path: "weights/model-1.gguf"))
  }

  @Test func anExtraFileAfterVerificationIsFound() throws {
    let depot = try Depot(installed: true)
    let model = try depot.store.verify(depot.manifest.digest)
    try depot.breakIn { try Fixture.write([1], to: depot.path("x")) }
    #expect(fault { () throws(ModelFault) in try model.confirm() } == .unexpected(path: "x", kind: "a regular file"))
  }

  @Test func aModelWhoseCommitWasCutShortIsWholeAndUsable() throws {
    let depot = try Depot(installed: true)
    #expect(chmod(depot.store.path(of: depot.manifest.digest), 0o755) == 0)
    #expect(depot.fault() == nil)
  }
}
