#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fsverity.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "FileSeals.h"

int linux_enable_verity(int file) {
  struct fsverity_enable_arg argument;
  memset(&argument, 0, sizeof argument);
  argument.version = 1;
  argument.hash_algorithm = FS_VERITY_HASH_ALG_SHA256;
  argument.block_size = 4096;
  return ioctl(file, FS_IOC_ENABLE_VERITY, &argument) == 0 ? 0 : -errno;
}

int linux_measure_verity(int file, uint8_t *digest) {
  union {
    struct fsverity_digest header;
    uint8_t room[sizeof(struct fsverity_digest) + 32];
  } measured;
  memset(&measured, 0, sizeof measured);
  measured.header.digest_size = 32;
  if (ioctl(file, FS_IOC_MEASURE_VERITY, &measured.header) != 0) return -errno;
  if (measured.header.digest_algorithm != FS_VERITY_HASH_ALG_SHA256 || measured.header.digest_size != 32)
    return -EOVERFLOW;
  memcpy(digest, measured.room + sizeof(struct fsverity_digest), 32);
  return 0;
}

int linux_has_writer(int file) {
  // Who opens the file for writing in this moment makes the kernel send a signal: one that is ignored by default.
  if (fcntl(file, F_SETSIG, SIGURG) != 0) return -errno;
  if (fcntl(file, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN ? 1 : -errno;
  fcntl(file, F_SETLEASE, F_UNLCK);
  return 0;
}

int linux_rename_new(int from_directory, const char *from, int to_directory, const char *to) {
  return renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE) == 0 ? 0 : -errno;
}
