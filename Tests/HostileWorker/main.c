// What a worker could be after an attacker has taken it over, or put something else in its place.
//
//   HostileWorker probe  control|bare|landlock|locked NAME    one attempt; says how it went
//   HostileWorker talk   bare|locked NAME ENGINE              breaks the protocol
//   HostileWorker list                                        names of the attempts
//
// `control` runs outside any jail, to show that what fails inside is not bound to fail.
#define _GNU_SOURCE
#include "hostile.h"

#include <CJail.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int channel = 3;

static void lock(const char *mode) {
  struct jail_lockdown_report report;
  if (strcmp(mode, "locked") == 0 && jail_lockdown(&report) != 0) _exit(90);
  if (strcmp(mode, "landlock") == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    jail_apply_landlock(&report);
    if (report.layers[JAIL_LANDLOCK_FILES] != 0) _exit(91);
  }
}

static int probe(const char *mode, const char *name) {
  if (strcmp(mode, "control") == 0) channel = 1;
  for (size_t i = 0; i < probe_count; i++) {
    if (strcmp(probes[i].name, name) != 0) continue;
    // The text is laid out before: afterwards there may be no memory to be had.
    static char text[128];
    lock(mode);
    errno = 0;
    long result = probes[i].attempt();
    int length = snprintf(text, sizeof text, "%ld %d\n", result, result < 0 ? errno : 0);
    return write(channel, text, (size_t)length) == length ? 0 : 92;
  }
  return 93;
}

int main(int count, char **arguments) {
  if (count == 2 && strcmp(arguments[1], "list") == 0) {
    for (size_t i = 0; i < probe_count; i++) puts(probes[i].name);
    return 0;
  }
  if (count == 4 && strcmp(arguments[1], "probe") == 0) return probe(arguments[2], arguments[3]);
  if (count == 5 && strcmp(arguments[1], "talk") == 0) {
    lock(arguments[2]);
    return talk(arguments[3], arguments[4]);
  }
  return 94;
}
