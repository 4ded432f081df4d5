import Foundation
import TestSupport
import Testing

@testable import Runners

/// A program that tries to get out of its container finds nothing outside.
@Suite(.enabled(if: RunnerBox.runtime, RunnerBox.absence))
struct ContainmentTests {
  @Test func aHostileProgramReachesNothing() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(box.hostile("hostile"))
      let found = try await box.report(status)
      // What it must be able to do.
      for name in ["socket-unix", "read-weights", "create-in-cache", "create-in-tmp"] {
        #expect(found[name] == 0, "\(name)")
      }
      // No network: not even sockets of its families, and one interface (under two lines of heading).
      for name in ["socket-inet", "socket-inet6", "socket-netlink", "socket-packet", "socket-vsock"] {
        #expect(found[name] == Int(EPERM), "\(name)")
      }
      #expect(found["interfaces"] == 3)
      // Weights and root.
      for name in [
        "write-weights", "create-beside-weights", "unlink-weights", "chmod-weights", "create-in-root", "create-in-etc",
      ] {
        #expect([EROFS, EACCES].map(Int.init).contains(found[name] ?? 0), "\(name) is \(found[name] ?? -1)")
      }
      #expect(found["write-weights"] == Int(EROFS) || found["write-weights"] == Int(EACCES))
      #expect(found["weights"] == 1)
      // The kernel.
      for name in [
        "mount", "unshare-user", "unshare-net", "clone-user", "ptrace", "io-uring", "bpf", "keyctl",
        "chroot", "setuid-root", "mknod", "process-vm-readv",
      ] {
        #expect(found[name] == Int(EPERM), "\(name) is \(found[name] ?? -1)")
      }
      #expect(found["kernel-setting"] != 0)
      #expect(found["sysrq"] != 0)
    }
  }

  @Test func theKernelSaysWhatStandsAroundIt() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(box.hostile("around", memoryBytes: 128 << 20, pids: 40))
      let containment = try #require(status.containment)
      for layer in [
        "pid-namespace", "net-namespace", "ipc-namespace", "uts-namespace", "mnt-namespace", "cgroup-namespace",
        "unprivileged-user", "no-capabilities", "no-new-privileges", "seccomp",
      ] {
        #expect(containment.applied.contains(layer), "\(layer)")
      }
      if ControlGroups.hierarchy != .none {
        #expect(containment.limits.memoryBytes == 128 << 20)
        #expect(containment.limits.pids == 40)
        #expect(containment.limits.cpuPercent == 100)
        #expect(containment.missing.isEmpty)
      }
      // The container's own table of mounts: point of mount and options are fields 5 and 6 (proc_pid_mountinfo(5)).
      let pid = try #require(status.pid)
      let mounts = try String(contentsOfFile: "/proc/\(pid)/mountinfo", encoding: .utf8).split(separator: "\n")
        .map { $0.split(separator: " ") }
      for path in ["/", "/proc/sys"] {
        let options = mounts.last { $0.count > 5 && $0[4] == path }?[5].split(separator: ",")
        #expect(options?.contains("ro") == true, "\(path)")
      }
    }
  }

  @Test(.enabled(if: ControlGroups.hierarchy != .none, "this machine has no control groups"))
  func memoryBeyondTheLimitEndsIt() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(box.hostile("greedy", memoryBytes: 64 << 20))
      await #expect(throws: (any Error).self) { try await box.ask(status, "/grow") }
      let again = try await box.wait("greedy") { $0.restarts == 1 && $0.phase == .ready }
      #expect(again.pid != status.pid)
      let told = box.alarms.contains { alarm in
        guard case .ended(_, let why) = alarm else { return false }
        return why.contains("memory limit")
      }
      #expect(told, "\(box.alarms)")
    }
  }

  @Test(.enabled(if: ControlGroups.hierarchy != .none, "this machine has no control groups"))
  func processesBeyondTheLimitAreNotMade() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(box.hostile("fertile", pids: 24))
      let text = String(decoding: try await box.ask(status, "/multiply").body, as: UTF8.self)
      let count = try #require(Int(text))
      #expect((1..<24).contains(count))
    }
  }

  @Test func aLinkInPlaceOfTheSocketLeadsNowhere() async throws {
    try await RunnerBox.with { box in
      let status = try await box.supervisor.start(box.hostile("misleading"))
      let found = try await box.report(status, "/misdirect")
      #expect(found["symlink"] == 0)
      // The runner's link to /etc is there, and nobody follows it.
      let descriptor = open(status.socket + "/hostname", O_RDONLY)
      #expect(descriptor < 0 && errno == ELOOP)
      #expect(
        try FileManager.default.destinationOfSymbolicLink(
          atPath: (status.socket as NSString).deletingLastPathComponent + "/socket/runner.sock") == "/etc")
    }
  }

  @Test func whatItWritesIsBounded() async throws {
    try await RunnerBox.with {
      $0.logBytes = 1 << 20
    } _: { box in
      let status = try await box.supervisor.start(box.hostile("loud"))
      // Four mebibytes each time.
      for _ in 0..<2 { _ = try await box.ask(status, "/flood") }
      let directory = (status.socket as NSString).deletingLastPathComponent
      // What it wrote may still be in the pipe, and a rotation under way.
      for name in ["log", "log.1"] {
        var size: Int?
        for _ in 0..<500 where size == nil {
          size = try? FileManager.default.attributesOfItem(atPath: directory + "/" + name)[.size] as? Int
          if size == nil { try await Task.sleep(for: .milliseconds(10)) }
        }
        #expect((0...(1 << 20)).contains(try #require(size)))
      }
      #expect(!FileManager.default.fileExists(atPath: directory + "/log.2"))
      #expect(try await box.supervisor.log(of: "loud", tail: 1000).count <= 1000)
    }
  }
}
