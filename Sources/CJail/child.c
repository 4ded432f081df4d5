// Between clone and exec. This code shares memory, and with it errno and every lock, with a process of many threads:
// it makes system calls and nothing else, and writes nowhere but to its own stack and the report.
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/securebits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#pragma clang attribute push(__attribute__((no_sanitize("address", "thread"))), apply_to = function)
#define JAIL_POP_ATTRIBUTE
#endif
#endif

#define CHANNEL 3

// libc's wrappers set errno, which here is the parent thread's.
static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
#error "the jail knows x86-64 and arm64"
#endif
}

#define CALL(number, a, b, c, d, e) \
  call6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

_Noreturn void jail_child_exit(void) {
  for (;;) CALL(SYS_exit_group, 127, 0, 0, 0, 0);
}

static _Noreturn void stop(struct jail_child *child, int step, long result) {
  child->report->step = step;
  child->report->error = (int)-result;
  jail_child_exit();
}

// 0 or an errno, for the report.
static int32_t error_of(long result) { return result < 0 ? (int32_t)-result : 0; }

static int has(const struct jail_child *child, int layer) { return (child->request->namespaces >> layer & 1) != 0; }

static void reset_handlers(void) {
  // The kernel's sigaction; all zero is SIG_DFL.
  const struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    unsigned long mask;
  } standard = {0};
  for (int signal = 1; signal <= 64; signal++) CALL(SYS_rt_sigaction, signal, &standard, 0, 8, 0);
}

static long become_nobody(const struct jail_child *child) {
  long result = child->drops_groups ? CALL(SYS_setgroups, 0, 0, 0, 0, 0) : 0;
  if (result == 0) result = CALL(SYS_setresgid, JAIL_NOBODY, JAIL_NOBODY, JAIL_NOBODY, 0, 0);
  if (result == 0) result = CALL(SYS_setresuid, JAIL_NOBODY, JAIL_NOBODY, JAIL_NOBODY, 0, 0);
  return result;
}

static void mark_namespaces(struct jail_child *child) {
  for (int layer = JAIL_USER_NAMESPACE + 1; layer <= JAIL_CGROUP_NAMESPACE; layer++)
    if (has(child, layer)) child->report->layers[layer] = 0;
  // The new UTS namespace starts with the host's name.
  if (has(child, JAIL_UTS_NAMESPACE))
    child->report->layers[JAIL_UTS_NAMESPACE] = error_of(CALL(SYS_sethostname, "jail", 4, 0, 0, 0));
}

static long mount_empty(void) {
  // Any directory will do as the place for the new root, until it is the root.
  static const char *const places[] = {"/tmp", "/proc", "/dev", "/sys", "/run"};
  long result = -ENOENT;
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    result = CALL(
        SYS_mount, "tmpfs", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=2,mode=0555");
    if (result == 0) return CALL(SYS_chdir, places[i], 0, 0, 0, 0);
  }
  return result;
}

static long make_empty_root(void) {
  // First of all: nothing that follows may show outside.
  long result = CALL(SYS_mount, 0, "/", 0, MS_REC | MS_PRIVATE, 0);
  if (result < 0) return result;
  result = mount_empty();
  if (result < 0) return result;
  // The old root comes to lie on top of the new one, and is taken off there.
  result = CALL(SYS_pivot_root, ".", ".", 0, 0, 0);
  if (result < 0) return result;
  result = CALL(SYS_umount2, ".", MNT_DETACH, 0, 0, 0);
  if (result < 0) return result;
  result = CALL(SYS_chdir, "/", 0, 0, 0, 0);
  if (result < 0) return result;
  const unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  return CALL(SYS_mount, 0, "/", 0, flags, 0);
}

// Leaves the channel as 3, and every other descriptor to be closed by the exec. Returns the executable's, or -errno;
// `parent` becomes the end of the pipe that hangs up when the parent dies.
static long arrange_descriptors(const struct jail_child *child, int *parent) {
  // Out of the way of 3 first: it may be the executable's own number.
  long executable = CALL(SYS_fcntl, child->request->executable, F_DUPFD_CLOEXEC, CHANNEL + 1, 0, 0);
  if (executable < 0) return executable;
  long done = CALL(SYS_fcntl, child->done_write, F_DUPFD_CLOEXEC, CHANNEL + 1, 0, 0);
  if (done < 0) return done;
  long go = CALL(SYS_fcntl, child->go_read, F_DUPFD_CLOEXEC, CHANNEL + 1, 0, 0);
  if (go < 0) return go;
  *parent = (int)go;
  long result = child->request->channel == CHANNEL ? CALL(SYS_fcntl, CHANNEL, F_SETFD, 0, 0, 0)
                                                   : CALL(SYS_dup3, child->request->channel, CHANNEL, 0, 0, 0);
  if (result < 0) return result;
  result = CALL(SYS_close_range, 0, CHANNEL - 1, 0, 0, 0);
  if (result < 0) return result;
  result = CALL(SYS_close_range, CHANNEL + 1, ~0u, CLOSE_RANGE_CLOEXEC, 0, 0);
  return result < 0 ? result : executable;
}

