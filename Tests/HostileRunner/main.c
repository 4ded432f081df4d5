// Stands in a server's place in a runner's container and tries to get out. What it found is at /report, a line each:
// `NAME 0` where something worked, `NAME ERRNO` where it did not.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char report[16384];

static void note(const char *name, long result) {
  size_t used = strlen(report);
  snprintf(report + used, sizeof report - used, "%s %d\n", name, result < 0 ? errno : 0);
}

static void try_socket(const char *name, int family, int type) {
  int fd = socket(family, type, 0);
  note(name, fd);
  if (fd >= 0) close(fd);
}

static void try_file(const char *name, const char *path, int flags) {
  int fd = open(path, flags, 0666);
  note(name, fd);
  if (fd >= 0) close(fd);
}

static void count_entries(const char *name, const char *path) {
  DIR *directory = opendir(path);
  int count = 0;
  while (directory && readdir(directory)) count++;
  size_t used = strlen(report);
  snprintf(report + used, sizeof report - used, "%s %d\n", name, count - 2);
}

static void count_lines(const char *name, const char *path) {
  FILE *file = fopen(path, "r");
  char line[512];
  int count = 0;
  while (file && fgets(line, sizeof line, file)) count++;
  size_t used = strlen(report);
  snprintf(report + used, sizeof report - used, "%s %d\n", name, count);
}

static void attempt(const char *weights) {
  try_socket("socket-inet", AF_INET, SOCK_STREAM);
  try_socket("socket-inet6", AF_INET6, SOCK_STREAM);
  try_socket("socket-netlink", AF_NETLINK, SOCK_RAW);
  try_socket("socket-packet", AF_PACKET, SOCK_RAW);
  try_socket("socket-vsock", AF_VSOCK, SOCK_STREAM);
  try_socket("socket-unix", AF_UNIX, SOCK_STREAM);
  // Two lines of heading, and one for each interface.
  count_lines("interfaces", "/proc/self/net/dev");
  try_file("read-weights", weights, O_RDONLY);
  try_file("write-weights", weights, O_RDWR);
  try_file("create-beside-weights", "/model/more", O_CREAT | O_WRONLY);
  note("unlink-weights", unlink(weights));
  note("chmod-weights", chmod(weights, 0666));
  try_file("create-in-root", "/file", O_CREAT | O_WRONLY);
  try_file("create-in-etc", "/etc/file", O_CREAT | O_WRONLY);
  try_file("create-in-cache", "/cache/file", O_CREAT | O_WRONLY);
  try_file("create-in-tmp", "/tmp/file", O_CREAT | O_WRONLY);
  note("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
  note("unshare-user", unshare(CLONE_NEWUSER));
  note("unshare-net", unshare(CLONE_NEWNET));
  note("clone-user", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
  note("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0));
  note("io-uring", syscall(SYS_io_uring_setup, 4, NULL));
  note("bpf", syscall(SYS_bpf, 0, NULL, 0));
  note("keyctl", syscall(SYS_keyctl, 0, -3, 0));
  note("chroot", chroot("/tmp"));
  note("setuid-root", setuid(0));
  note("mknod", mknod("/tmp/null", S_IFCHR | 0666, 0x103));
  note("process-vm-readv", syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0));
  try_file("kernel-setting", "/proc/sys/kernel/hostname", O_WRONLY);
  try_file("sysrq", "/proc/sysrq-trigger", O_WRONLY);
  count_entries("sysfs", "/sys");
  count_entries("weights", "/model");
}

static void grow(void) {
  for (;;) {
    char *block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) continue;
    memset(block, 1, 1 << 20);
  }
}

// How many children the kernel lets it have, up to a number that no limit of the tests reaches.
static int multiply(void) {
  int count = 0;
  while (count < 5000) {
    pid_t pid = fork();
    if (pid == 0) {
      pause();
      _exit(0);
    }
    if (pid < 0) break;
    count++;
  }
  kill(-1, SIGKILL);
  while (wait(NULL) > 0) {
  }
  return count;
}

static void flood(void) {
  static char line[65536];
  memset(line, 'x', sizeof line);
  line[sizeof line - 1] = '\n';
  for (int count = 0; count < 64; count++)
    if (write(1, line, sizeof line) < 0) return;
}

static void answer(int connection, const char *body) {
  char head[128];
  snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\nconnection: close\r\n\r\n", strlen(body));
  if (write(connection, head, strlen(head)) < 0 || write(connection, body, strlen(body)) < 0) return;
}

static void serve(int connection) {
  static char request[8192];
  ssize_t count = read(connection, request, sizeof request - 1);
  if (count <= 0) return;
  request[count] = 0;
  char *path = strchr(request, ' ');
  if (!path) return;
  path++;
  if (strncmp(path, "/grow ", 6) == 0) grow();
  if (strncmp(path, "/hang ", 6) == 0) pause();
  if (strncmp(path, "/slow ", 6) == 0) sleep(2);
  if (strncmp(path, "/multiply ", 10) == 0) {
    char text[32];
    snprintf(text, sizeof text, "%d", multiply());
    answer(connection, text);
  } else if (strncmp(path, "/weights ", 9) == 0) {
    char text[64] = {0};
    int fd = open("/model/weights.bin", O_RDONLY);
    if (read(fd, text, sizeof text - 1) < 0) snprintf(text, sizeof text, "errno %d", errno);
    close(fd);
    answer(connection, text);
  } else if (strncmp(path, "/misdirect ", 11) == 0) {
    unlink("/run/safebox/runner.sock");
    note("symlink", symlink("/etc", "/run/safebox/runner.sock"));
    answer(connection, report);
  } else {
    if (strncmp(path, "/flood ", 7) == 0) flood();
    answer(connection, strncmp(path, "/report ", 8) == 0 ? report : "ok");
  }
}

int main(int count, char **arguments) {
  if (count < 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  attempt("/model/weights.bin");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, arguments[1], sizeof address.sun_path - 1);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 16) < 0) return 3;
  if (write(1, "ready\n", 6) < 0) return 4;
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) continue;
    serve(connection);
    close(connection);
  }
}
