#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "Trees.h"

int linux_look(int directory, const char *path, struct linux_node *node) {
  struct stat status;
  if (fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0) return -errno;
  *node = (struct linux_node){
      .device = status.st_dev,
      .inode = status.st_ino,
      .mode = status.st_mode,
      .user = status.st_uid,
      .group = status.st_gid,
      .links = (uint32_t)status.st_nlink,
      .size = status.st_size,
      .modified = status.st_mtim.tv_sec * 1000000000LL + status.st_mtim.tv_nsec,
      .changed = status.st_ctim.tv_sec * 1000000000LL + status.st_ctim.tv_nsec,
      .major = major(status.st_rdev),
      .minor = minor(status.st_rdev),
  };
  return 0;
}

int linux_open_beneath(int directory, const char *path) {
  struct open_how how = {
      .flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
  };
  long file = syscall(SYS_openat2, directory, path, &how, sizeof how);
  return file >= 0 ? (int)file : -errno;
}

int linux_exchange(int directory, const char *name, int other_directory, const char *other) {
  return renameat2(directory, name, other_directory, other, RENAME_EXCHANGE) == 0 ? 0 : -errno;
}

int linux_make_node(int directory, const char *name, uint32_t mode, uint32_t major, uint32_t minor) {
  if (mknodat(directory, name, mode & S_IFMT, makedev(major, minor)) != 0) return -errno;
  // Apart, because the process's mask took part in the first; and there is no link to follow in what was just made.
  return fchmodat(directory, name, mode & 07777, 0) == 0 ? 0 : -errno;
}

int linux_set_modified(int directory, const char *name, int64_t nanoseconds) {
  int64_t seconds = nanoseconds / 1000000000, rest = nanoseconds % 1000000000;
  if (rest < 0) rest += 1000000000, seconds--;
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = rest}};
  return utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

int linux_next_data(int file, int64_t offset, int64_t *begin, int64_t *end) {
  off_t data = lseek(file, offset, SEEK_DATA);
  if (data < 0) return errno == ENXIO ? 0 : -errno;
  off_t hole = lseek(file, data, SEEK_HOLE);
  if (hole < 0) return -errno;
  *begin = data;
  *end = hole;
  return 1;
}

int linux_sync_file_system(int file) { return syncfs(file) == 0 ? 0 : -errno; }

int64_t linux_list_attributes(int file, char *names, size_t room) {
  ssize_t count = flistxattr(file, names, room);
  return count >= 0 ? count : -errno;
}

int64_t linux_get_attribute(int file, const char *name, void *value, size_t room) {
  ssize_t count = fgetxattr(file, name, value, room);
  return count >= 0 ? count : -errno;
}

int linux_set_attribute(int file, const char *name, const void *value, size_t count) {
  return fsetxattr(file, name, value, count, 0) == 0 ? 0 : -errno;
}

int linux_is_btrfs(int file) {
  struct statfs status;
  if (fstatfs(file, &status) != 0) return -errno;
  return status.f_type == BTRFS_SUPER_MAGIC;
}

int linux_btrfs_snapshot(int subvolume, int directory, const char *name, int read_only) {
  struct btrfs_ioctl_vol_args_v2 arguments = {.fd = subvolume, .flags = read_only ? BTRFS_SUBVOL_RDONLY : 0};
  if (strlen(name) > BTRFS_SUBVOL_NAME_MAX) return -ENAMETOOLONG;
  snprintf(arguments.name, sizeof arguments.name, "%s", name);
  return ioctl(directory, BTRFS_IOC_SNAP_CREATE_V2, &arguments) == 0 ? 0 : -errno;
}

static int with_name(int directory, unsigned long request, const char *name) {
  struct btrfs_ioctl_vol_args arguments = {0};
  if (strlen(name) > BTRFS_PATH_NAME_MAX) return -ENAMETOOLONG;
  snprintf(arguments.name, sizeof arguments.name, "%s", name);
  return ioctl(directory, request, &arguments) == 0 ? 0 : -errno;
}

int linux_btrfs_create(int directory, const char *name) { return with_name(directory, BTRFS_IOC_SUBVOL_CREATE, name); }

int linux_btrfs_delete(int directory, const char *name) { return with_name(directory, BTRFS_IOC_SNAP_DESTROY, name); }

int linux_btrfs_is_read_only(int subvolume) {
  uint64_t flags = 0;
  if (ioctl(subvolume, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) != 0) return -errno;
  return (flags & BTRFS_SUBVOL_RDONLY) != 0;
}

static int set_lock(int file, short type) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
  return fcntl(file, F_OFD_SETLK, &lock) == 0 ? 0 : -errno;
}

int linux_lock_file(int file) { return set_lock(file, F_WRLCK); }

int linux_unlock_file(int file) { return set_lock(file, F_UNLCK); }
