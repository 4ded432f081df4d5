#pragma once
// What keeps files from changing or being replaced, and `import Glibc` leaves out. fs-verity
// (Documentation/filesystems/fsverity.rst) makes the kernel keep a file from ever changing and check its bytes against a hash
// tree as they are read.
#include <stdint.h>

/// Enables fs-verity with SHA-256 and blocks of 4096 bytes on a file that is open for reading only. Returns 0 or -errno:
/// -EEXIST when it is enabled already, -ETXTBSY when somebody has the file open for writing.
int linux_enable_verity(int file);

/// Puts the SHA-256 fs-verity digest of the file into `digest`, which holds 32 bytes. Returns 0, -ENODATA when fs-verity is
/// not enabled, -EOVERFLOW for another algorithm, or another -errno.
int linux_measure_verity(int file, uint8_t *digest);

/// Whether anybody has the file, which is open for reading only, open for writing: 1 or 0, or -errno where the system does
/// not say (a read lease, fcntl(2), is granted to the file's owner or root, and by most file systems).
int linux_has_writer(int file);

/// Renames without replacing anything (RENAME_NOREPLACE): -EEXIST when the new name is taken. Returns 0 or -errno.
int linux_rename_new(int from_directory, const char *from, int to_directory, const char *to);
