// Attempts to reach anything outside. Raw system calls, as an attacker would make them.
#define _GNU_SOURCE
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PROBE(name, expression) \
  static long name(void) { return (long)(expression); }

// MARK: sockets

PROBE(socket_inet, socket(AF_INET, SOCK_STREAM, 0))
PROBE(socket_inet_datagram, socket(AF_INET, SOCK_DGRAM, 0))
PROBE(socket_inet6, socket(AF_INET6, SOCK_STREAM, 0))
PROBE(socket_unix, socket(AF_UNIX, SOCK_STREAM, 0))
PROBE(socket_netlink, socket(AF_NETLINK, SOCK_RAW, 0))
PROBE(socket_vsock, socket(AF_VSOCK, SOCK_STREAM, 0))
PROBE(socket_packet, socket(AF_PACKET, SOCK_RAW, 0))
PROBE(socket_alg, socket(AF_ALG, SOCK_SEQPACKET, 0))
PROBE(socket_bluetooth, socket(AF_BLUETOOTH, SOCK_RAW, 1))
PROBE(socket_can, socket(AF_CAN, SOCK_RAW, 1))
PROBE(socket_xdp, socket(AF_XDP, SOCK_RAW, 0))
PROBE(socket_raw, socket(AF_INET, SOCK_RAW, IPPROTO_ICMP))

static long socket_pair(void) {
  int ends[2];
  return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

static long connect_to(const void *address, socklen_t length, int family) {
  // One of the numbers that are free in the jail; the limit leaves no other.
  int fd = socket(family, SOCK_STREAM, 0);
  return fd < 0 ? -1 : connect(fd, address, length);
}

static long connect_loopback(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  return connect_to(&address, sizeof address, AF_INET);
}

static long connect_outside(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr = {htonl(0x01010101)}};
  return connect_to(&address, sizeof address, AF_INET);
}

static long bind_tcp(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  return fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof address);
}

static long bind_abstract(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0safebox-hostile"};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t) + 16);
}

// MARK: namespaces and the file system

PROBE(unshare_user, unshare(CLONE_NEWUSER))
PROBE(unshare_network, unshare(CLONE_NEWNET))
PROBE(unshare_mount, unshare(CLONE_NEWNS))
PROBE(unshare_pid, unshare(CLONE_NEWPID))
PROBE(unshare_time, unshare(CLONE_NEWTIME))
PROBE(setns_channel, setns(3, 0))

static long new_process(unsigned long flags) {
  long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) syscall(SYS_exit_group, 0);
  return pid;
}

PROBE(clone_user, new_process(CLONE_NEWUSER))
PROBE(open_root, open("/", O_RDONLY | O_DIRECTORY))
PROBE(open_passwd, open("/etc/passwd", O_RDONLY))
PROBE(open_parent, open("../../../../../../etc/passwd", O_RDONLY))
PROBE(open_create, open("/escape", O_RDWR | O_CREAT, 0600))
PROBE(open_temporary, open("/", O_RDWR | O_TMPFILE, 0600))
PROBE(open_proc_self, open("/proc/self/status", O_RDONLY))
PROBE(open_proc_memory, open("/proc/1/mem", O_RDWR))
PROBE(open_proc_descriptors, open("/proc/self/fd", O_RDONLY | O_DIRECTORY))
PROBE(open_device, open("/dev/null", O_RDWR))
PROBE(open_sys, open("/sys/kernel", O_RDONLY | O_DIRECTORY))
PROBE(open_executable, open("/proc/self/exe", O_RDWR))
PROBE(make_directory, mkdir("/escape", 0700))
PROBE(make_device, mknod("/null", S_IFCHR | 0666, (dev_t)0x103))
PROBE(make_fifo, mknod("/fifo", S_IFIFO | 0600, 0))
PROBE(make_symlink, symlink("/proc/1/root", "/out"))
PROBE(mount_proc, mount("proc", "/", "proc", 0, ""))
PROBE(mount_tmpfs, mount("tmpfs", "/", "tmpfs", 0, ""))
PROBE(remount_writable, mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL))
PROBE(new_mount_api, syscall(SYS_fsopen, "tmpfs", 0))
PROBE(unmount_root, umount2("/", MNT_DETACH))
PROBE(pivot, syscall(SYS_pivot_root, ".", "."))
PROBE(change_root, chroot("/"))
PROBE(open_by_handle, syscall(SYS_open_by_handle_at, AT_FDCWD, "\x08\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0", O_RDONLY))
PROBE(list_root, syscall(SYS_getdents64, 3, (char[256]){0}, 256))
PROBE(stat_root, syscall(SYS_newfstatat, AT_FDCWD, "/", &(struct stat){0}, 0))
PROBE(execute_itself, execve("/proc/self/exe", (char *[]){"x", NULL}, (char *[]){NULL}))
PROBE(execute_shell, execve("/bin/sh", (char *[]){"sh", "-c", "true", NULL}, (char *[]){NULL}))

