#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "Commands.h"

// Between the fork of a process with many threads and the exec, only system calls are made here: no allocation, no
// stdio but snprintf.

struct report {
  int error;
  int call;
};

static const uint64_t room_capabilities = 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |
                                          1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_SETGID |
                                          1ull << CAP_SETUID | 1ull << CAP_SYS_CHROOT | 1ull << CAP_KILL |
                                          1ull << CAP_SETFCAP;

enum call {
  CALL_NONE, CALL_FORK, CALL_DEATH_SIGNAL, CALL_DESCRIPTORS, CALL_PRIVATE, CALL_TMPFS, CALL_MKDIR, CALL_PROGRAMS,
  CALL_TARGET, CALL_FILES, CALL_DEVICES, CALL_PROC, CALL_SEAL, CALL_PIVOT, CALL_CAPABILITIES, CALL_SESSION, CALL_EXEC,
};

static const char *const call_names[] = {
    [CALL_NONE] = "", [CALL_FORK] = "clone", [CALL_DEATH_SIGNAL] = "prctl", [CALL_DESCRIPTORS] = "dup2",
    [CALL_PRIVATE] = "mount / private", [CALL_TMPFS] = "mount tmpfs", [CALL_MKDIR] = "mkdir",
    [CALL_PROGRAMS] = "mount /usr", [CALL_TARGET] = "mount target", [CALL_FILES] = "mount files",
    [CALL_DEVICES] = "mount /dev", [CALL_PROC] = "mount /proc", [CALL_SEAL] = "remount read-only",
    [CALL_PIVOT] = "pivot_root", [CALL_CAPABILITIES] = "capset", [CALL_SESSION] = "setsid", [CALL_EXEC] = "execve",
};

static int bind(const char *from, const char *to, unsigned long flags) {
  if (mount(from, to, NULL, MS_BIND, NULL) != 0) return -1;
  return mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | flags, NULL);
}

// A directory of programs, or the link that stands for it where /usr holds everything.
static int show_programs(const char *name) {
  char from[32], link[64];
  snprintf(from, sizeof from, "/%s", name);
  struct stat status;
  if (lstat(from, &status) != 0) return errno == ENOENT ? 0 : -1;
  if (S_ISLNK(status.st_mode)) {
    ssize_t count = readlink(from, link, sizeof link - 1);
    if (count < 0) return -1;
    link[count] = 0;
    return symlink(link, name);
  }
  if (mkdir(name, 0755) != 0) return -1;
  return bind(from, name, MS_RDONLY | MS_NOSUID | MS_NODEV);
}

static int show_devices(const char *directory) {
  static const char *const names[] = {"null", "zero", "full", "random", "urandom"};
  char from[32], to[64];
  if (mount("tmpfs", directory, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=1m,nr_inodes=64") != 0) return -1;
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(from, sizeof from, "/dev/%s", names[i]);
    snprintf(to, sizeof to, "%s/%s", directory, names[i]);
    int file = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) return -1;
    close(file);
    if (mount(from, to, NULL, MS_BIND, NULL) != 0) return -1;
  }
  return 0;
}

