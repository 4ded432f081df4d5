import CanonicalJSON

/// The system calls of a runner: what is not named fails with EPERM (OCI config-linux.md, "Seccomp").
///
/// Adequate for servers with threads that map files, listen on a unix socket and start a child. Missing on purpose, beside
/// everything that needs a capability: sockets of any family but unix (a network namespace does not hold AF_VSOCK back),
/// new namespaces, ptrace and reading other processes' memory, io_uring, bpf, keys, userfaultfd, perf.
enum SystemCallFilter {
  private static let names = [
    "accept", "accept4", "access", "alarm", "arch_prctl", "bind", "brk", "capget", "chdir", "chmod", "clock_getres",
    "clock_gettime", "clock_nanosleep", "close", "close_range", "connect", "copy_file_range", "dup", "dup2", "dup3",
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2",
    "execve", "exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat",
    "fcntl",
    "fdatasync", "flock", "fork", "fstat", "fstatfs", "fsync", "ftruncate", "futex", "futex_wait", "futex_wake",
    "futex_waitv", "getcpu", "getcwd", "getdents", "getdents64", "getegid", "geteuid", "getgid", "getgroups",
    "getitimer", "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid",
    "getresuid", "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid", "gettimeofday", "getuid",
    "ioctl", "kill", "link", "listen", "lseek", "lstat", "madvise", "membarrier", "memfd_create", "mincore", "mkdir",
    "mkdirat", "mlock", "mlock2", "mmap", "mprotect", "mremap", "msync", "munlock", "munmap", "nanosleep",
    "newfstatat", "open", "openat", "openat2", "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "poll",
    "ppoll", "prctl", "pread64",
    "preadv", "preadv2", "prlimit64", "pselect6", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
    "readlinkat", "readv", "recvfrom", "recvmmsg", "recvmsg", "rename", "renameat", "renameat2", "restart_syscall",
    "rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_setaffinity", "sched_yield",
    "select", "sendfile", "sendmmsg", "sendmsg", "sendto", "set_robust_list", "set_tid_address", "setitimer",
    "setpgid", "setsid", "setsockopt", "shutdown", "sigaltstack", "signalfd", "signalfd4", "socketpair", "splice",
    "stat", "statfs", "statx", "symlink", "symlinkat", "sysinfo", "tgkill", "timer_create", "timer_delete",
    "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime",
    "times", "tkill", "truncate", "umask", "uname", "unlink", "unlinkat", "utimensat", "vfork", "wait4", "waitid",
    "write", "writev",
    // The runtime itself, between the filter and the program: users and capabilities.
    "capset", "setgid", "setgroups", "setresgid", "setresuid", "setuid",
  ]

  private static let unix: Int64 = 1
  private static let inet: Int64 = 2
  /// CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET | NEWTIME.
  private static let namespaces: Int64 = 0x7e02_0080
  private static let notSupported: Int64 = 38

  /// - Parameter usesLoopback: whether IPv4 sockets are allowed too; the namespace has nothing but loopback.
  static func profile(usesLoopback: Bool) -> JSON {
    let families = usesLoopback ? [unix, inet] : [unix]
    var rules: [JSON] = [
      ["names": .array(names.map(JSON.string)), "action": "SCMP_ACT_ALLOW"],
      // Threads and children, but no new namespace.
      [
        "names": ["clone"], "action": "SCMP_ACT_ALLOW",
        "args": [["index": 0, "value": .integer(namespaces), "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"]],
      ],
      // Its arguments are out of a filter's sight; with this answer the C library uses clone.
      ["names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": .integer(notSupported)],
    ]
    for family in families {
      rules.append([
        "names": ["socket"], "action": "SCMP_ACT_ALLOW",
        "args": [["index": 0, "value": .integer(family), "op": "SCMP_CMP_EQ"]],
      ])
    }
    return [
      "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
      "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
      "syscalls": .array(rules),
    ]
  }
}
