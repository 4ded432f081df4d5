// What the files of this target know of each other.
#ifndef SAFEBOX_ENGINE_INTERNAL_H
#define SAFEBOX_ENGINE_INTERNAL_H

#include <setjmp.h>

#include "CQuickJS.h"
#include "sources.h"
#include "/usr/src/quickjs-ng/quickjs.h"

typedef struct engine_block engine_block;

typedef struct {
  JSValue resolve, reject;
  bool open;
} engine_promise;

struct engine {
  JSRuntime *runtime;
  JSContext *context;
  engine_limits limits;
  int64_t now;
  int64_t fuel;
  uint64_t random[4];

  engine_block *blocks;   // everything the engine has allocated
  size_t memory;

  JSValue make_error;     // of the prelude: (value) -> ProtocolError
  JSValue module, main;   // promises
  JSValue function;
  JSModuleDef *definition;
  JSValue arguments[2];
  int32_t argument_count;
  bool synchronous;

  // Of a synchronous program: it runs where no clock can stop it, so what takes long is counted too.
  int64_t work;           // of POLLS_PER_UNIT for each unit of fuel
  size_t base;            // memory before the program made any

  jmp_buf exit;           // of the innermost `enter`
  engine_state state;
  engine_failure failure;
  char *outcome;
  size_t outcome_count;

  engine_promise *promises;   // by call number
  int32_t call_count, call_capacity, pending;

  engine_call *turn_calls;
  int32_t turn_call_count, turn_call_capacity;
  size_t turn_bytes;
  engine_text *logs;
  int32_t log_count, log_capacity;
  size_t log_bytes;
};

// The engine whose code this thread is running; the engine's own code has no way to be told.
extern _Thread_local engine *engine_current;

// Records why the program failed. The first failure stays.
void engine_fail(engine *e, engine_failure failure, const char *message, size_t count);

// Ends the program from within: unwinds everything that it and the engine are doing, so that neither can catch it and the
// engine's own handling of such a thing is never needed. Nothing of it runs afterwards; its memory is all in one list.
_Noreturn void engine_exit(engine *e, engine_failure failure, const char *message);

enum { POLLS_PER_UNIT = 10000 };

// Counts work of a synchronous program, and ends it where its fuel is used up.
void engine_work(engine *e, size_t count);

// In quickjs.c's own translation unit, because they need its internals.
void engine_set_poll_counter(JSContext *context, int polls);
int engine_poll(JSContext *context);
void engine_set_hash_seed(JSContext *context, uint32_t seed);

extern const JSMallocFunctions engine_allocator;
void engine_free_blocks(engine *e);

#endif
