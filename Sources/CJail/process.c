#define _GNU_SOURCE
#include "CJail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int jail_open_executable(const char *path) {
  int fd = open(path, O_PATH | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int jail_await(int fd, long nanoseconds) {
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  const struct timespec time = {.tv_nsec = nanoseconds};
  return ppoll(&entry, 1, &time, NULL) > 0;
}

int jail_pidfd_open(int pid) {
  // Close-on-exec is how the kernel makes them.
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  return fd < 0 ? -errno : fd;
}

int jail_kill(int pidfd) { return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 ? -errno : 0; }

int jail_reap(int pidfd, struct jail_exit *exit) {
  siginfo_t info = {0};
  int result;
  do result = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
  while (result < 0 && errno == EINTR);
  if (result < 0) return -errno;
  if (info.si_pid == 0) return 0;
  exit->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
  exit->status = info.si_code == CLD_EXITED ? info.si_status : 0;
  return 1;
}
