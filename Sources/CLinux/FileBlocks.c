#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "FileBlocks.h"

int linux_allocate(int file, int64_t size) { return fallocate(file, 0, 0, size) == 0 ? 0 : -errno; }

int linux_clone_file(int file, int source) { return ioctl(file, FICLONE, source) == 0 ? 0 : -errno; }

int64_t linux_copy_range(int file, int source, int64_t offset, size_t count) {
  off64_t from = offset, to = offset;
  ssize_t copied = copy_file_range(source, &from, file, &to, count, 0);
  return copied >= 0 ? copied : -errno;
}

int linux_begin_writing(int file, int64_t offset, int64_t count) {
  return sync_file_range(file, offset, count, SYNC_FILE_RANGE_WRITE) == 0 ? 0 : -errno;
}
