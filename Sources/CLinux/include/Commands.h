#pragma once
// Other programs, started with nothing inherited; and, for those that install what strangers packed, with hardly anything
// of this machine in sight.
#include <stdint.h>

/// What a program in a room of its own sees: the machine's programs and libraries (`/usr` and its old names), read-only;
/// `target` under /target; `files` under /files, read-only; a /dev of five devices and a /proc of its own processes,
/// read-only. It has its own process ids, mounts, network (only `lo`, which is down), IPC and host name; no
/// capabilities but those for owners, permissions, set-ids and chroot; no way to gain more.
struct linux_room {
  const char *target;
  const char *files;
  /// 1: the target cannot be written to.
  int target_is_read_only;
};

struct linux_command {
  /// Absolute, as seen from inside the room if there is one.
  const char *path;
  /// NULL-terminated, in full: nothing is inherited.
  char *const *arguments;
  char *const *environment;
  /// Where standard output and standard error go. Standard input is /dev/null.
  int output;
  /// NULL: it sees what this process sees.
  const struct linux_room *room;
};

/// Starts a program; it and, in a room, everything that it starts is killed with the thread that called this. Returns its
/// process id and puts a pidfd (close-on-exec) into `pidfd`; or -errno, with the call that failed in `failed`. Blocks until
/// the program runs.
int linux_start(const struct linux_command *command, int *pidfd, const char **failed);

/// Waits until a started program has ended, at most so many milliseconds. Returns 1, 0, or -errno.
int linux_await_end(int pidfd, int milliseconds);

/// SIGKILL. Returns 0 or -errno.
int linux_kill(int pidfd);

/// Collects what ended: its exit status, or 128 + the signal. Returns that or -errno.
int linux_collect(int pidfd);

/// A file in memory, close-on-exec. Returns the descriptor or -errno.
int linux_memory_file(const char *name);
