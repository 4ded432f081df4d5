import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Models

/// A commit that ends at any of its steps leaves nothing installed or a whole model, and can be done again.
@Suite struct CommitCrashTests {
  private static let end = ModelFault.system(SystemCallFault(call: "killed", path: "", errno: EINTR))
  private static let installing: [CommitStep] = [.moved, .moveSynced, .closed]

  @Test(arguments: CommitStep.allCases)
  func everyStepLeavesNothingOrAWholeModel(_ last: CommitStep) throws {
    let directory = try TemporaryDirectory()
    let depot = try Depot(at: directory.path) { (step) throws(ModelFault) in
      if step == last { throw Self.end }
    }
    let digest = depot.manifest.digest
    try depot.fetch()
    #expect(fault { () throws(ModelFault) in _ = try depot.store.commit(depot.manifest) } == Self.end)

    // What the next process finds.
    let store = ModelStore(root: directory.path)
    try store.clearLeftovers()
    if Self.installing.contains(last) {
      #expect(try store.list() == [digest])
      #expect(try store.verify(digest, reading: .everyByte).files.count == Fixture.contents.count)
      let error = fault { () throws(ModelFault) in _ = try store.commit(depot.manifest) }
      #expect(error == .alreadyInstalled(digest))
    } else {
      #expect(try store.list() == [])
      #expect(fault { () throws(ModelFault) in _ = try store.verify(digest) } == .notInstalled(digest))
      #expect(try store.partials() == [digest])
      try store.commit(depot.manifest)
      #expect(try store.verify(digest, reading: .everyByte).files.count == Fixture.contents.count)
    }
    #expect(try store.partials() == [])
    var status = stat()
    #expect(lstat(store.path(of: digest), &status) == 0 && status.st_mode & 0o7777 == 0o555)
  }

  @Test func theStepsAreTakenInOrder() throws {
    let steps = Mutex<[CommitStep]>([])
    let depot = try Depot { (step) throws(ModelFault) in steps.withLock { $0.append(step) } }
    try depot.fetch()
    try depot.store.commit(depot.manifest)
    #expect(steps.withLock { $0 } == CommitStep.allCases)
  }

  @Test func whatCrashesLeftIsClearedAway() throws {
    let depot = try Depot(installed: true)
    let (store, digest) = (depot.store, depot.manifest.digest)
    // A removal that ended after its rename, and files that were never finished.
    let other = try Fixture.manifest(name: "other")
    let trash = store.root + "/models/.partial/.removing-" + other.digest.hex
    try Fixture.write([1], to: trash + "/weights/x")
    #expect(chmod(trash + "/weights", 0o555) == 0)
    try Fixture.write([1], to: store.root + "/manifests/.tmp-\(other.digest.hex).json")
    try Fixture.write([1], to: store.root + "/seals/.tmp-\(other.digest.hex).json")
    try Fixture.write([1], to: store.root + "/seals/\(other.digest.hex).json")
    // A partial is no leftover.
    _ = try store.partial(for: other.digest)
    try store.clearLeftovers()
    let files = FileManager.default
    #expect(try files.contentsOfDirectory(atPath: store.root + "/models/.partial") == [other.digest.hex])
    #expect(try files.contentsOfDirectory(atPath: store.root + "/manifests") == ["\(digest.hex).json"])
    let seals = try files.contentsOfDirectory(atPath: store.root + "/seals")
    #expect(!seals.contains { $0.contains(other.digest.hex) })
    #expect(depot.fault() == nil)
  }

  @Test func clearingAnEmptyRootDoesNothing() throws {
    let directory = try TemporaryDirectory()
    try ModelStore(root: directory.path).clearLeftovers()
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
  }
}
