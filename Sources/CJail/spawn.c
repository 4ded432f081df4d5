#define _GNU_SOURCE
#include "CJail.h"
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// The child runs in this process's memory until it executes the worker (CLONE_VM): no page table is copied, however
// large the daemon is, and the report needs no pipe. It has a stack of its own, blocks signals, resets handlers, and
// keeps off everything that is not its `struct jail_child` (see child.c). One child at a time.
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static _Alignas(64) unsigned char child_stack[64 << 10];

// An exec takes a millisecond; after this many it is given up.
enum { SPAWN_TIMEOUT_MS = 10000 };

static const int clone_flags[] = {
    [JAIL_USER_NAMESPACE] = CLONE_NEWUSER,   [JAIL_PID_NAMESPACE] = CLONE_NEWPID,
    [JAIL_NETWORK_NAMESPACE] = CLONE_NEWNET, [JAIL_MOUNT_NAMESPACE] = CLONE_NEWNS,
    [JAIL_IPC_NAMESPACE] = CLONE_NEWIPC,     [JAIL_UTS_NAMESPACE] = CLONE_NEWUTS,
    [JAIL_CGROUP_NAMESPACE] = CLONE_NEWCGROUP,
};

static int flags_of(uint32_t namespaces) {
  int flags = 0;
  for (int layer = JAIL_USER_NAMESPACE; layer <= JAIL_CGROUP_NAMESPACE; layer++)
    if (namespaces & 1u << layer) flags |= clone_flags[layer];
  return flags;
}

static int write_text(int fd, const char *text) {
  ssize_t count;
  do count = write(fd, text, strlen(text));
  while (count < 0 && errno == EINTR);
  return count < 0 ? errno : 0;
}

static int write_file(int pid, const char *name, const char *text) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = write_text(fd, text);
  close(fd);
  return error;
}

// A map can be written once, so the second attempt only follows a refusal. Sets `is_nobody` when the kernel's id is
// nobody's and not the caller's own.
static int write_map(int pid, const char *name, unsigned own, int *is_nobody) {
  char text[48];
  snprintf(text, sizeof text, "%u %u 1\n", JAIL_NOBODY, JAIL_NOBODY);
  int error = own == JAIL_NOBODY ? EPERM : write_file(pid, name, text);
  *is_nobody = error == 0;
  if (error == 0) return 0;
  snprintf(text, sizeof text, "%u %u 1\n", JAIL_NOBODY, own);
  return write_file(pid, name, text);
}

static void write_maps(struct jail_child *child, int pid, struct jail_report *report) {
  int is_nobody = 0;
  int error = write_map(pid, "uid_map", geteuid(), &is_nobody);
  child->drops_groups = 1;
  if (error == 0) {
    error = write_map(pid, "gid_map", getegid(), &child->drops_groups);
    if (error != 0) {
      // Who may not set groups may map only after giving that up for the child too.
      child->drops_groups = 0;
      error = write_file(pid, "setgroups", "deny");
      if (error == 0) error = write_map(pid, "gid_map", getegid(), &child->drops_groups);
      child->drops_groups = 0;
    }
  }
  child->is_mapped = error == 0;
  report->layers[JAIL_USER_NAMESPACE] = error;
  report->layers[JAIL_UNPRIVILEGED_USER] = error != 0 && geteuid() == 0 ? error : is_nobody || geteuid() != 0 ? 0 : EPERM;
}

static void join(int group, int pid, int32_t *layer) {
  if (group < 0) return;
  char text[16];
  snprintf(text, sizeof text, "%d\n", pid);
  *layer = write_text(group, text);
}

static void reap(int pid) {
  while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) {
  }
}

// The child's end of the pipe closes when it executes the worker or dies.
static int await_close(int fd) {
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  int count;
  do count = poll(&entry, 1, SPAWN_TIMEOUT_MS);
  while (count < 0 && errno == EINTR);
  return count > 0 ? 0 : -1;
}

