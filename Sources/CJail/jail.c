#include "CJail.h"
int jail_version(void) { return 1; }
