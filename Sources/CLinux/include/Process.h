#pragma once

/// Leaves no core dump of this process, and lets no process of the same user without privileges read its memory
/// (PR_SET_DUMPABLE, RLIMIT_CORE). Returns 0 or -errno.
int linux_hide_memory(void);
