// The engine's regular expressions, unmodified; a pattern that nests too deep is reported to the host.
#include "sources.h"
#define lre_check_stack_overflow engine_regexp_stack_overflow
#include "/usr/src/quickjs-ng/libregexp.c"
