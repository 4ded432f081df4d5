// The engine itself, unmodified, with the few things replaced that would make it depend on the machine.
#include "sources.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "/usr/src/quickjs-ng/cutils.h"
#include "internal.h"
#include "portable_math.h"

_Thread_local engine *engine_current;

// Date and the engine's own seeds see the virtual clock.
static int64_t engine_clock_us(void) { return engine_current ? engine_current->now * 1000 : 0; }
static uint64_t engine_clock_ns(void) { return 0; }
#define js__gettimeofday_us engine_clock_us
#define js__hrtime_ns engine_clock_ns

// The only time zone is UTC. The C library's own functions would read files of the machine, even for UTC.
static struct tm *engine_utc(const time_t *time, struct tm *parts) {
  (void)time;
  memset(parts, 0, sizeof(*parts));
  return parts;
}
#define localtime_r engine_utc
#define gmtime_r engine_utc

// To the engine, a stack overflow is an exception that a program can catch. But where it happens depends on the compiler,
// so it must end the run; this is the one place that every such exception passes, and none that a program makes.
static int engine_format(char *buffer, size_t size, const char *format, va_list arguments) {
  if (engine_current && strcmp(format, "Maximum call stack size exceeded") == 0)
    engine_exit(engine_current, ENGINE_STACK, "");
  return vsnprintf(buffer, size, format, arguments);
}
#define vsnprintf engine_format

#define acos portable_acos
#define acosh portable_acosh
#define asin portable_asin
#define asinh portable_asinh
#define atan portable_atan
#define atan2 portable_atan2
#define atanh portable_atanh
#define cbrt portable_cbrt
#define cos portable_cos
#define cosh portable_cosh
#define exp portable_exp
#define expm1 portable_expm1
#define hypot portable_hypot
#define log portable_log
#define log10 portable_log10
#define log1p portable_log1p
#define log2 portable_log2
#define pow portable_pow
#define sin portable_sin
#define sinh portable_sinh
#define tan portable_tan
#define tanh portable_tanh

#include "/usr/src/quickjs-ng/quickjs.c"

bool engine_regexp_stack_overflow(void *opaque, size_t size) {
  if (lre_check_stack_overflow(opaque, size)) engine_exit(engine_current, ENGINE_STACK, "");
  return false;
}

void engine_set_poll_counter(JSContext *context, int polls) { context->interrupt_counter = polls; }

int engine_poll(JSContext *context) { return js_poll_interrupts(context); }

void engine_set_hash_seed(JSContext *context, uint32_t seed) { context->hash_seed = seed; }
