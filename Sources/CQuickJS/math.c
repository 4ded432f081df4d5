#include "CQuickJS.h"
#include "portable_math.h"

#define UNARY(name) case __COUNTER__ - FIRST: return portable_##name(x);
#define BINARY(name) case __COUNTER__ - FIRST: return portable_##name(x, y);

enum { FIRST = __COUNTER__ + 1 };

double engine_math(int32_t function, double x, double y) {
  switch (function) {
    PORTABLE_UNARY(UNARY)
    PORTABLE_BINARY(BINARY)
    default: return 0;
  }
}

enum { END = __COUNTER__ };

int32_t engine_math_count(void) { return END - FIRST; }

#undef FIRST
#undef UNARY
#undef BINARY
#define UNARY(name) case __COUNTER__ - SECOND: return name(x);
#define BINARY(name) case __COUNTER__ - SECOND: return name(x, y);

enum { SECOND = __COUNTER__ + 1 };

__attribute__((optnone)) double engine_system_math(int32_t function, double x, double y) {
  switch (function) {
    PORTABLE_UNARY(UNARY)
    PORTABLE_BINARY(BINARY)
    default: return 0;
  }
}
