import Glibc
import Testing

@testable import Sandbox

extension SandboxSuite {
  /// A hostile program in the worker's place tries to get out.
  @Suite struct EscapeTests {
    /// After the lockdown everything kills but these, which need no system call that the filter stops.
    private static let lockedExceptions: [String: HostileProbe.Outcome] = [
      "huge_map": .refused(ENOMEM),
      "inherited_reads": .refused(EBADF),
      "inherited_writes": .refused(EBADF),
      "run_data": .killed(SIGSEGV),
      "stack_bomb": .killed(SIGSEGV),
    ]

    /// What namespaces, the empty root, the lost rights and the limits stop without any help of the worker.
    private static let stoppedFromOutside = [
      "open_passwd", "open_parent", "open_create", "open_temporary", "open_proc_self", "open_proc_memory",
      "open_proc_descriptors", "open_device", "open_sys", "open_executable", "make_directory", "make_device",
      "make_fifo",
      "make_symlink", "mount_proc", "mount_tmpfs", "remount_writable", "new_mount_api", "unmount_root", "pivot",
      "change_root", "chroot_escape", "open_by_handle", "execute_itself", "execute_shell", "unshare_network",
      "unshare_mount", "unshare_pid", "unshare_time", "setns_channel", "connect_loopback", "connect_outside",
      "socket_packet", "socket_raw", "trace_parent", "read_parent_memory", "signal_everybody", "signal_parent",
      "signal_group", "open_pidfd", "steal_descriptor", "fork_once", "make_thread", "fork_bomb", "clone_user",
      "set_user",
      "set_group", "set_groups", "raise_ambient", "no_new_privileges_off", "set_capabilities", "raise_limit",
      "raise_priority", "real_time", "kexec", "load_module", "reboot_machine", "set_hostname", "set_clock", "swap_on",
      "kernel_log", "huge_map", "lock_memory", "inherited_flags", "inherited_reads", "inherited_writes",
      "many_descriptors", "map_channel",
    ]

    /// What Landlock stops of that which namespaces leave.
    private static let stoppedByLandlock = ["open_root", "bind_tcp", "connect_loopback", "mount_tmpfs"]

    /// What any Linux machine lets an ordinary program do.
    private static let possibleOutside = [
      "socket_inet", "socket_inet_datagram", "socket_unix", "socket_netlink", "socket_pair", "bind_tcp",
      "bind_abstract",
      "open_root", "open_passwd", "open_parent", "open_proc_self", "open_proc_descriptors", "open_device", "stat_root",
      "execute_shell", "signal_parent", "signal_itself", "open_pidfd", "fork_once", "fork_bomb", "memfd", "timer",
      "handler", "random_bytes", "machine_name", "sleep_long", "map_executable", "make_executable", "huge_map",
      "inherited_flags", "inherited_writes", "many_descriptors", "duplicate_channel", "poll_channel", "raise_limit",
      "take_all_cores", "trace_me",
    ]

    @Test func everyAttemptFailsAfterTheLockdown() throws {
      let names = try HostileProbe.names()
      #expect(names.count >= 100 && Set(names).count == names.count)
      for name in names where name != "eat_memory" {
        let expected = Self.lockedExceptions[name] ?? .killed(SIGSYS)
        let outcome = try HostileProbe.jailed(name, .locked)
        #expect(outcome == expected, "\(name): \(outcome), expected \(expected)")
      }
    }

    @Test func theJailAloneStopsWhatNeedsTheMachine() throws {
      for name in Self.stoppedFromOutside {
        let outcome = try HostileProbe.jailed(name, .bare)
        #expect(outcome.isRefusal, "\(name): \(outcome)")
      }
      // Refused for the right reason: no network at all, and a root that nobody can write to.
      #expect(try HostileProbe.jailed("connect_loopback", .bare) == .refused(ENETUNREACH))
      #expect(try HostileProbe.jailed("make_directory", .bare) == .refused(EROFS))
    }

    @Test func landlockAloneStopsFilesAndConnections() throws {
      for name in Self.stoppedByLandlock {
        let outcome = try HostileProbe.jailed(name, .landlock)
        #expect(outcome == .refused(EACCES) || outcome == .refused(EPERM), "\(name): \(outcome)")
      }
      // So that it is Landlock and not the empty root which refused.
      #expect(try HostileProbe.jailed("open_root", .bare) == .succeeded)
      #expect(try HostileProbe.jailed("bind_tcp", .bare) == .succeeded)
    }

    @Test func theMemoryOfAWorkerIsBoundedByItsControlGroup() throws {
      guard case .success = ControlGroups.own.memory else { return }
      #expect(try HostileProbe.jailed("eat_memory", .bare) == .killed(SIGKILL))
      #expect(try HostileProbe.jailed("eat_memory", .locked) == .killed(SIGKILL))
    }

    /// The suite must be able to fail: what is refused in the jail is possible where there is none.
    @Test func theSameAttemptsSucceedOutside() throws {
      for name in Self.possibleOutside {
        let outcome = try HostileProbe.control(name)
        // A program that was replaced by another one says nothing.
        let isReplaced = name == "execute_shell" && outcome == .exited(-1)
        #expect(outcome == .succeeded || isReplaced, "\(name): \(outcome)")
      }
    }
  }
}