static long chroot_escape(void) {
  // The classic: a root below, then upwards past it.
  mkdir("/d", 0700);
  if (chroot("/d") < 0 && chroot("/") < 0) return -1;
  for (int i = 0; i < 64; i++) (void)!chdir("..");
  (void)!chroot(".");
  return open("etc/passwd", O_RDONLY);
}

// MARK: processes

PROBE(trace_me, ptrace(PTRACE_TRACEME, 0, 0, 0))
PROBE(trace_parent, ptrace(PTRACE_SEIZE, getppid() > 0 ? getppid() : 2, 0, 0))

static long read_parent_memory(void) {
  char byte;
  struct iovec local = {&byte, 1}, remote = {(void *)0x400000, 1};
  long parent = syscall(SYS_getppid);
  return process_vm_readv(parent > 0 ? (pid_t)parent : 2, &local, 1, &remote, 1, 0);
}

PROBE(signal_everybody, kill(-1, 0))
PROBE(signal_parent, kill(getppid() > 0 ? getppid() : 2, 0))
PROBE(signal_group, kill(getppid() > 0 ? -getppid() : -2, 0))
PROBE(signal_itself, kill(getpid(), 0))
PROBE(stop_itself, kill(getpid(), SIGSTOP))
PROBE(open_pidfd, syscall(SYS_pidfd_open, 2, 0))
PROBE(steal_descriptor, syscall(SYS_pidfd_getfd, 3, 0, 0))
PROBE(fork_once, new_process(0))
PROBE(make_thread,
      syscall(SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
              (char *)malloc(8192) + 8192, 0, 0, 0))

static long fork_bomb(void) {
  long made = 0;
  for (int i = 0; i < 64; i++) made += new_process(0) > 0;
  return made > 0 ? made : -1;
}

PROBE(set_user, syscall(SYS_setuid, 0))
PROBE(set_group, syscall(SYS_setgid, 0))
PROBE(set_groups, syscall(SYS_setgroups, 0, NULL))
PROBE(keep_capabilities, prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
PROBE(raise_ambient, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0))
PROBE(no_new_privileges_off, prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0))
PROBE(second_filter, syscall(SYS_seccomp, 1, 0, NULL))

static long set_capabilities(void) {
  uint32_t header[2] = {0x20080522, 0}, all[6] = {~0u, ~0u, 0, ~0u, ~0u, 0};
  return syscall(SYS_capset, header, all);
}

static long raise_limit(void) {
  struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
  return setrlimit(RLIMIT_AS, &limit);
}

PROBE(raise_priority, setpriority(PRIO_PROCESS, 0, -20))

static long real_time(void) {
  struct sched_param parameters = {.sched_priority = 50};
  return sched_setscheduler(0, SCHED_FIFO, &parameters);
}

static long take_all_cores(void) {
  cpu_set_t set;
  memset(&set, 0xFF, sizeof set);
  return sched_setaffinity(0, sizeof set, &set);
}

// MARK: the kernel's larger doors

PROBE(add_key, syscall(SYS_add_key, "user", "escape", "x", 1, -1 /* the thread's */))
PROBE(request_key, syscall(SYS_request_key, "user", "escape", NULL, 0))
PROBE(session_keyring, syscall(SYS_keyctl, 0, -3, 1))
PROBE(memfd, syscall(SYS_memfd_create, "escape", 0))
PROBE(memfd_secret, syscall(SYS_memfd_secret, 0))
PROBE(userfault, syscall(SYS_userfaultfd, 1 /* user mode only */))
PROBE(performance_events,
      syscall(SYS_perf_event_open,
              &(struct perf_event_attr){.type = PERF_TYPE_SOFTWARE, .size = sizeof(struct perf_event_attr)}, 0, -1, -1,
              0))