static int has_directory(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

// Builds the room on a tmpfs over the directory of files, which this mount namespace has no other use for, and makes it
// the root. Relative names are of the new root.
static int enter(const struct linux_room *room) {
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return CALL_PRIVATE;
  // Opened before anything is mounted over them.
  int target = open(room->target, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (target < 0) return CALL_TARGET;
  int files = open(room->files, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (files < 0) return CALL_FILES;
  char path[32];
  if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m,nr_inodes=256") != 0) return CALL_TMPFS;
  if (chdir("/tmp") != 0) return CALL_TMPFS;
  static const char *const directories[] = {"usr", "target", "files", "dev", "proc", "etc", "tmp", "var", "run"};
  for (unsigned i = 0; i < sizeof directories / sizeof *directories; i++)
    if (mkdir(directories[i], 0755) != 0) return CALL_MKDIR;
  if (bind("/usr", "usr", MS_RDONLY | MS_NOSUID | MS_NODEV) != 0) return CALL_PROGRAMS;
  static const char *const programs[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
  for (unsigned i = 0; i < sizeof programs / sizeof *programs; i++)
    if (show_programs(programs[i]) != 0) return CALL_PROGRAMS;
  // Owners in packages are names of the target, not of this machine.
  if (symlink("../target/etc/passwd", "etc/passwd") != 0) return CALL_PROGRAMS;
  if (symlink("../target/etc/group", "etc/group") != 0) return CALL_PROGRAMS;
  snprintf(path, sizeof path, "/proc/self/fd/%d", target);
  if (bind(path, "target", MS_NODEV | (room->target_is_read_only ? MS_RDONLY : 0)) != 0) return CALL_TARGET;
  snprintf(path, sizeof path, "/proc/self/fd/%d", files);
  if (bind(path, "files", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC) != 0) return CALL_FILES;
  // dpkg-deb unpacks what a package says of itself before it shows it.
  if (mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=64m") != 0) return CALL_TMPFS;
  if (show_devices("dev") != 0) return CALL_DEVICES;
  if (has_directory("target/dev") && show_devices("target/dev") != 0) return CALL_DEVICES;
  // Read-only: what is written to /proc/sys would be the machine's.
  unsigned long sealed = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount("proc", "proc", "proc", sealed, NULL) != 0) return CALL_PROC;
  if (has_directory("target/proc") && mount("proc", "target/proc", "proc", sealed, NULL) != 0) return CALL_PROC;
  if (syscall(SYS_pivot_root, ".", ".") != 0) return CALL_PIVOT;
  // The old root lies over the new one; under it nothing is left to go back to.
  if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) return CALL_PIVOT;
  if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) != 0) return CALL_SEAL;
  return CALL_NONE;
}

static int drop_capabilities(void) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if (!(room_capabilities >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return -1;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -1;
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0}};
  for (int word = 0; word < 2; word++) {
    uint32_t bits = (uint32_t)(room_capabilities >> 32 * word);
    data[word].effective = data[word].permitted = bits;
  }
  if (syscall(SYS_capset, &header, data) != 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int prepare(const struct linux_command *command) {
  sigset_t none;
  sigemptyset(&none);
  for (int number = 1; number < 65; number++) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return CALL_DEATH_SIGNAL;
  if (setsid() < 0) return CALL_SESSION;
  umask(022);
  int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (input < 0 || dup2(input, 0) < 0 || dup2(command->output, 1) < 0 || dup2(1, 2) < 0) return CALL_DESCRIPTORS;
  // Whatever else is open here is closed by the exec, and nothing that the parent forgot to mark goes through.
  if (syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC) != 0) return CALL_DESCRIPTORS;
  struct rlimit no_dump = {0, 0};
  setrlimit(RLIMIT_CORE, &no_dump);
  if (command->room) {
    int call = enter(command->room);
    if (call != CALL_NONE) return call;
    sethostname("room", 4);
    if (drop_capabilities() != 0) return CALL_CAPABILITIES;
  } else if (chdir("/") != 0) {
    return CALL_SESSION;
  }
  execve(command->path, command->arguments, command->environment);
  return CALL_EXEC;
}

int linux_start(const struct linux_command *command, int *pidfd, const char **failed) {
  *failed = "pipe2";
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return -errno;
  // No handler of this process may run in the child before it has reset them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  unsigned long flags = CLONE_PIDFD | SIGCHLD;
  if (command->room) flags |= CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  long pid = syscall(SYS_clone, flags, NULL, pidfd, NULL, NULL);
  if (pid == 0) {
    struct report report = {.call = prepare(command)};
    report.error = errno;
    if (write(pipe_ends[1], &report, sizeof report) < 0) _exit(126);
    _exit(127);
  }
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(pipe_ends[1]);
  if (pid < 0) {
    close(pipe_ends[0]);
    *failed = call_names[CALL_FORK];
    return -error;
  }
  struct report report = {0};
  ssize_t count;
  do count = read(pipe_ends[0], &report, sizeof report);
  while (count < 0 && errno == EINTR);
  close(pipe_ends[0]);
  if (count == 0) {
    *failed = "";
    return (int)pid;
  }
  linux_kill(*pidfd);
  linux_await_end(*pidfd, -1);
  linux_collect(*pidfd);
  close(*pidfd);
  *failed = call_names[report.call];
  return -report.error;
}

int linux_await_end(int pidfd, int milliseconds) {
  struct pollfd wait = {.fd = pidfd, .events = POLLIN};
  int ready = poll(&wait, 1, milliseconds);
  if (ready < 0) return errno == EINTR ? 0 : -errno;
  return ready;
}

int linux_kill(int pidfd) { return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0 ? 0 : -errno; }

int linux_collect(int pidfd) {
  siginfo_t info = {0};
  int result;
  do result = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
  while (result != 0 && errno == EINTR);
  if (result != 0) return -errno;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int linux_memory_file(const char *name) {
  int file = memfd_create(name, MFD_CLOEXEC);
  return file >= 0 ? file : -errno;
}
