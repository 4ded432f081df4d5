#ifndef SAFEBOX_JAIL_H
#define SAFEBOX_JAIL_H
// The jail of one worker: what the host puts around the process before its first instruction (`jail_spawn`), and what
// the worker puts around itself before it reads its first byte (`jail_lockdown`). Nothing is skipped in silence: for
// each layer a report says that it holds, or the errno for which it does not.
#include <stddef.h>
#include <stdint.h>

/// What can stand between a worker and the machine.
enum jail_layer {
  JAIL_USER_NAMESPACE,
  JAIL_PID_NAMESPACE,
  JAIL_NETWORK_NAMESPACE,
  JAIL_MOUNT_NAMESPACE,
  JAIL_IPC_NAMESPACE,
  JAIL_UTS_NAMESPACE,
  JAIL_CGROUP_NAMESPACE,
  /// A read-only, empty file system is the root, and the old one is detached.
  JAIL_EMPTY_ROOT,
  /// The kernel's uid is not root's, and root's supplementary groups are gone.
  JAIL_UNPRIVILEGED_USER,
  /// Bounding, permitted, effective, inheritable and ambient set are empty.
  JAIL_NO_CAPABILITIES,
  JAIL_NO_NEW_PRIVILEGES,
  JAIL_RESOURCE_LIMITS,
  /// The worker dies with the thread that made it.
  JAIL_PARENT_DEATH_SIGNAL,
  JAIL_MEMORY_CGROUP,
  JAIL_PIDS_CGROUP,
  JAIL_LANDLOCK_FILES,
  JAIL_LANDLOCK_NETWORK,
  /// No signals and no abstract unix sockets out of the jail.
  JAIL_LANDLOCK_SCOPE,
  JAIL_SECCOMP,
  JAIL_LAYERS
};

/// As in `network-namespace`: what the entries of runs call it. NULL for no layer.
const char *jail_layer_name(int layer);

/// In a report: the layer was not asked for.
#define JAIL_NOT_APPLIED (-1)

// MARK: the host's side

/// Where `jail_spawn` stopped.
enum jail_step {
  JAIL_STEP_NONE,
  JAIL_STEP_PIPE,
  JAIL_STEP_CLONE,
  JAIL_STEP_DESCRIPTORS,
  JAIL_STEP_NO_NEW_PRIVILEGES,
  JAIL_STEP_EXEC,
  JAIL_STEP_TIMEOUT,
  JAIL_STEPS
};

const char *jail_step_name(int step);

struct jail_request {
  /// An open descriptor of a static executable; O_PATH is enough.
  int executable;
  /// A stream socket; the worker's descriptor 3, and its only one.
  int channel;
  /// NULL-terminated, in full: nothing is inherited.
  char *const *arguments;
  char *const *environment;
  /// Bits `1 << JAIL_USER_NAMESPACE` to `1 << JAIL_CGROUP_NAMESPACE`.
  uint32_t namespaces;
  /// RLIMIT_AS, bytes.
  uint64_t address_space;
  /// Open `cgroup.procs` files that the worker joins before it runs, or -1.
  int memory_group;
  int pids_group;
};

struct jail_report {
  int32_t step;
  int32_t error;
  /// For each layer 0, an errno, or `JAIL_NOT_APPLIED`.
  int32_t layers[JAIL_LAYERS];
};

/// Starts a worker. Returns its process id and puts a pidfd (close-on-exec) into `pidfd`; returns -1 when it could not
/// be started, with step and errno in the report; then nothing is left of it.
///
/// Layers from `JAIL_USER_NAMESPACE` to `JAIL_PIDS_CGROUP` are reported. Blocks until the worker's executable runs
/// (about a millisecond); calls in several threads follow one another. The worker gets SIGKILL when the calling
/// thread ends, so call it on one that lives as long as the workers should.
int jail_spawn(const struct jail_request *request, struct jail_report *report, int *pidfd);

/// Finds out which namespaces this process can make: `errors` has an errno or 0 for each of the first seven layers.
/// Returns the bits for `jail_request.namespaces`.
uint32_t jail_probe_namespaces(int32_t errors[JAIL_LAYERS]);

/// An O_PATH descriptor (close-on-exec) for `jail_request.executable`, or -errno.
int jail_open_executable(const char *path);

/// Waits until a descriptor can be read, or its other end is gone, at most so long. Returns whether it can.
int jail_await(int fd, long nanoseconds);

/// A descriptor (close-on-exec) for a child that has not been waited for, or -errno.
int jail_pidfd_open(int pid);

/// SIGKILL, to exactly this process. Returns 0 or -errno.
int jail_kill(int pidfd);

struct jail_exit {
  /// The signal that ended it, or 0.
  int32_t signal;
  int32_t status;
};

/// Waits for a child that has ended. Returns 1, 0 while it runs, or -errno.
int jail_reap(int pidfd, struct jail_exit *exit);

// MARK: the worker's side

struct jail_lockdown_report {
  /// 0 where the kernel has no Landlock.
  int32_t landlock_abi;
  /// Filled in for `JAIL_NO_NEW_PRIVILEGES` and from `JAIL_LANDLOCK_FILES` on.
  int32_t layers[JAIL_LAYERS];
};

/// Locks the calling process in, for ever: Landlock with no exception, then the system calls of `lockdown.c` and a
/// SIGSYS that kills for every other. Call it before reading anything, while there is one thread.
///
/// Needs no privilege. Returns how many layers do not hold.
int jail_lockdown(struct jail_lockdown_report *report);

/// Its halves, so that each can be attacked without the other's help.
void jail_apply_landlock(struct jail_lockdown_report *report);
void jail_apply_seccomp(struct jail_lockdown_report *report);

#endif
