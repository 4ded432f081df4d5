import Cryptography
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Models

/// Installing, listing, removing.
@Suite struct ModelStoreTests {
  @Test func aFetchedModelIsInstalledReadOnlyUnderItsDigest() throws {
    let depot = try Depot()
    let (store, digest) = (depot.store, depot.manifest.digest)
    #expect(try store.list() == [])
    try depot.fetch()
    #expect(try store.partials() == [digest])
    #expect(try store.list() == [])
    let journal = store.journalPath(of: digest)
    try Fixture.write(Array("notes".utf8), to: journal)
    try store.commit(depot.manifest)

    #expect(try store.list() == [digest])
    #expect(try store.partials() == [])
    #expect(try store.isInstalled(digest))
    #expect(try store.manifest(of: digest) == depot.manifest)
    #expect(!FileManager.default.fileExists(atPath: journal))
    for (name, bytes) in Fixture.contents {
      #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: depot.path(name)))) == bytes)
    }
    func mode(_ path: String) throws -> UInt32 {
      var status = stat()
      #expect(lstat(path, &status) == 0)
      return status.st_mode & 0o7777
    }
    for name in ["", "weights", "weights/deep"] { #expect(try mode(depot.path(name)) == 0o555, "\(name)") }
    for (name, _) in Fixture.contents { #expect(try mode(depot.path(name)) == 0o444, "\(name)") }
    #expect(try mode(store.manifestPath(of: digest)) == 0o444)
    #expect(try mode(store.root + "/models") == 0o755)
    #expect(try mode(store.root + "/models/.partial") == 0o700)
  }

  @Test func onlyWhatTheManifestSaysIsInstalled() throws {
    let cases: [(String, (String) throws -> Void)] = [
      ("digest", { try Fixture.write([1] + Fixture.contents[1].bytes.dropFirst(), to: $0 + "/weights/model-1.gguf") }),
      ("size", { try Fixture.write([], to: $0 + "/config.json") }),
      ("missing", { #expect(unlink($0 + "/config.json") == 0) }),
      ("unexpected", { try Fixture.write([1], to: $0 + "/weights/.hidden") }),
      ("unexpected", { #expect(mkdir($0 + "/empty", 0o755) == 0) }),
      ("unexpected", { #expect(symlink("config.json", $0 + "/link") == 0) }),
      (
        "wrongKind",
        {
          #expect(rename($0 + "/config.json", $0 + "/../outside") == 0)
          #expect(symlink("../outside", $0 + "/config.json") == 0)
        }
      ),
      ("linked", { #expect(link($0 + "/config.json", $0 + "/../outside") == 0) }),
    ]
    for (code, spoil) in cases {
      let depot = try Depot()
      try depot.fetch()
      try spoil(depot.store.partialPath(of: depot.manifest.digest))
      let error = fault { () throws(ModelFault) in _ = try depot.store.commit(depot.manifest) }
      #expect(error?.code == code, "\(String(describing: error))")
      #expect(try depot.store.list() == [])
      #expect(depot.fault() == .notInstalled(depot.manifest.digest))
    }
  }

  @Test func nothingIsInstalledOverAModelOrFromNothing() throws {
    let depot = try Depot()
    let digest = depot.manifest.digest
    #expect(fault { () throws(ModelFault) in _ = try depot.store.commit(depot.manifest) } == .notFetched(digest))
    try depot.fetch()
    // An empty directory would be replaced by a plain rename.
    #expect(mkdir(depot.store.path(of: digest), 0o755) == 0)
    #expect(fault { () throws(ModelFault) in _ = try depot.store.commit(depot.manifest) } == .alreadyInstalled(digest))
    #expect(try depot.store.partials() == [digest])
  }

  @Test func theLastMomentBeforeTheRenameIsGuardedToo() throws {
    let directory = try TemporaryDirectory()
    let manifest = try Fixture.manifest()
    let target = ModelStore(root: directory.path).path(of: manifest.digest)
    let depot = try Depot(at: directory.path) { (step) throws(ModelFault) in
      if step == .recordStored { mkdir(target, 0o755) }
    }
    try depot.fetch()
    let error = fault { () throws(ModelFault) in _ = try depot.store.commit(depot.manifest) }
    #expect(error == .alreadyInstalled(manifest.digest))
  }

  @Test func aFileThatSomebodyStillWritesToIsNotInstalled() throws {
    let depot = try Depot()
    try depot.fetch()
    let path = depot.store.partialPath(of: depot.manifest.digest) + "/config.json"
    let writer = open(path, O_WRONLY | O_CLOEXEC)
    try #require(writer >= 0)
    let error = fault { () throws(ModelFault) in _ = try depot.store.commit(depot.manifest) }
    #expect(error == .openForWriting(path: "config.json"))
    close(writer)
    try depot.store.commit(depot.manifest)
    #expect(depot.fault() == nil)
  }

  @Test func aFileThatIsAddedDuringTheCommitIsFound() throws {
    let directory = try TemporaryDirectory()
    let manifest = try Fixture.manifest()
    let partial = ModelStore(root: directory.path).partialPath(of: manifest.digest)
    let depot = try Depot(at: directory.path) { (step) throws(ModelFault) in
      if step == .filesSealed { close(creat(partial + "/weights/late", 0o644)) }
    }
    try depot.fetch()
    let error = fault { () throws(ModelFault) in _ = try depot.store.commit(depot.manifest) }
    #expect(error == .unexpected(path: "weights/late", kind: "a regular file"))
    #expect(try depot.store.list() == [])
  }

  @Test func whatTheCallerHashedIsNotReadAgainUnlessItChanged() throws {
    // Wrong bytes of the right size tell whether they were read.
    let wrong: [UInt8] = Array(#"{"hidden":999}"#.utf8)
    let depot = try Depot()
    try depot.fetch()
    let path = depot.store.partialPath(of: depot.manifest.digest) + "/config.json"
    try Fixture.write(wrong, to: path)
    let file = open(path, O_RDONLY | O_CLOEXEC)
    try #require(file >= 0)
    defer { close(file) }
    let identity = try FileIdentity(of: file)
    // Since then somebody changed it, if only its rights.
    #expect(chmod(path, 0o600) == 0)
    let error = fault { () throws(ModelFault) in
      _ = try depot.store.commit(depot.manifest, hashed: ["config.json": identity])
    }
    #expect(error?.code == "digest")
    try depot.store.commit(depot.manifest, hashed: ["config.json": try FileIdentity(of: file)])
    // Use reads everything, whatever the commit was told.
    #expect(depot.fault()?.code == "digest")
  }

  @Test func twoCommitsOfOneModelInstallItOnce() async throws {
    let depot = try Depot()
    try depot.fetch()
    let outcomes = await withTaskGroup(of: ModelFault?.self) { group in
      for _ in 0..<2 {
        group.addTask { fault { () throws(ModelFault) in _ = try depot.store.commit(depot.manifest) } }
      }
      return await group.reduce(into: [ModelFault?]()) { $0.append($1) }
    }
    #expect(outcomes.filter { $0 == nil }.count == 1, "\(outcomes)")
    #expect(depot.fault() == nil)
  }

  @Test func aRemovedModelIsGoneAndCanComeBack() throws {
    let depot = try Depot(installed: true)
    let digest = depot.manifest.digest
    let held = try depot.store.verify(digest)
    try depot.store.remove(digest)
    #expect(try depot.store.list() == [])
    #expect(depot.fault() == .notInstalled(digest))
    #expect(fault { () throws(ModelFault) in try depot.store.remove(digest) } == .notInstalled(digest))
    // Who verified it before reads on.
    var first = [UInt8](repeating: 0, count: 4)
    #expect(pread(held.files[0].descriptor, &first, 4, 0) == 4)
    #expect(first == Array(Fixture.contents[0].bytes.prefix(4)))
    #expect(fault { () throws(ModelFault) in try held.confirm() } != nil)
    #expect(try FileManager.default.contentsOfDirectory(atPath: depot.store.root + "/models/.partial") == [])
    try depot.fetch()
    try depot.store.commit(depot.manifest)
    #expect(depot.fault() == nil)
  }

  @Test func aDiscardedPartialLeavesNothing() throws {
    let depot = try Depot()
    let digest = depot.manifest.digest
    try depot.fetch()
    try Fixture.write([1], to: depot.store.journalPath(of: digest))
    try depot.store.discardPartial(of: digest)
    try depot.store.discardPartial(of: digest)
    #expect(try FileManager.default.contentsOfDirectory(atPath: depot.store.root + "/models/.partial") == [])
    let path = try depot.store.partial(for: digest)
    #expect(path == depot.store.partialPath(of: digest))
    #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [])
  }

  @Test func anAlteredManifestIsFound() throws {
    let depot = try Depot(installed: true)
    let digest = depot.manifest.digest
    let path = depot.store.manifestPath(of: digest)
    let other = try Fixture.manifest(name: "other")
    #expect(unlink(path) == 0)
    #expect(depot.fault() == .manifestMissing(digest))
    try Fixture.write(other.canonicalBytes, to: path)
    #expect(depot.fault() == .manifestAltered(expected: digest, actual: other.digest))
    // The same manifest in other bytes is not what was stored.
    try Fixture.write(depot.manifest.canonicalBytes + [0x20], to: path)
    #expect(depot.fault()?.code == "manifestAltered")
  }

  @Test func severalFilesAreHashedAtOnceAndTheFirstFaultIsTold() throws {
    let width = Mutex((now: 0, most: 0))
    let results = try ParallelWork.map(40, width: 4) { (index) throws(ModelFault) -> Int in
      width.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
      defer { width.withLock { $0.now -= 1 } }
      return index * index
    }
    #expect(results == (0..<40).map { $0 * $0 })
    #expect(width.withLock { $0.most } <= 4)
    let error = fault { () throws(ModelFault) in
      _ = try ParallelWork.map(40, width: 1) { (index) throws(ModelFault) -> Int in
        if index >= 7 { throw .missing(path: "\(index)") }
        return index
      }
    }
    #expect(error == .missing(path: "7"))
  }
}
