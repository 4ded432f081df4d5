import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct DurableFileTests {
  @Test func aFileIsWrittenOnceAndNeverReplaced() throws {
    let scratch = try TemporaryDirectory()
    let directory = try Directory(opening: scratch.path)
    #expect(try DurableFile.create("a", in: directory, contents: [1, 2], temporarySuffix: "x"))
    #expect(try !DurableFile.create("a", in: directory, contents: [1, 2], temporarySuffix: "y"))
    #expect(throws: SystemCallError(call: "linkat", subject: scratch.file("a"), errno: EEXIST)) {
      try DurableFile.create("a", in: directory, contents: [3, 4], temporarySuffix: "z")
    }
    #expect(try DurableFile.read("a", in: directory, limit: 10) == [1, 2])
    // No temporary file survives, not even of the refused attempt.
    #expect(try directory.names() == ["a"])
  }

  @Test func aFileOverTheLimitIsNotRead() throws {
    let scratch = try TemporaryDirectory()
    let directory = try Directory(opening: scratch.path)
    try DurableFile.create("a", in: directory, contents: [1, 2, 3], temporarySuffix: "x")
    #expect(throws: SystemCallError.self) { try DurableFile.read("a", in: directory, limit: 2) }
    #expect(try DurableFile.read("absent", in: directory, limit: 2) == nil)
  }

  @Test func aSymbolicLinkIsNotFollowed() throws {
    let scratch = try TemporaryDirectory()
    let directory = try Directory(opening: scratch.path)
    try scratch.write([9], to: "target")
    #expect(symlink(scratch.file("target"), scratch.file("link")) == 0)
    #expect(throws: SystemCallError.self) { try DurableFile.read("link", in: directory, limit: 10) }
    #expect(symlink(scratch.path, scratch.file("directory")) == 0)
    #expect(throws: SystemCallError.self) { try Directory(opening: scratch.file("directory")) }
    #expect(throws: SystemCallError.self) { try directory.makeSubdirectory("directory") }
  }

  @Test func aNewDirectoryIsPrivate() throws {
    let scratch = try TemporaryDirectory()
    _ = try Directory.make(scratch.file("new"))
    let mode = try FileManager.default.attributesOfItem(atPath: scratch.file("new"))[.posixPermissions] as? Int
    #expect(mode == 0o700)
    _ = try Directory.make(scratch.file("new"))
  }
}

@Suite struct ProcessLockTests {
  @Test func aSecondHolderIsRefusedAndToldWhoHasIt() throws {
    let scratch = try TemporaryDirectory()
    let directory = try Directory(opening: scratch.path)
    var lock: ProcessLock? = try ProcessLock(directory)
    #expect(throws: ProcessLock.Failure.held(path: scratch.file("lock"), holder: getpid())) {
      try ProcessLock(directory)
    }
    withExtendedLifetime(lock) {}
    lock = nil
    _ = try ProcessLock(directory)
  }
}
