import CanonicalJSON
import Cryptography
import Glibc
import Governance
import TestSupport
import Testing

@testable import SystemOperations

/// `directory.create` on a real file system.
@Suite struct DirectoryTests {
  private func machine(_ log: BoxLog, in directory: TemporaryDirectory? = nil) throws -> Machine {
    let directory = try directory ?? TemporaryDirectory()
    let creation = try DirectoryCreation(root: AnchoredDirectory(opening: directory.path))
    return try Machine(log, in: directory, executors: [.createDirectory: creation])
  }

  private func mode(_ path: String) -> UInt32? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode : nil
  }

  @Test func aDirectoryIsMadeWithItsModeWhateverTheUmask() async throws {
    var log = try BoxLog()
    let id = try log.order("directory.create", ["name": "reports"])
    let machine = try machine(log)
    _ = try await machine.desk.follow(log.push())
    let result = try await machine.perform(id)
    #expect(
      result.result
        == .executed(["directory": "directories/reports", "snapshot": ["after": true, "before": "nothing"]]))
    #expect(mode(machine.directory.file("directories/reports")) == 0o40750)
  }

  @Test func whatIsThereIsNotTakenOver() async throws {
    var log = try BoxLog()
    let ids = try ["there", "file", "link"].map { try log.order("directory.create", ["name": .string($0)]) }
    let machine = try machine(log)
    _ = try await machine.desk.follow(log.push())
    let outside = try TemporaryDirectory()
    #expect(mkdir(machine.directory.file("directories/there"), 0o700) == 0)
    try machine.directory.write([1], to: "directories/file")
    #expect(symlink(outside.path, machine.directory.file("directories/link")) == 0)
    for id in ids {
      let result = try await machine.perform(id)
      #expect(result.result.outcome == .failed)
    }
    #expect(mode(machine.directory.file("directories/there")) == 0o40700)
    #expect(mode(outside.path) == 0o40700)
  }

  @Test func theParentIsTheOneThatWasOpenedAndNoLink() async throws {
    var log = try BoxLog()
    let id = try log.order("directory.create", ["name": "reports"])
    let machine = try machine(log)
    _ = try await machine.desk.follow(log.push())
    // Somebody swaps the directory for a link to where it would do harm.
    let outside = try TemporaryDirectory()
    let path = machine.directory.file("directories")
    #expect(rename(path, path + ".old") == 0)
    #expect(symlink(outside.path, path) == 0)
    try await machine.perform(id)
    #expect(mode(outside.file("reports")) == nil)
    #expect(mode(path + ".old/reports") == 0o40750)
    #expect(throws: SystemFault.self) {
      try DirectoryCreation(root: AnchoredDirectory(opening: machine.directory.path))
    }
  }

  /// Some other thread may be starting a process at any time.
  @Test func theLockIsLetGoAlsoWhereAForkedProcessHasItsFile() throws {
    let directory = try TemporaryDirectory()
    let anchored = try AnchoredDirectory(opening: directory.path)
    var held: [Int32] = []
    defer { for file in held { close(file) } }
    try withExtendedLifetime(anchored.lock("lock")) {
      held = try OpenFiles.duplicates(of: directory.file("lock"))
      #expect(throws: SystemFault.self) { try anchored.lock("lock") }
    }
    #expect(held.count == 1)
    #expect(throws: Never.self) { try anchored.lock("lock") }
  }

  @Test(arguments: ["", ".", "..", "a/b", "/a", "a\0b", String(repeating: "a", count: 256)])
  func aNameIsOneComponent(_ name: String) throws {
    let directory = try TemporaryDirectory()
    let anchored = try AnchoredDirectory(opening: directory.path)
    #expect(throws: SystemFault.self) { try anchored.createDirectory(name, mode: 0o700) }
    #expect(throws: SystemFault.self) { try anchored.create(name, [1], mode: 0o600) }
    #expect(throws: SystemFault.self) { try anchored.read(name, limit: 10) }
    #expect(throws: SystemFault.self) { try anchored.remove(name) }
  }
}
