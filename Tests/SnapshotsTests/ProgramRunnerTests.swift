import Foundation
import TestSupport
import Testing

@testable import Snapshots

struct ProgramRunnerTests {
  @Test func nothingIsInherited() throws {
    setenv("SAFEBOX_TEST_SECRET", "x", 1)
    // A descriptor that is not marked to be closed.
    let directory = try TemporaryDirectory()
    let file = open(directory.path, O_RDONLY)
    defer { close(file) }
    let result = try ProgramRunner(seconds: 30, environment: ["A=b"]).run(
      "/bin/sh", ["-c", "env | sort; ls /proc/self/fd; cat; pwd"])
    let lines = result.output.split(separator: "\n").map(String.init)
    #expect(result.status == 0)
    #expect(
      lines.filter { $0.contains("=") && !$0.hasPrefix("_") && !$0.hasPrefix("PWD") }
        == ["A=b", "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
    // ls itself has the directory open as 3.
    #expect(lines.filter { Int($0) != nil } == ["0", "1", "2", "3"])
    #expect(lines.last == "/")
  }

  @Test func statusAndOutputAreKept() throws {
    let result = try ProgramRunner(seconds: 30).run("/bin/sh", ["-c", "echo out; echo err >&2; exit 3"])
    #expect(result == CommandResult(status: 3, output: "out\nerr\n"))
    #expect(try ProgramRunner(seconds: 30).run("/bin/sh", ["-c", "kill -TERM $$"]).status == 128 + 15)
    #expect(throws: SnapshotFault.system(call: "execve", subject: "/nowhere", errno: ENOENT)) {
      try ProgramRunner(seconds: 1).run("/nowhere", [])
    }
  }

  @Test func timeIsLimited() throws {
    let result = try ProgramRunner(seconds: 1).run("/bin/sleep", ["600"])
    #expect(result.isTimedOut)
    #expect(result.status == 128 + 9)
  }

  @Test func outputIsLimited() throws {
    let result = try ProgramRunner(seconds: 60).run("/usr/bin/yes", [])
    #expect(result.isTimedOut)
    #expect(result.output.utf8.count == ProgramRunner.outputLimit)
  }
}