PROBE(kexec, syscall(SYS_kexec_load, 0, 0, NULL, 0))
PROBE(load_module, syscall(SYS_init_module, "", 0, ""))
PROBE(load_module_file, syscall(SYS_finit_module, -1, "", 0))
// Magic numbers that are wrong: refused for want of a right before they are looked at.
PROBE(reboot_machine, syscall(SYS_reboot, 0, 0, 0, NULL))
PROBE(change_personality, syscall(SYS_personality, 0x0400000 /* READ_IMPLIES_EXEC */))
PROBE(set_hostname, sethostname("escape", 6))
PROBE(set_clock, clock_settime(CLOCK_REALTIME, &(struct timespec){-1, 0}))
PROBE(swap_on, syscall(SYS_swapon, "/dev/vda", 0))
PROBE(kernel_log, syscall(SYS_syslog, 3, (char[64]){0}, 64))
PROBE(watch_files, syscall(SYS_fanotify_init, 0, 0))
PROBE(shared_memory, syscall(SYS_shmget, 0, 4096, 01600))
PROBE(message_queue, syscall(SYS_msgget, 0, 01600))
PROBE(timer, syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &(int){0}))
PROBE(handler, syscall(SYS_rt_sigaction, SIGTERM, NULL, (char[64]){0}, 8))
PROBE(random_bytes, syscall(SYS_getrandom, (char[8]){0}, 8, 0))
PROBE(machine_name, syscall(SYS_uname, (char[400]){0}))
PROBE(sleep_long, syscall(SYS_nanosleep, &(struct timespec){0, 1}, NULL))
PROBE(futex_inherit, syscall(SYS_futex, &(int){0}, 6 /* FUTEX_LOCK_PI */, 0, NULL, NULL, 0))
PROBE(legacy_call, syscall(0x40000000 | 39))

static long ring(void) {
  struct io_uring_params parameters = {0};
  return syscall(SYS_io_uring_setup, 4, &parameters);
}

static long load_bpf(void) {
  union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
}

#if defined(__x86_64__)
// The 32-bit table has other numbers: 11 is execve there, and munmap, which is allowed, here.
static long other_table(void) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(11), "b"(0), "c"(0), "d"(0) : "r8", "r9", "r10", "r11", "memory");
  if (result < 0) errno = (int)-result;
  return result < 0 ? -1 : result;
}
#else
PROBE(other_table, syscall(SYS_getpid))
#endif

// MARK: memory

PROBE(map_executable, mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
PROBE(map_channel, mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3, 0))

