import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct TwoProcessTests {
  /// A process that holds the store until its input ends or it is killed.
  private struct Holder {
    let process: ChildProcess

    init(_ directory: String) throws {
      process = try ChildProcess(FaultProbe.path, ["hold", directory, "0", "0"], input: .pipe, output: .pipe)
      // The line comes when the lock is held; the end of the file when the process died.
      #expect(process.line() == "holding")
    }

    func release() {
      process.closeInput()
      process.wait()
    }

    func die() {
      process.signal(SIGKILL)
      process.wait()
    }
  }

  @Test func aStoreInUseByAnotherProcessIsRefused() async throws {
    let scratch = try TemporaryDirectory()
    let test = try TestLog(scratch.file("data"))
    try await test.fill([3])
    let holder = try Holder(test.directory)
    #expect(
      throws: ProcessLock.Failure.held(path: test.directory + "/lock", holder: holder.process.processIdentifier)
    ) {
      try test.store()
    }
    // Reading is allowed.
    #expect(try LogReader(path: test.directory).size() == 3)
    // The other way round: the second process is refused.
    holder.release()
    let store = try test.store()
    let refused = try Subprocess.run(FaultProbe.path, ["append", test.directory, "3", "1"])
    #expect(refused.status == 71)
    #expect(refused.errors.contains("is in use by process \(getpid())"))
    withExtendedLifetime(store) {}
  }

  @Test func theLockDiesWithItsHolder() async throws {
    let scratch = try TemporaryDirectory()
    let test = try TestLog(scratch.file("data"))
    try Holder(test.directory).die()
    try await test.fill([1])
    #expect(try LogReader(path: test.directory).size() == 1)
  }

  /// Somebody who ignores the lock: the head moves under the writer's feet, which stops instead of forking the log.
  @Test func aSecondWriterIsNoticedEvenWithoutTheLock() async throws {
    let scratch = try TemporaryDirectory()
    let test = try TestLog(scratch.file("data"))
    try await test.fill([3])
    let faults = FaultList()
    let log = try test.unstarted(faults: faults)
    try FileManager.default.removeItem(atPath: test.directory + "/lock")
    try await test.fill([2], from: 3)
    let inbox = Inbox()
    log.submit(.init(number: 1, text: "entry 3 of somebody else"), completion: inbox.receive)
    #expect(!log.drain(waiting: false))
    #expect(faults.steps == ["commit"])
    #expect(throws: SubmissionError.stopped) { try inbox.results[0].get() }
    await log.close()
    #expect(try test.writer().reader.size() == 5)
  }
}
