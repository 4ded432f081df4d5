#pragma once
// Other programs: started with nothing of ours, and held by a descriptor.

/// Starts a program with standard input, output and error at these descriptors (-1: /dev/null for input, closed
/// otherwise) and no other; default signals, nothing blocked. Puts a pidfd (close-on-exec) into `pidfd`. Returns the
/// process id or -errno.
int linux_spawn(
    const char *path, char *const arguments[], char *const environment[], int input, int output, int errors, int *pidfd);

/// A descriptor (close-on-exec) for a process, or -errno.
int linux_pidfd_open(int pid);

/// Sends a signal to exactly this process. Returns 0 or -errno.
int linux_pidfd_signal(int pidfd, int signal);

/// Waits for a child that has ended. Returns its status as a shell has it (128 + signal), -1 while it runs, or -errno - 1.
int linux_pidfd_reap(int pidfd);

/// Both ends close-on-exec. Returns 0 or -errno.
int linux_pipe(int ends[2]);