static long make_executable(void) {
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? -1 : mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long protection_key(void) {
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return syscall(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_EXEC, -1);
}

static long run_data(void) {
  unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  page[0] = 0xC3;
  ((void (*)(void))page)();
  return 0;
}

static long huge_map(void) {
  void *memory = mmap(NULL, 4ull << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? -1 : 0;
}

static long eat_memory(void) {
  // Within the limit of the address space, beyond that of the control group.
  const size_t size = 900u << 20;
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -1;
  for (size_t i = 0; i < size; i += 4096) ((volatile char *)memory)[i] = 1;
  return 0;
}

static long lock_memory(void) {
  void *page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mlock(page, 1 << 20);
}

__attribute__((noinline, optnone)) static long sink(long depth) {
  volatile char page[4096];
  page[0] = 1;
  return depth == 0 ? 0 : sink(depth - 1) + page[0];
}

// 4 GB of stack.
PROBE(stack_bomb, sink(1 << 20))

// MARK: descriptors

static long inherited_flags(void) {
  for (int fd = 0; fd < 1024; fd++)
    if (fd != channel && fcntl(fd, F_GETFD) >= 0) return fd;
  return -1;
}

// With nothing but the calls that the filter leaves.
static long inherited_reads(void) {
  char byte;
  for (int fd = 0; fd < 1024; fd++)
    if (fd != 3 && (read(fd, &byte, 0) >= 0 || errno != EBADF)) return fd;
  errno = EBADF;
  return -1;
}

static long inherited_writes(void) {
  for (int fd = 0; fd < 1024; fd++)
    if (fd != 3 && (write(fd, "", 0) >= 0 || errno != EBADF)) return fd;
  errno = EBADF;
  return -1;
}

static long many_descriptors(void) {
  long last = -1;
  for (int i = 0; i < 64; i++) {
    int fd = dup(channel);
    if (fd > last) last = fd;
  }
  // 0 to 2 are free in the jail, and no more.
  return last > 3 ? last : -1;
}

PROBE(duplicate_channel, dup(channel))

static long send_descriptor(void) {
  char space[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &(int){3}, sizeof(int));
  return sendmsg(3, &message, 0);
}

PROBE(poll_channel, syscall(SYS_ppoll, NULL, 0, &(struct timespec){0}, NULL, 0))
PROBE(control_channel, syscall(SYS_ioctl, 3, 0x541B, &(int){0}))

#define ENTRY(name) {#name, name}
const struct probe probes[] = {
    ENTRY(socket_inet), ENTRY(socket_inet_datagram), ENTRY(socket_inet6), ENTRY(socket_unix), ENTRY(socket_netlink),
    ENTRY(socket_vsock), ENTRY(socket_packet), ENTRY(socket_alg), ENTRY(socket_bluetooth), ENTRY(socket_can),
    ENTRY(socket_xdp), ENTRY(socket_raw), ENTRY(socket_pair), ENTRY(connect_loopback), ENTRY(connect_outside),
    ENTRY(bind_tcp), ENTRY(bind_abstract), ENTRY(unshare_user), ENTRY(unshare_network), ENTRY(unshare_mount),
    ENTRY(unshare_pid), ENTRY(unshare_time), ENTRY(setns_channel), ENTRY(clone_user), ENTRY(open_root),
    ENTRY(open_passwd), ENTRY(open_parent), ENTRY(open_create), ENTRY(open_temporary), ENTRY(open_proc_self),
    ENTRY(open_proc_memory), ENTRY(open_proc_descriptors), ENTRY(open_device), ENTRY(open_sys), ENTRY(open_executable),
    ENTRY(make_directory), ENTRY(make_device), ENTRY(make_fifo), ENTRY(make_symlink), ENTRY(mount_proc),
    ENTRY(mount_tmpfs), ENTRY(remount_writable), ENTRY(new_mount_api), ENTRY(unmount_root), ENTRY(pivot),
    ENTRY(change_root), ENTRY(open_by_handle), ENTRY(list_root), ENTRY(stat_root), ENTRY(execute_itself),
    ENTRY(execute_shell), ENTRY(chroot_escape), ENTRY(trace_me), ENTRY(trace_parent), ENTRY(read_parent_memory),
    ENTRY(signal_everybody), ENTRY(signal_parent), ENTRY(signal_group), ENTRY(signal_itself), ENTRY(stop_itself),
    ENTRY(open_pidfd), ENTRY(steal_descriptor), ENTRY(fork_once), ENTRY(make_thread), ENTRY(fork_bomb),
    ENTRY(set_user), ENTRY(set_group), ENTRY(set_groups), ENTRY(keep_capabilities), ENTRY(raise_ambient),
    ENTRY(no_new_privileges_off), ENTRY(second_filter), ENTRY(set_capabilities), ENTRY(raise_limit),
    ENTRY(raise_priority), ENTRY(real_time), ENTRY(take_all_cores), ENTRY(add_key), ENTRY(request_key),
    ENTRY(session_keyring), ENTRY(memfd), ENTRY(memfd_secret), ENTRY(userfault), ENTRY(performance_events),
    ENTRY(kexec), ENTRY(load_module), ENTRY(load_module_file), ENTRY(reboot_machine), ENTRY(change_personality),
    ENTRY(set_hostname), ENTRY(set_clock), ENTRY(swap_on), ENTRY(kernel_log), ENTRY(watch_files),
    ENTRY(shared_memory), ENTRY(message_queue), ENTRY(timer), ENTRY(handler), ENTRY(random_bytes),
    ENTRY(machine_name), ENTRY(sleep_long), ENTRY(futex_inherit), ENTRY(legacy_call), ENTRY(ring), ENTRY(load_bpf),
    ENTRY(other_table), ENTRY(map_executable), ENTRY(map_channel), ENTRY(make_executable), ENTRY(protection_key),
    ENTRY(run_data), ENTRY(huge_map), ENTRY(eat_memory), ENTRY(lock_memory), ENTRY(stack_bomb), ENTRY(inherited_flags),
    ENTRY(inherited_reads), ENTRY(inherited_writes), ENTRY(many_descriptors), ENTRY(duplicate_channel),
    ENTRY(send_descriptor), ENTRY(poll_channel), ENTRY(control_channel),
};
const size_t probe_count = sizeof probes / sizeof *probes;
