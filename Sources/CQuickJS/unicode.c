#include "sources.h"
#include "/usr/src/quickjs-ng/libunicode.c"
