#ifndef HOSTILE_H
#define HOSTILE_H
#include <stddef.h>

/// An attempt; 0 or more when it succeeds, -1 with errno when it is refused.
struct probe {
  const char *name;
  long (*attempt)(void);
};

extern const struct probe probes[];
extern const size_t probe_count;

/// Where reports go: the channel in the jail, standard output outside.
extern int channel;

/// Breaks the protocol in the named way. Returns 0 when there is such a way.
int talk(const char *name, const char *engine);

#endif
