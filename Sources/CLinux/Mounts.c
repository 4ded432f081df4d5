#define _GNU_SOURCE
#include "Mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mount.h>
#include <unistd.h>

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

int linux_mount_tmpfs(const char *path, const char *options) {
  unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW;
  if (mount("tmpfs", path, "tmpfs", flags, options) < 0) return -errno;
  if (mount(NULL, path, NULL, MS_PRIVATE, NULL) < 0) {
    int error = errno;
    umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    return -error;
  }
  return 0;
}

int linux_mount_descriptor(int file, const char *path, int is_executable) {
  int tree = open_tree(file, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  if (tree < 0) return -errno;
  struct mount_attr attributes = {
      .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (is_executable ? 0 : MOUNT_ATTR_NOEXEC),
      .propagation = MS_PRIVATE,
  };
  int result = mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
  if (result == 0) result = move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
  int error = errno;
  close(tree);
  return result < 0 ? -error : 0;
}

int linux_seal_mount(const char *path) {
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
  return mount_setattr(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

int linux_unmount(const char *path) { return umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0; }
