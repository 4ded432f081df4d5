#ifndef SAFEBOX_ENGINE_H
#define SAFEBOX_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One JavaScript engine for one program. Everything that happens in it is fixed by what it is given: it has no clock, no
// random source, no file and no thread. Not thread safe; it may move from thread to thread between calls.
//
// All JavaScript runs below these functions and never through a callback into Swift, so that a frame of the stack is the
// same in every build and "too deep" is the same place everywhere.

typedef struct engine engine;

typedef struct {
  int64_t fuel;         // units of 10,000 polls; of a synchronous program, of 10,000 polls weighted by its memory
  size_t memory;        // bytes
  size_t stack;         // bytes
  int32_t calls;        // in the whole run
  int32_t pending;      // at one time
  size_t value_bytes;   // of one argument or result
  size_t turn_bytes;    // of all arguments of a turn together
  size_t log_bytes;     // of console output in the whole run
} engine_limits;

typedef enum {
  ENGINE_RUNNING = 0,
  ENGINE_WAITING,
  ENGINE_FINISHED,
  ENGINE_FAILED,
} engine_state;

typedef enum {
  ENGINE_NO_FAILURE = 0,
  ENGINE_SOURCE,
  ENGINE_EXCEPTION,
  ENGINE_FUEL,
  ENGINE_MEMORY,
  ENGINE_STACK,
  ENGINE_CALLS,
  ENGINE_VALUE,
  ENGINE_DEADLOCK,
} engine_failure;

typedef struct {
  const char *bytes;
  size_t count;
} engine_text;

typedef struct {
  int32_t number;
  int32_t method;   // index into the methods given to engine_create
  engine_text arguments;
} engine_call;

// What the engine is made of, as in "0.17.0".
const char *engine_version(void);

// An engine with all globals but without a program. `prelude` is the source of a function expression that is called with
// the native functions; see Prelude.swift. `methods` are names as in "HTTP.get"; with none there is neither
// `Protocol` nor `console`. The text must end in a 0 that `count` does not count. NULL when the prelude is wrong.
engine *engine_create(engine_text prelude, const char *const *methods, int32_t count);
void engine_destroy(engine *e);

// Puts the program's limits and seed in force. Once, before the first turn.
void engine_load(engine *e, const engine_limits *limits, const uint8_t seed[32]);

// Evaluates the module and calls its default export with the parsed `arguments` (at most 2); runs until nothing more can
// be done without an answer. With `synchronous` the function must return a string, at once. Texts must end in a 0.
engine_state engine_start(
  engine *e, engine_text source, const engine_text *arguments, int32_t count, bool synchronous, int64_t now);

// Settles the promise of a call and runs on. False when there is no such open call, the time is earlier than before or
// the value is not JSON; the call is open as before then.
bool engine_answer(engine *e, int32_t call, bool is_error, engine_text value, int64_t now);

// Of the last turn. Valid until the next one.
engine_state engine_get_state(const engine *e);
engine_failure engine_get_failure(const engine *e);
engine_text engine_get_outcome(const engine *e);   // result, or message of the failure
int32_t engine_get_call_count(const engine *e);
engine_call engine_get_call(const engine *e, int32_t index);
int32_t engine_get_log_count(const engine *e);
engine_text engine_get_log(const engine *e, int32_t index);
int64_t engine_get_fuel(const engine *e);
size_t engine_get_memory(const engine *e);
bool engine_is_open(const engine *e, int32_t call);

#endif
