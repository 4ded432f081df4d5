#ifndef SAFEBOX_JAIL_CHILD_H
#define SAFEBOX_JAIL_CHILD_H
#include "CJail.h"

/// The user and group of a worker, inside its user namespace and, where the host allows, outside.
#define JAIL_NOBODY 65534u

/// What parent and child share.
struct jail_child {
  const struct jail_request *request;
  struct jail_report *report;
  /// The parent writes when the maps and groups are made.
  int go_read, go_write;
  /// Closes with the exec.
  int done_read, done_write;
  /// The parent is root.
  int is_root;
  /// The user namespace has its maps.
  int is_mapped;
  /// The child may give up its supplementary groups.
  int drops_groups;
  /// All steps are done and the exec is the next.
  volatile int is_executing;
};

/// Runs in the child, in the parent's memory.
int jail_child_main(void *context);

_Noreturn void jail_child_exit(void);

#endif
