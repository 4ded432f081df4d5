import Cryptography
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Snapshots

struct KeeperTests {
  enum Tampering: String, CaseIterable { case content, added, removed, permissions, target }

  @Test(arguments: Tampering.allCases)
  func aSnapshotThatWasAlteredIsNotRestored(_ tampering: Tampering) throws {
    let place = try Place()
    let keeper = try place.keeper()
    let record = try keeper.before("first", at: 0)
    try place.spoil()
    let spoiled = try TreeDigest(of: place.scope).digest
    let copy = place.store + "/first"
    switch tampering {
    case .content: try SampleTree.write(copy + "/etc/config", "one = 3\n", mode: 0o640)
    case .added: try SampleTree.write(copy + "/etc/backdoor", "x")
    case .removed: try FileManager.default.removeItem(atPath: copy + "/empty")
    case .permissions: try SampleTree.check(chmod(copy + "/etc/config", 0o666), "chmod")
    case .target:
      try FileManager.default.removeItem(atPath: copy + "/link")
      try FileManager.default.createSymbolicLink(atPath: copy + "/link", withDestinationPath: "/etc/shadow")
    }
    let found = try TreeDigest(of: copy).digest
    #expect(throws: SnapshotFault.altered("first", recorded: record.digest, found: found)) {
      try keeper.rollback("first")
    }
    #expect(try TreeDigest(of: place.scope).digest == spoiled)
    #expect(try place.leftovers() == [])
  }

  @Test func aSnapshotThatNobodyRecordedIsNotRestored() throws {
    let place = try Place()
    let keeper = try place.keeper()
    try keeper.before("first", at: 0)
    try BtrfsDisk.run("/bin/cp", ["-a", place.store + "/first", place.store + "/forged"])
    #expect(throws: SnapshotFault.unrecorded("forged")) { try keeper.rollback("forged") }
    #expect(throws: SnapshotFault.exists("forged")) { try keeper.before("forged", at: 0) }
    #expect(throws: SnapshotFault.missing("none")) { try keeper.rollback("none") }
    #expect(throws: SnapshotFault.exists("first")) { try keeper.before("first", at: 0) }
    #expect(try keeper.list().map(\.label) == ["first"])
  }

  @Test func theIndexIsOfOneScope() throws {
    let place = try Place()
    let keeper = try place.keeper()
    try keeper.before("first", at: 0)
    let text = try String(contentsOfFile: place.index, encoding: .utf8)
    for wrong in [
      text.replacingOccurrences(of: place.scope, with: place.scope + "2"), String(text.dropLast()), "", "{}",
      text.replacingOccurrences(of: "\"version\":1", with: "\"version\":2"),
      text.replacingOccurrences(of: "\"pinned\":false", with: "\"pinned\":false,\"x\":1"),
      text.replacingOccurrences(of: "\"name\":\"first\"", with: "\"name\":\"../first\""),
    ] {
      #expect(wrong != text)
      try SampleTree.write(place.index, wrong, mode: 0o600)
      let fault = #expect(throws: SnapshotFault.self) { try keeper.list() }
      guard case .badIndex = fault else {
        Issue.record("\(wrong): \(String(describing: fault))")
        continue
      }
    }
  }

  /// The second keeper comes while the first is at work, in the middle of it.
  @Test func oneKeeperAtATime() throws {
    let place = try Place()
    let second = try place.keeper()
    let faults = Mutex<[SnapshotFault]>([])
    let first = try place.keeper { (step) throws(SnapshotFault) in
      guard step == .takeBuilt else { return }
      do throws(SnapshotFault) { try second.before("second", at: 0) } catch { faults.withLock { $0.append(error) } }
      do throws(SnapshotFault) { _ = try second.list() } catch { faults.withLock { $0.append(error) } }
    }
    try first.before("first", at: 0)
    #expect(faults.withLock { $0 } == Array(repeating: .locked(path: place.index + ".lock"), count: 2))
    #expect(try second.list().map(\.label) == ["first"])
  }

  /// Ten at once: each gets its snapshot or is told that another is at work.
  @Test func manyKeepersDoNotDisturbEachOther() async throws {
    let place = try Place()
    let digest = try TreeDigest(of: place.scope).digest
    let taken = await withTaskGroup(of: SnapshotLabel?.self) { group in
      for number in 0..<10 {
        group.addTask {
          await { () async -> SnapshotLabel? in
            do throws(SnapshotFault) {
              return try await OwnThread.run { () throws(SnapshotFault) in
                let label = try SnapshotLabel("s\(number)")
                return try (try place.madeKeeper()).before(label, at: 0).label
              }
            } catch {
              if case .locked = error { return nil }
              Issue.record("\(error)")
              return nil
            }
          }()
        }
      }
      return await group.reduce(into: [SnapshotLabel]()) { if let label = $1 { $0.append(label) } }
    }
    #expect(!taken.isEmpty)
    let records = try place.keeper().list()
    #expect(records.map(\.label) == taken.sorted())
    #expect(records.allSatisfy { $0.digest == digest })
  }

  @Test func aTreeThatChangesWhileItIsCopiedIsNoSnapshot() throws {
    let place = try Place()
    let keeper = try place.keeper { (step) throws(SnapshotFault) in
      if step == .takeBuilt { _ = try? SampleTree.write(place.store + "/.taking/etc/config", "else", mode: 0o640) }
    }
    #expect(throws: SnapshotFault.changed(path: "")) { try keeper.before("first", at: 0) }
    #expect(try keeper.list() == [])
    #expect(try keeper.backend.list() == [])
  }

  // MARK: in use

  @Test func aScopeInUseIsNotReplaced() throws {
    let place = try Place()
    let keeper = try place.keeper()
    let record = try keeper.before("first", at: 0)
    try place.spoil()
    let file = open(place.scope + "/run.sh", O_RDONLY)
    defer { close(file) }
    #expect(throws: SnapshotFault.inUse([TreeUse(process: getpid(), through: "fd/\(file)")])) {
      try keeper.rollback("first")
    }
    #expect(try TreeDigest(of: place.scope).digest != record.digest)
    #expect(try keeper.rollback("first", inUse: .restoreAnyway).restored == record.digest)
  }

  @Test(.enabled(if: SampleTree.isRoot, "mounting needs root"))
  func aContainersMountIsAUse() throws {
    let place = try Place()
    let keeper = try place.keeper()
    try keeper.before("first", at: 0)
    // A process whose only way to the scope is a mount of its own, under another name.
    let process = try ChildProcess(
      "/usr/bin/unshare",
      ["--mount", "/bin/sh", "-c", "mount --bind \(place.scope)/etc \(place.log) && echo ready && read line"],
      input: .pipe, output: .pipe)
    defer {
      process.closeInput()
      process.wait()
    }
    #expect(process.line() == "ready")
    #expect(throws: SnapshotFault.inUse([TreeUse(process: process.processIdentifier, through: "mount")])) {
      try keeper.rollback("first")
    }
  }

  // MARK: the log is never inside

  @Test func aScopeWithTheLogInItIsRefused() throws {
    let place = try Place()
    let backend = try place.backend()
    let inside = place.scope + "/etc/deep"
    try FileManager.default.createSymbolicLink(atPath: place.base + "/way", withDestinationPath: inside)
    for log in [inside, place.scope, place.base, place.base + "/way"] {
      #expect(throws: SnapshotFault.overlap(scope: place.scope, with: log), "\(log)") {
        try SnapshotKeeper(backend, index: place.index, log: log)
      }
      #expect(throws: SnapshotFault.overlap(scope: place.scope, with: log), "\(log)") {
        try SnapshotKeeper(backend, index: place.index, log: place.log, apart: [log])
      }
    }
    #expect(throws: SnapshotFault.overlap(scope: place.scope, with: place.scope + "/etc")) {
      try SnapshotKeeper(backend, index: place.scope + "/etc/index", log: place.log)
    }
    #expect(throws: SnapshotFault.overlap(scope: place.store, with: place.store + "/index")) {
      try SnapshotKeeper(backend, index: place.store + "/index", log: place.log)
    }
    #expect(throws: SnapshotFault.self) {
      try SnapshotKeeper(backend, index: place.index, log: place.base + "/none")
    }
  }

  /// Also when it is moved there later.
  @Test func theLogIsLookedForEachTime() throws {
    let place = try Place()
    let keeper = try place.keeper()
    try keeper.before("first", at: 0)
    try FileManager.default.moveItem(atPath: place.log, toPath: place.scope + "/log")
    try FileManager.default.createSymbolicLink(atPath: place.log, withDestinationPath: place.scope + "/log")
    #expect(throws: SnapshotFault.overlap(scope: place.scope, with: place.log)) { try keeper.rollback("first") }
    #expect(FileManager.default.fileExists(atPath: place.scope + "/log"))
  }

  @Test(.enabled(if: SampleTree.isRoot, "mounting needs root"))
  func aSecondMountOfTheScopeIsTheScope() throws {
    let place = try Place()
    let other = place.base + "/other"
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: false)
    try BtrfsDisk.run("/bin/mount", ["--bind", place.scope, other])
    defer { _ = try? Subprocess.run("/bin/umount", [other]) }
    #expect(throws: SnapshotFault.overlap(scope: place.scope, with: other + "/etc")) {
      try SnapshotKeeper(place.backend(), index: place.index, log: other + "/etc")
    }
  }

  // MARK: keeping

  @Test func pinnedSnapshotsStay() throws {
    let place = try Place()
    let keeper = try place.keeper()
    for (number, label) in (["a", "b", "c"] as [SnapshotLabel]).enumerated() {
      try keeper.before(label, at: Int64(number))
    }
    try keeper.pin("a")
    #expect(throws: SnapshotFault.pinned("a")) { try keeper.remove("a") }
    #expect(try keeper.prune(RetentionPolicy(last: 1)) == ["b"])
    #expect(try keeper.list().map(\.label) == ["a", "c"])
    #expect(try keeper.list().map(\.isPinned) == [true, false])
    #expect(try keeper.backend.list() == ["a", "c"])
    try keeper.pin("a", false)
    #expect(try keeper.prune(RetentionPolicy(last: 1)) == ["a"])
    #expect(throws: SnapshotFault.missing("a")) { try keeper.pin("a") }
    #expect(throws: SnapshotFault.missing("a")) { try keeper.remove("a") }
  }
}

extension Place {
  func madeKeeper() throws(SnapshotFault) -> SnapshotKeeper {
    try SnapshotKeeper(DirectorySnapshots(scope: scope, store: store), index: index, log: log)
  }
}
