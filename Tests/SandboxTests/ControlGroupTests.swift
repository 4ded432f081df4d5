import Foundation
import Testing

@testable import Sandbox

extension SandboxSuite {
  /// The hierarchies of machines that this one is not, as directories of ordinary files.
  @Suite struct ControlGroupTests {
    private static let mounts = """
      22 27 0:21 / /proc rw - proc proc rw
      35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
      39 31 0:36 /box /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids,misc
      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
      """

    @Test func placesAreReadFromTheKernelsTables() {
      let places = CgroupPlaces(membership: "9:memory:/a/b\n8:pids,misc:/box/c\n0::/\n", mounts: Self.mounts)
      #expect(places.legacy["memory"] == "/sys/fs/cgroup/memory/a/b")
      #expect(places.legacy["pids"] == "/sys/fs/cgroup/pids/c")
      #expect(places.unified == "/sys/fs/cgroup/unified")
      let outside = CgroupPlaces(membership: "8:pids:/other\n", mounts: Self.mounts)
      #expect(outside.legacy["pids"] == nil && outside.unified == nil)
      #expect(CgroupPlaces(membership: "", mounts: "broken - line").legacy.isEmpty)
    }

    private static func directory(_ files: [String: String]) throws -> String {
      let url = FileManager.default.temporaryDirectory.appendingPathComponent("cgroup-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      for (name, text) in files { try Data(text.utf8).write(to: url.appendingPathComponent(name)) }
      return url.path
    }

    @Test func controllersThatAreNotGivenAreSaidToBeMissing() throws {
      let directory = try Self.directory(["cgroup.controllers": "hugetlb\n", "cgroup.subtree_control": ""])
      defer { try? FileManager.default.removeItem(atPath: directory) }
      let groups = ControlGroups.find(membership: "0::/\n", mounts: "1 1 0:1 / \(directory) rw - cgroup2 x rw", pid: 1)
      #expect(throws: ControlGroups.Absence(reason: "memory is not delegated to \(directory)")) {
        try groups.memory.get()
      }
      let none = ControlGroups.find(membership: "", mounts: "", pid: 1)
      #expect(throws: ControlGroups.Absence(reason: "no cgroup hierarchy with pids is mounted")) { try none.pids.get() }
    }

    @Test func controllersThatAreOnAreUsed() throws {
      let directory = try Self.directory([
        "cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "memory pids\n",
      ])
      defer { try? FileManager.default.removeItem(atPath: directory) }
      let groups = ControlGroups.find(membership: "0::/\n", mounts: "1 1 0:1 / \(directory) rw - cgroup2 x rw", pid: 1)
      let parent = ControlGroups.Parent(directory: directory, isUnified: true)
      #expect(try groups.memory.get() == parent)
      #expect(try groups.pids.get() == parent)
      // The kernel makes the files of a group; here nobody does, and that is told.
      let group = groups.make(name: "g")
      #expect(throws: ControlGroups.Absence.self) { try group.memory.get() }
    }

    @Test func aLimitThatCannotBeSetMeansNoGroup() throws {
      let directory = try Self.directory([:])
      defer { try? FileManager.default.removeItem(atPath: directory) }
      try FileManager.default.createDirectory(atPath: directory + "/g", withIntermediateDirectories: false)
      let groups = ControlGroups.find(
        membership: "1:memory:/\n2:pids:/\n",
        mounts: "1 1 0:1 / \(directory) rw - cgroup x rw,memory\n1 1 0:1 / \(directory) rw - cgroup x rw,pids", pid: 1)
      try Data().write(to: URL(fileURLWithPath: directory + "/g/memory.limit_in_bytes"))
      try Data().write(to: URL(fileURLWithPath: directory + "/g/cgroup.procs"))
      let group = groups.make(name: "g")
      defer { group.closeDescriptors() }
      #expect(try group.memory.get() >= 0)
      #expect(SystemFile.read(directory + "/g/memory.limit_in_bytes") == "\(ControlGroups.memoryLimit)")
      #expect(throws: ControlGroups.Absence.self) { try group.pids.get() }
    }

    @Test func groupsOfTheDeadAreSweptAndThoseOfTheLivingAreNot() throws {
      let directory = try Self.directory([:])
      defer { try? FileManager.default.removeItem(atPath: directory) }
      let own = "worker-\(getpid())-1"
      for name in ["worker-999999999-1", own, "other"] {
        try FileManager.default.createDirectory(atPath: "\(directory)/\(name)", withIntermediateDirectories: false)
      }
      let groups = ControlGroups.find(
        membership: "1:memory:/\n", mounts: "1 1 0:1 / \(directory) rw - cgroup x rw,memory", pid: 1)
      groups.sweep(prefix: "worker-")
      #expect(Set(SystemFile.names(in: directory)) == [own, "other"])
    }
  }
}
