#include "CJail.h"

const char *jail_layer_name(int layer) {
  static const char *const names[JAIL_LAYERS] = {
      [JAIL_USER_NAMESPACE] = "user-namespace",
      [JAIL_PID_NAMESPACE] = "pid-namespace",
      [JAIL_NETWORK_NAMESPACE] = "network-namespace",
      [JAIL_MOUNT_NAMESPACE] = "mount-namespace",
      [JAIL_IPC_NAMESPACE] = "ipc-namespace",
      [JAIL_UTS_NAMESPACE] = "uts-namespace",
      [JAIL_CGROUP_NAMESPACE] = "cgroup-namespace",
      [JAIL_EMPTY_ROOT] = "empty-root",
      [JAIL_UNPRIVILEGED_USER] = "unprivileged-user",
      [JAIL_NO_CAPABILITIES] = "no-capabilities",
      [JAIL_NO_NEW_PRIVILEGES] = "no-new-privileges",
      [JAIL_RESOURCE_LIMITS] = "resource-limits",
      [JAIL_PARENT_DEATH_SIGNAL] = "parent-death-signal",
      [JAIL_MEMORY_CGROUP] = "memory-cgroup",
      [JAIL_PIDS_CGROUP] = "pids-cgroup",
      [JAIL_LANDLOCK_FILES] = "landlock-files",
      [JAIL_LANDLOCK_NETWORK] = "landlock-network",
      [JAIL_LANDLOCK_SCOPE] = "landlock-scope",
      [JAIL_SECCOMP] = "seccomp",
  };
  return layer >= 0 && layer < JAIL_LAYERS ? names[layer] : NULL;
}

const char *jail_step_name(int step) {
  static const char *const names[JAIL_STEPS] = {
      [JAIL_STEP_NONE] = "none",
      [JAIL_STEP_PIPE] = "pipe",
      [JAIL_STEP_CLONE] = "clone",
      [JAIL_STEP_DESCRIPTORS] = "descriptors",
      [JAIL_STEP_NO_NEW_PRIVILEGES] = "no-new-privileges",
      [JAIL_STEP_EXEC] = "exec",
      [JAIL_STEP_TIMEOUT] = "timeout",
  };
  return step >= 0 && step < JAIL_STEPS ? names[step] : NULL;
}
