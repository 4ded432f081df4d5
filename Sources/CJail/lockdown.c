#define _GNU_SOURCE
#include "CJail.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// MARK: Landlock

// Written out: the headers of the machine that builds may be older than the kernel that runs.
struct ruleset {
  uint64_t files;
  uint64_t network;
  uint64_t scopes;
};

static int restrict_with(const struct ruleset *rules, size_t size) {
  int fd = (int)syscall(SYS_landlock_create_ruleset, rules, size, 0);
  if (fd < 0) return errno;
  int error = syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? errno : 0;
  close(fd);
  return error;
}

// A ruleset without rules denies all that it handles.
void jail_apply_landlock(struct jail_lockdown_report *report) {
  int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);
  if (abi < 0) {
    int error = errno;
    for (int layer = JAIL_LANDLOCK_FILES; layer <= JAIL_LANDLOCK_SCOPE; layer++) report->layers[layer] = error;
    return;
  }
  report->landlock_abi = abi;
  int file_rights = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;
  struct ruleset rules = {.files = (1ull << file_rights) - 1, .network = 3, .scopes = 3};
  size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  int error = restrict_with(&rules, size);
  report->layers[JAIL_LANDLOCK_FILES] = error;
  report->layers[JAIL_LANDLOCK_NETWORK] = abi >= 4 ? error : ENOSYS;
  report->layers[JAIL_LANDLOCK_SCOPE] = abi >= 6 ? error : ENOSYS;
}

// MARK: seccomp

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#else
#error "the jail knows x86-64 and arm64"
#endif

#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
// Little-endian: the low half of an argument comes first. The kernel reads no more than it of these arguments.
#define ARGUMENT(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define ALLOW_CALL(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), ALLOW
// The next n instructions are for this call alone.
#define FOR_CALL(name, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, n)
#define ALLOW_VALUE(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1), ALLOW

void jail_apply_seccomp(struct jail_lockdown_report *report) {
  static struct sock_filter filter[] = {
      FIELD(arch),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0),
      KILL,
      FIELD(nr),
#if defined(__x86_64__)
      // x32 numbers mean other calls under the same architecture.
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
      KILL,
#endif
      ALLOW_CALL(read),
      ALLOW_CALL(write),
      ALLOW_CALL(brk),
      ALLOW_CALL(munmap),
      ALLOW_CALL(mremap),
      ALLOW_CALL(madvise),
      ALLOW_CALL(clock_gettime),
      ALLOW_CALL(rt_sigreturn),
      ALLOW_CALL(exit),
      ALLOW_CALL(exit_group),
      // Waiting and waking only: the priority-inheriting operations are the ones that kernels got wrong.
      FOR_CALL(futex, 11),
      ARGUMENT(1),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FUTEX_CMD_MASK),
      ALLOW_VALUE(FUTEX_WAIT),
      ALLOW_VALUE(FUTEX_WAKE),
      ALLOW_VALUE(FUTEX_WAIT_BITSET),
      ALLOW_VALUE(FUTEX_WAKE_BITSET),
      KILL,
      // Memory of its own that is never code.
      FOR_CALL(mmap, 6),
      ARGUMENT(2),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 2, 0),
      ARGUMENT(3),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 1, 0),
      KILL,
      ALLOW,
      FOR_CALL(mprotect, 4),
      ARGUMENT(2),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
      KILL,
      ALLOW,
      KILL,
  };
  static const struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  // With TSYNC a positive result is a thread that could not be brought in.
  report->layers[JAIL_SECCOMP] = result < 0 ? errno : result > 0 ? ESRCH : 0;
}

int jail_lockdown(struct jail_lockdown_report *report) {
  report->landlock_abi = 0;
  for (int layer = 0; layer < JAIL_LAYERS; layer++) report->layers[layer] = JAIL_NOT_APPLIED;
  // The allocator asks for random bytes at its first use, which the filter would not let it have.
  free(malloc(1));
  report->layers[JAIL_NO_NEW_PRIVILEGES] = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : 0;
  // Neither a debugger of the same user nor a core file gets at the tool's data.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  jail_apply_landlock(report);
  jail_apply_seccomp(report);
  int missing = report->layers[JAIL_NO_NEW_PRIVILEGES] != 0;
  for (int layer = JAIL_LANDLOCK_FILES; layer < JAIL_LAYERS; layer++) missing += report->layers[layer] != 0;
  return missing;
}
