#pragma once
// What Linux can do with the blocks of files and `import Glibc` leaves out.
#include <stddef.h>
#include <stdint.h>

/// Reserves room for the first `size` bytes and makes the file that long (fallocate). Returns 0 or -errno.
int linux_allocate(int file, int64_t size);

/// Makes `file` share all blocks of `source` (FICLONE): a copy that takes no time. Returns 0 or -errno.
int linux_clone_file(int file, int source);

/// Copies at most `count` bytes at `offset` of `source` to the same offset of `file` inside the kernel
/// (copy_file_range). Returns how many, 0 at the end of the source, or -errno.
int64_t linux_copy_range(int file, int source, int64_t offset, size_t count);

/// Begins to write dirty pages to the disk without waiting for them (sync_file_range): no promise, only a head start for
/// a later fdatasync. Returns 0 or -errno.
int linux_begin_writing(int file, int64_t offset, int64_t count);