static int32_t limit(int resource, uint64_t value) {
  const struct rlimit bounds = {.rlim_cur = value, .rlim_max = value};
  return error_of(CALL(SYS_prlimit64, 0, resource, &bounds, 0, 0));
}

static int32_t limit_resources(const struct jail_request *request) {
  const struct {
    int resource;
    uint64_t value;
  } limits[] = {
      {RLIMIT_AS, request->address_space},
      {RLIMIT_STACK, 8u << 20},
      // Descriptors 0 to 3; 0 to 2 are closed, for Landlock's ruleset to use one for a moment.
      {RLIMIT_NOFILE, CHANNEL + 1},
      {RLIMIT_NPROC, 1},
      {RLIMIT_FSIZE, 0},
      {RLIMIT_CORE, 0},
      {RLIMIT_MEMLOCK, 0},
      {RLIMIT_MSGQUEUE, 0},
      {RLIMIT_NICE, 0},
      {RLIMIT_RTPRIO, 0},
      {RLIMIT_SIGPENDING, 16},
  };
  int32_t error = 0;
  for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++) {
    int32_t result = limit(limits[i].resource, limits[i].value);
    if (result != 0) error = result;
  }
  return error;
}

static int32_t drop_bounding_set(void) {
  const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                             SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                             SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  long result = CALL(SYS_prctl, PR_SET_SECUREBITS, bits, 0, 0, 0);
  if (result < 0) return error_of(result);
  for (int capability = 0; capability < 64; capability++) {
    result = CALL(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    // The kernel has no more of them.
    if (result == -EINVAL) return capability > 0 ? 0 : EINVAL;
    if (result < 0) return error_of(result);
  }
  return 0;
}

static int32_t drop_capabilities(void) {
  CALL(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  const struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const struct __user_cap_data_struct none[2] = {{0}, {0}};
  return error_of(CALL(SYS_capset, &header, none, 0, 0, 0));
}

// Whoever has no capability to lose has no right to lower the bounding set either, and with no_new_privs no need.
static int holds_capabilities(void) {
  const struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct held[2] = {{0}, {0}};
  if (CALL(SYS_capget, &header, held, 0, 0, 0) < 0) return 1;
  return (held[0].permitted | held[1].permitted) != 0;
}

int jail_child_main(void *context) {
  struct jail_child *child = context;
  int32_t *layers = child->report->layers;
  reset_handlers();
  // Else this process would itself keep alive what tells it that the parent is gone.
  CALL(SYS_close, child->go_write, 0, 0, 0, 0);
  CALL(SYS_close, child->done_read, 0, 0, 0, 0);
  char byte;
  if (CALL(SYS_read, child->go_read, &byte, 1, 0, 0) != 1) jail_child_exit();

  const int is_contained = has(child, JAIL_USER_NAMESPACE);
  if (is_contained && child->is_mapped) {
    // Before the mounts: a file system's root must belong to somebody the namespace knows.
    int32_t error = error_of(become_nobody(child));
    if (error != 0) layers[JAIL_UNPRIVILEGED_USER] = error;
  }
  mark_namespaces(child);
  if (has(child, JAIL_MOUNT_NAMESPACE)) layers[JAIL_EMPTY_ROOT] = error_of(make_empty_root());

  int parent = -1;
  long executable = arrange_descriptors(child, &parent);
  if (executable < 0) stop(child, JAIL_STEP_DESCRIPTORS, executable);

  const int had_capabilities = holds_capabilities();
  int32_t capabilities = had_capabilities ? drop_bounding_set() : 0;
  if (!is_contained) {
    // Last of what needs root. Without root there is nobody else to become.
    child->drops_groups = 1;
    layers[JAIL_UNPRIVILEGED_USER] = child->is_root ? error_of(become_nobody(child)) : 0;
  }
  layers[JAIL_RESOURCE_LIMITS] = limit_resources(child->request);
  long result = CALL(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (result < 0) stop(child, JAIL_STEP_NO_NEW_PRIVILEGES, result);
  layers[JAIL_NO_NEW_PRIVILEGES] = 0;
  int32_t dropped = drop_capabilities();
  layers[JAIL_NO_CAPABILITIES] = capabilities != 0 ? capabilities : dropped;
  // After the last change of user, which clears it; and then see whether the parent died before.
  layers[JAIL_PARENT_DEATH_SIGNAL] = error_of(CALL(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
  struct pollfd pipe = {.fd = parent, .events = POLLIN};
  const struct timespec now = {0};
  if (CALL(SYS_ppoll, &pipe, 1, &now, 0, 8) > 0 && (pipe.revents & POLLHUP) != 0) jail_child_exit();
  const uint64_t none = 0;
  CALL(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8, 0);
  child->is_executing = 1;
  result = CALL(
      SYS_execveat, executable, "", child->request->arguments, child->request->environment, AT_EMPTY_PATH);
  child->is_executing = 0;
  stop(child, JAIL_STEP_EXEC, result);
}

#ifdef JAIL_POP_ATTRIBUTE
#pragma clang attribute pop
#endif
