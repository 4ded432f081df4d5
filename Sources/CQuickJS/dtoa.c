#include "sources.h"
#include "/usr/src/quickjs-ng/dtoa.c"
