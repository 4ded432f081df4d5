#pragma once
// Whole trees of files: walked without following a link, exchanged in one step, snapshot by btrfs.
#include <stddef.h>
#include <stdint.h>

/// What the kernel says of one name. Times are nanoseconds since 1970.
struct linux_node {
  uint64_t device;
  uint64_t inode;
  uint32_t mode;
  uint32_t user;
  uint32_t group;
  uint32_t links;
  int64_t size;
  int64_t modified;
  int64_t changed;
  uint32_t major;
  uint32_t minor;
};

/// Looks at `path` below `directory` without following a link in its last part; the empty path is the descriptor
/// itself. Returns 0 or -errno.
int linux_look(int directory, const char *path, struct linux_node *node);

/// Opens `path` below `directory`: no link anywhere in it is followed, no mount is crossed, nothing outside is reached
/// (openat2, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV). Read-only, close-on-exec,
/// never blocks. Returns the descriptor or -errno.
int linux_open_beneath(int directory, const char *path);

/// Exchanges two names in one step (RENAME_EXCHANGE). Returns 0 or -errno.
int linux_exchange(int directory, const char *name, int other_directory, const char *other);

/// Makes a device, fifo or socket with exactly this type and these permissions. Returns 0 or -errno.
int linux_make_node(int directory, const char *name, uint32_t mode, uint32_t major, uint32_t minor);

/// Sets the time of the last change of contents, of a link itself and not of what it points to. Returns 0 or -errno.
int linux_set_modified(int directory, const char *name, int64_t nanoseconds);

/// The next run of data at or after `offset`: what lies between runs is a hole. Returns 1, 0 when there is none, or
/// -errno.
int linux_next_data(int file, int64_t offset, int64_t *begin, int64_t *end);

/// Waits until everything of the file system is on the disk (syncfs). Returns 0 or -errno.
int linux_sync_file_system(int file);

/// The names of the extended attributes, each ended by a zero byte. Returns how many bytes or -errno.
int64_t linux_list_attributes(int file, char *names, size_t room);

/// Reads one extended attribute. Returns how many bytes or -errno.
int64_t linux_get_attribute(int file, const char *name, void *value, size_t room);

/// Sets one extended attribute. Returns 0 or -errno.
int linux_set_attribute(int file, const char *name, const void *value, size_t count);

/// Whether the descriptor is on btrfs. Returns 1, 0 or -errno.
int linux_is_btrfs(int file);

/// Makes `name` in `directory` a snapshot of the subvolume (BTRFS_IOC_SNAP_CREATE_V2). Returns 0 or -errno.
int linux_btrfs_snapshot(int subvolume, int directory, const char *name, int read_only);

/// Makes an empty subvolume. Returns 0 or -errno.
int linux_btrfs_create(int directory, const char *name);

/// Deletes a subvolume with everything in it (BTRFS_IOC_SNAP_DESTROY). Returns 0 or -errno.
int linux_btrfs_delete(int directory, const char *name);

/// Whether the subvolume is read-only. Returns 1, 0 or -errno.
int linux_btrfs_is_read_only(int subvolume);

/// Takes the exclusive lock on all of a file at once, held by the open file and not by the process (F_OFD_SETLK), so that
/// closing another descriptor of it does not let go; conflicts with fcntl's locks of others. Returns 0 or -errno.
int linux_lock_file(int file);

/// Lets go of it, also where a process that was just forked still has the open file. Returns 0 or -errno.
int linux_unlock_file(int file);