static int spawn_locked(struct jail_child *child, struct jail_report *report, int *pidfd) {
  const struct jail_request *request = child->request;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int flags = CLONE_VM | CLONE_PIDFD | SIGCHLD | flags_of(request->namespaces);
  // What shares memory that may not be dumped has a /proc of root's, into which only root writes the maps.
  int is_dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  if (is_dumpable == 0 && geteuid() != 0) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  int pid = clone(jail_child_main, child_stack + sizeof child_stack, flags, child, pidfd);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(child->go_read);
  close(child->done_write);
  if (pid < 0) {
    report->step = JAIL_STEP_CLONE;
    report->error = error;
    prctl(PR_SET_DUMPABLE, is_dumpable, 0, 0, 0);
    return -1;
  }

  if (request->namespaces & 1u << JAIL_USER_NAMESPACE) write_maps(child, pid, report);
  join(request->memory_group, pid, &report->layers[JAIL_MEMORY_CGROUP]);
  join(request->pids_group, pid, &report->layers[JAIL_PIDS_CGROUP]);
  // A child that changes its user makes the memory it shares with this process undumpable; that too is undone below.
  write_text(child->go_write, "g");
  int waited = await_close(child->done_read);
  if (waited < 0) {
    kill(pid, SIGKILL);
    report->step = JAIL_STEP_TIMEOUT;
    report->error = ETIMEDOUT;
  }
  if (report->step != JAIL_STEP_NONE || !child->is_executing) {
    if (report->step == JAIL_STEP_NONE) report->step = JAIL_STEP_EXEC, report->error = ECHILD;
    reap(pid);
    close(*pidfd);
    *pidfd = -1;
    pid = -1;
  }
  if (is_dumpable == 0 || is_dumpable == 1) prctl(PR_SET_DUMPABLE, is_dumpable, 0, 0, 0);
  return pid;
}

int jail_spawn(const struct jail_request *request, struct jail_report *report, int *pidfd) {
  *pidfd = -1;
  report->step = JAIL_STEP_NONE;
  report->error = 0;
  for (int layer = 0; layer < JAIL_LAYERS; layer++) report->layers[layer] = JAIL_NOT_APPLIED;

  int go[2], done[2];
  if (pipe2(go, O_CLOEXEC) < 0) {
    report->step = JAIL_STEP_PIPE;
    report->error = errno;
    return -1;
  }
  if (pipe2(done, O_CLOEXEC) < 0) {
    report->step = JAIL_STEP_PIPE;
    report->error = errno;
    close(go[0]);
    close(go[1]);
    return -1;
  }
  struct jail_child child = {
      .request = request,
      .report = report,
      .go_read = go[0],
      .go_write = go[1],
      .done_read = done[0],
      .done_write = done[1],
      .is_root = geteuid() == 0,
  };
  pthread_mutex_lock(&one_at_a_time);
  int pid = spawn_locked(&child, report, pidfd);
  pthread_mutex_unlock(&one_at_a_time);
  close(go[1]);
  close(done[0]);
  return pid;
}

static int leave_at_once(void *context) {
  (void)context;
  jail_child_exit();
}

static int try_namespaces(uint32_t namespaces) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int pid = clone(leave_at_once, child_stack + sizeof child_stack, CLONE_VM | SIGCHLD | flags_of(namespaces), NULL);
  int error = pid < 0 ? errno : 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (pid >= 0) reap(pid);
  return error;
}

uint32_t jail_probe_namespaces(int32_t errors[JAIL_LAYERS]) {
  const uint32_t all = (1u << (JAIL_CGROUP_NAMESPACE + 1)) - 1;
  for (int layer = 0; layer < JAIL_LAYERS; layer++) errors[layer] = JAIL_NOT_APPLIED;
  pthread_mutex_lock(&one_at_a_time);
  uint32_t works = 0;
  if (try_namespaces(all) == 0) {
    works = all;
    for (int layer = JAIL_USER_NAMESPACE; layer <= JAIL_CGROUP_NAMESPACE; layer++) errors[layer] = 0;
  } else {
    for (int layer = JAIL_USER_NAMESPACE; layer <= JAIL_CGROUP_NAMESPACE; layer++) {
      errors[layer] = try_namespaces((works & 1u << JAIL_USER_NAMESPACE) | 1u << layer);
      if (errors[layer] == 0) works |= 1u << layer;
    }
  }
  pthread_mutex_unlock(&one_at_a_time);
  return works;
}
