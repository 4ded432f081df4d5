#include "CQuickJS.h"
int engine_version(void) { return 17; }
