#pragma once
// Mounts that are made of open descriptors.
/// A small tmpfs, nosuid, nodev, noexec and private: nothing mounted below it reaches another namespace later. Symbolic
/// links in it lead nowhere. `options` as in mount(8), or NULL. Returns 0 or -errno.
int linux_mount_tmpfs(const char *path, const char *options);

/// Mounts what `file` is, and no other file of that name, over an existing file: read-only, nosuid, nodev, and noexec
/// unless `is_executable`. Returns 0 or -errno.
int linux_mount_descriptor(int file, const char *path, int is_executable);

/// Makes the mount at a path read-only. Returns 0 or -errno.
int linux_seal_mount(const char *path);

/// Takes the mount at a path, and all below it, out of this namespace. Returns 0 or -errno.
int linux_unmount(const char *path);
