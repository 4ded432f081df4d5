import Foundation
import TestSupport
import Testing

@testable import Snapshots

/// What holds for every backend whose snapshots lie in directories.
struct BackendTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let fileSystem: Place.FileSystem
    let kind: SnapshotKind
    var testDescription: String { "\(kind) on \(fileSystem.rawValue)" }

    static var all: [Case] {
      Place.FileSystem.available.map { Case(fileSystem: $0, kind: .directory) }
        + (BtrfsDisk.isAvailable ? [Case(fileSystem: .btrfs, kind: .btrfs)] : [])
    }
  }

  @Test(arguments: Case.all)
  func aRollbackMakesEverythingAsItWas(_ place: Case) throws {
    let place = try Place(place.fileSystem, kind: place.kind)
    let listing = try SampleTree.listing(place.scope)
    let keeper = try place.keeper()
    let record = try keeper.before("first", at: 1000)
    // Taking a snapshot changes nothing.
    #expect(try SampleTree.listing(place.scope) == listing)
    #expect(try SampleTree.listing(keeper.backend.path(of: "first")) == listing)
    try place.spoil()
    let spoiled = try TreeDigest(of: place.scope).digest
    let evidence = try keeper.rollback("first")
    #expect(evidence.before == record.digest)
    #expect(evidence.after == spoiled)
    #expect(evidence.restored == record.digest)
    #expect(spoiled != record.digest)
    #expect(try SampleTree.listing(place.scope) == listing)
    #expect(try place.leftovers() == [])
    // Not once: as often as it takes.
    try place.spoil()
    #expect(try keeper.rollback("first").restored == record.digest)
    #expect(try keeper.list() == [record])
  }

  @Test(arguments: Case.all)
  func holesStayHoles(_ place: Case) throws {
    let place = try Place(place.fileSystem, kind: place.kind)
    let keeper = try place.keeper()
    try keeper.before("holes", at: 0)
    var status = stat()
    #expect(stat(try keeper.backend.path(of: "holes") + "/sparse", &status) == 0)
    #expect(status.st_size == 8 << 20 | 1)
    #expect(status.st_blocks * 512 < 1 << 20)
  }

  @Test(arguments: Case.all)
  func aScopeThatIsGoneComesBack(_ place: Case) throws {
    // A subvolume cannot be removed by name alone, so that this is about copies.
    guard place.kind == .directory else { return }
    let place = try Place(place.fileSystem, kind: place.kind)
    let keeper = try place.keeper()
    let record = try keeper.before("first", at: 0)
    try BtrfsDisk.run("/bin/rm", ["-rf", place.scope])
    let evidence = try keeper.rollback("first")
    #expect(evidence.after == nil)
    #expect(evidence.restored == record.digest)
  }

  // MARK: the crash matrix

  static let takeSteps: [SnapshotStep] = [.takeBegun, .takeBuilt, .takeSynced, .takeNamed]
  static let restoreSteps: [SnapshotStep] = [
    .restoreBuilt, .restoreChecked, .restoreSynced, .restoreExchanged, .restoreRemoved,
  ]

  @Test(arguments: Case.all, takeSteps)
  func aCrashWhileTakingLeavesNoSnapshot(_ place: Case, _ step: SnapshotStep) throws {
    let place = try Place(place.fileSystem, kind: place.kind)
    let before = try TreeDigest(of: place.scope)
    try place.keeper().before("old", at: 0)
    #expect(throws: SnapshotFault.interrupted(step)) {
      try place.keeper(hook: Self.crash(at: step)).before("new", at: 1)
    }
    let keeper = try place.keeper()
    #expect(try keeper.list().map(\.label) == ["old"])
    #expect(try keeper.backend.list() == ["old"])
    #expect(try place.leftovers() == [])
    #expect(try TreeDigest(of: place.scope) == before)
    // The name is free.
    #expect(try keeper.before("new", at: 2).digest == before.digest)
  }

  @Test(arguments: Case.all, restoreSteps)
  func aCrashWhileRestoringLeavesTheOldTreeOrTheNew(_ place: Case, _ step: SnapshotStep) throws {
    let place = try Place(place.fileSystem, kind: place.kind)
    let record = try place.keeper().before("first", at: 0)
    try place.spoil()
    let spoiled = try TreeDigest(of: place.scope).digest
    #expect(throws: SnapshotFault.interrupted(step)) { try place.keeper(hook: Self.crash(at: step)).rollback("first") }
    let isExchanged = [.restoreExchanged, .restoreRemoved].contains(step)
    #expect(try TreeDigest(of: place.scope).digest == (isExchanged ? record.digest : spoiled))
    let keeper = try place.keeper()
    try keeper.recover()
    #expect(try place.leftovers() == [])
    #expect(try TreeDigest(of: place.scope).digest == (isExchanged ? record.digest : spoiled))
    #expect(try keeper.rollback("first").restored == record.digest)
  }

  @Test(arguments: Case.all)
  func aCrashWhileRemovingLeavesNoHalfSnapshot(_ place: Case) throws {
    let place = try Place(place.fileSystem, kind: place.kind)
    try place.keeper().before("first", at: 0)
    #expect(throws: SnapshotFault.interrupted(.removeRenamed)) {
      try place.keeper(hook: Self.crash(at: .removeRenamed)).remove("first")
    }
    let keeper = try place.keeper()
    #expect(try keeper.list() == [])
    #expect(try keeper.backend.list() == [])
    #expect(try place.leftovers() == [])
  }

  static func crash(at step: SnapshotStep) -> SnapshotHook {
    { (found) throws(SnapshotFault) in if found == step { throw .interrupted(step) } }
  }

  // MARK: paths and names

  @Test func pathsMeanOneThing() throws {
    let place = try Place()
    try FileManager.default.createSymbolicLink(atPath: place.base + "/way", withDestinationPath: place.base)
    try FileManager.default.createSymbolicLink(atPath: place.base + "/link", withDestinationPath: "scope")
    for scope in [
      "scope", place.base + "/./scope", place.base + "/log/../scope", place.base + "//scope", place.scope + "/",
      place.base + "/way/scope", place.base + "/link", place.scope + "/empty", "/scope", "/",
    ] {
      #expect(throws: SnapshotFault.self, "\(scope)") { try DirectorySnapshots(scope: scope, store: place.store) }
    }
    for store in [place.scope, place.scope + "/store", place.base, "store", place.base + "/way/store"] {
      #expect(throws: SnapshotFault.self, "\(store)") { try DirectorySnapshots(scope: place.scope, store: store) }
    }
    for label in ["", ".", "..", "a/b", ".hidden", "-f", "A", "a b", "a\n", String(repeating: "a", count: 65), "ä"] {
      #expect(throws: SnapshotFault.badLabel(label)) { try SnapshotLabel(label) }
    }
  }

  @Test(.enabled(if: Place.FileSystem.available.contains(.memory), "needs /dev/shm"))
  func theStoreIsOnTheScopesFileSystem() throws {
    let place = try Place()
    let other = try Place(.memory)
    let fault = #expect(throws: SnapshotFault.self) {
      try DirectorySnapshots(scope: place.scope, store: other.base + "/far")
    }
    guard case .badPath = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
  }

  /// What a tree's links lead to is not copied, and not removed.
  @Test func linksInATreeLeadNowhere() throws {
    let place = try Place()
    try FileManager.default.createDirectory(atPath: place.base + "/outside", withIntermediateDirectories: false)
    try SampleTree.write(place.base + "/outside/precious", "gold")
    try FileManager.default.createSymbolicLink(atPath: place.scope + "/out", withDestinationPath: "../outside")
    let keeper = try place.keeper()
    try keeper.before("first", at: 0)
    #expect(!FileManager.default.fileExists(atPath: place.store + "/first/outside"))
    _ = try keeper.rollback("first")
    try keeper.remove("first")
    #expect(FileManager.default.fileExists(atPath: place.base + "/outside/precious"))
  }
}
