// Runs a program turn by turn.
#include <alloca.h>
#include <stdlib.h>
#include <string.h>

#include "natives.h"

enum { MESSAGE_BYTES = 4096 };

const char *engine_version(void) { return JS_GetVersion(); }

void engine_fail(engine *e, engine_failure failure, const char *message, size_t count) {
  if (e->failure) return;
  e->failure = failure;
  if (count > MESSAGE_BYTES) count = MESSAGE_BYTES;
  free(e->outcome);
  e->outcome = malloc(count + 1);
  if (!e->outcome) abort();
  if (count) memcpy(e->outcome, message, count);
  e->outcome_count = count;
}

void engine_exit(engine *e, engine_failure failure, const char *message) {
  engine_fail(e, failure, message, strlen(message));
  longjmp(e->exit, 1);
}

static void fail_text(engine *e, engine_failure failure, const char *message) {
  engine_fail(e, failure, message, strlen(message));
}

void engine_work(engine *e, size_t count) {
  if (!e->synchronous) return;
  int64_t budget = e->limits.fuel * POLLS_PER_UNIT;
  e->work = count < (size_t)(budget - e->work) ? e->work + (int64_t)count : budget;
  if (e->work >= budget) engine_exit(e, ENGINE_FUEL, "");
}

static int on_poll(JSRuntime *runtime, void *opaque) {
  engine *e = opaque;
  if (e->synchronous) {
    // Whatever came before this poll may have gone through all that the program holds.
    engine_work(e, 1 + (e->memory > e->base ? (e->memory - e->base) >> 8 : 0));
    engine_set_poll_counter(e->context, 1);
    return 0;
  }
  if (++e->fuel >= e->limits.fuel) engine_exit(e, ENGINE_FUEL, "");
  return 0;
}

static char *refuse_name(JSContext *context, const char *base, const char *name, void *opaque) {
  JS_ThrowTypeError(context, "import of '%.100s': a tool is one module", name);
  return NULL;
}

static JSModuleDef *refuse_module(JSContext *context, const char *name, void *opaque) {
  JS_ThrowTypeError(context, "import of '%.100s': a tool is one module", name);
  return NULL;
}

// Runs `body` on a stack that begins at the same place of a page every time, so that no size of an environment or of a
// caller's frame moves the end of the stack.
static __attribute__((noinline)) void enter(engine *e, void (*body)(engine *, void *), void *argument) {
  engine *previous = engine_current;
  char *padding = alloca(((uintptr_t)__builtin_frame_address(0) & 4095) + 16);
  __asm__ volatile("" : : "r"(padding) : "memory");
  engine_current = e;
  JS_UpdateStackTop(e->runtime);
  if (!setjmp(e->exit)) body(e, argument);
  if (e->failure) e->state = ENGINE_FAILED;
  engine_current = previous;
}

// ---- Preparing

typedef struct {
  engine_text prelude;
  const char *const *methods;
  int32_t count;
  bool ok;
} installation;

static void install(engine *e, void *argument) {
  installation *i = argument;
  JSContext *context = e->context = JS_NewContextRaw(e->runtime);
  if (!context) return;
  if (JS_AddIntrinsicBaseObjects(context) || JS_AddIntrinsicDate(context) || JS_AddIntrinsicEval(context) ||
      (i->count && JS_AddIntrinsicRegExp(context)) || JS_AddIntrinsicJSON(context) || JS_AddIntrinsicProxy(context) ||
      JS_AddIntrinsicMapSet(context) || JS_AddIntrinsicTypedArrays(context) || JS_AddIntrinsicPromise(context) ||
      JS_AddIntrinsicAToB(context))
    return;
  i->ok = engine_install(e, i->prelude, i->methods, i->count);
}

engine *engine_create(engine_text prelude, const char *const *methods, int32_t count) {
  engine *e = calloc(1, sizeof(engine));
  if (!e) abort();
  e->limits.memory = SIZE_MAX;
  e->limits.fuel = INT64_MAX;
  e->make_error = e->module = e->main = e->function = JS_UNDEFINED;
  e->runtime = JS_NewRuntime2(&engine_allocator, e);
  JS_SetMaxStackSize(e->runtime, 256 << 10);
  JS_SetInterruptHandler(e->runtime, on_poll, e);
  JS_SetModuleLoaderFunc(e->runtime, refuse_name, refuse_module, NULL);
  installation i = {prelude, methods, count, false};
  enter(e, install, &i);
  if (i.ok) return e;
  engine_destroy(e);
  return NULL;
}

static void clear_turn(engine *e) {
  for (int32_t i = 0; i < e->turn_call_count; i++) free((void *)e->turn_calls[i].arguments.bytes);
  for (int32_t i = 0; i < e->log_count; i++) free((void *)e->logs[i].bytes);
  e->turn_call_count = e->log_count = 0;
  e->turn_bytes = 0;
}

// The engine is not asked to take itself apart: after a failure it might not be able to.
void engine_destroy(engine *e) {
  clear_turn(e);
  engine_free_blocks(e);
  free(e->promises);
  free(e->turn_calls);
  free(e->logs);
  free(e->outcome);
  free(e);
}

void engine_load(engine *e, const engine_limits *limits, const uint8_t seed[32]) {
  // The constants are the first outputs of SplitMix64 from 0; they keep a seed of zeros from being the one state that
  // xoshiro256** cannot leave.
  static const uint64_t constants[4] = {
    0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC};
  for (int i = 0; i < 4; i++) {
    uint64_t word = 0;
    for (int j = 7; j >= 0; j--) word = word << 8 | seed[8 * i + j];
    e->random[i] = word ^ constants[i];
  }
  if (!(e->random[0] | e->random[1] | e->random[2] | e->random[3])) e->random[0] = 1;
  engine_set_hash_seed(e->context, (uint32_t)(e->random[0] >> 32));
  e->limits = *limits;
  e->fuel = 0;
  engine_set_poll_counter(e->context, POLLS_PER_UNIT);
  JS_SetMaxStackSize(e->runtime, limits->stack);
}

// ---- Outcomes

// Appends what can be read of a value without caring for what its getters do.
static size_t append_text(engine *e, char *message, size_t used, JSValue value) {
  JSContext *context = e->context;
  size_t length = 0;
  const char *text = JS_IsException(value) ? NULL : JS_ToCStringLen(context, &length, value);
  if (!text) {
    JS_FreeValue(context, JS_GetException(context));
  } else {
    if (length > MESSAGE_BYTES - used) length = MESSAGE_BYTES - used;
    memcpy(message + used, text, length);
    used += length;
    JS_FreeCString(context, text);
  }
  JS_FreeValue(context, value);
  return used;
}

static size_t append_literal(char *message, size_t used, const char *text) {
  size_t length = strlen(text);
  if (length > MESSAGE_BYTES - used) length = MESSAGE_BYTES - used;
  memcpy(message + used, text, length);
  return used + length;
}

// Reading an exception may run the program's code, under the same limits: where one of them ends it, that is the failure.
static void fail_with(engine *e, engine_failure failure, JSValue exception) {
  JSContext *context = e->context;
  char message[MESSAGE_BYTES];
  size_t used = 0;
  if (JS_IsError(exception)) {
    used = append_text(e, message, used, JS_GetPropertyStr(context, exception, "name"));
    used = append_literal(message, used, ": ");
    used = append_text(e, message, used, JS_GetPropertyStr(context, exception, "message"));
    JSValue stack = JS_GetPropertyStr(context, exception, "stack");
    if (JS_IsString(stack)) {
      used = append_literal(message, used, "\n");
      used = append_text(e, message, used, stack);
    }
  } else if (JS_IsObject(exception)) {
    used = append_text(e, message, used, engine_stringify(e, exception));
  } else {
    used = append_text(e, message, used, JS_DupValue(context, exception));
  }
  JS_FreeValue(context, exception);
  engine_fail(e, failure, message, used);
}

static void finish(engine *e, JSValue value) {
  JSContext *context = e->context;
  JSValue json = JS_UNDEFINED;
  engine_text text = {"null", 4};
  if (e->synchronous) {
    if (!JS_IsString(value)) {
      fail_text(e, ENGINE_VALUE, "the result is not a string");
      return;
    }
    json = value;
  } else if (!JS_IsUndefined(value)) {
    json = engine_stringify(e, value);
    if (JS_IsException(json)) {
      fail_with(e, ENGINE_VALUE, JS_GetException(context));
      return;
    }
    if (!JS_IsString(json)) {
      fail_text(e, ENGINE_VALUE, "the result has no JSON form");
      return;
    }
  }
  if (!JS_IsUndefined(json)) {
    text.bytes = JS_ToCStringLen(context, &text.count, json);
    if (!text.bytes) {
      fail_with(e, ENGINE_VALUE, JS_GetException(context));
      return;
    }
  }
  if (text.count > e->limits.value_bytes) {
    fail_text(e, ENGINE_VALUE, "the result is too large");
    return;
  }
  e->outcome = malloc(text.count + 1);
  if (!e->outcome) abort();
  memcpy(e->outcome, text.bytes, text.count);
  e->outcome_count = text.count;
  e->state = ENGINE_FINISHED;
}

// ---- A turn

// Calls the default export, whose module has been evaluated.
static void call_default(engine *e) {
  JSContext *context = e->context;
  JSValue space = JS_GetModuleNamespace(context, e->definition);
  e->function = JS_IsException(space) ? JS_EXCEPTION : JS_GetPropertyStr(context, space, "default");
  JS_FreeValue(context, space);
  if (JS_IsException(e->function)) {
    fail_with(e, ENGINE_SOURCE, JS_GetException(context));
    return;
  }
  if (!JS_IsFunction(context, e->function)) {
    fail_text(e, ENGINE_SOURCE, "the default export is not a function");
    return;
  }
  JSValue result = JS_Call(context, e->function, JS_UNDEFINED, e->argument_count, e->arguments);
  if (JS_IsException(result)) {
    fail_with(e, ENGINE_EXCEPTION, JS_GetException(context));
  } else if (e->synchronous) {
    finish(e, result);
  } else if (JS_IsPromise(result)) {
    e->main = result;
  } else {
    // As `await` would: an object with a method `then` decides for itself.
    JSValue settle[2];
    e->main = JS_NewPromiseCapability(context, settle);
    if (JS_IsException(e->main)) {
      e->main = JS_UNDEFINED;
      fail_with(e, ENGINE_EXCEPTION, JS_GetException(context));
      return;
    }
    JS_FreeValue(context, JS_Call(context, settle[0], JS_UNDEFINED, 1, &result));
    JS_FreeValue(context, settle[0]);
    JS_FreeValue(context, settle[1]);
    JS_FreeValue(context, result);
  }
}

// One step towards the end of the turn; false when there is none.
static bool step(engine *e) {
  JSContext *context = e->context;
  JSValue promise = JS_IsUndefined(e->main) ? e->module : e->main;
  switch (JS_PromiseState(context, promise)) {
    case JS_PROMISE_FULFILLED:
      if (JS_IsUndefined(e->main)) call_default(e);
      else finish(e, JS_PromiseResult(context, promise));
      return true;
    case JS_PROMISE_REJECTED:
      fail_with(e, ENGINE_EXCEPTION, JS_PromiseResult(context, promise));
      return true;
    case JS_PROMISE_PENDING: break;
    default: fail_text(e, ENGINE_SOURCE, "the module has no promise"); return true;
  }
  if (!JS_IsJobPending(e->runtime)) {
    if (e->pending > 0 && !e->synchronous) e->state = ENGINE_WAITING;
    else fail_text(e, ENGINE_DEADLOCK, "awaits what can never come");
    return false;
  }
  // A job counts as a poll, so that a program of jobs alone comes to an end too.
  JSContext *unused;
  engine_poll(context);
  if (JS_ExecutePendingJob(e->runtime, &unused) < 0) JS_FreeValue(context, JS_GetException(context));
  return true;
}

static void run(engine *e) {
  e->state = ENGINE_RUNNING;
  while (!e->failure && e->state == ENGINE_RUNNING && step(e)) {}
}

typedef struct {
  engine_text source;
  const engine_text *arguments;
  int32_t count;
} beginning;

static void begin(engine *e, void *argument) {
  beginning *b = argument;
  JSContext *context = e->context;
  for (int32_t i = 0; i < b->count && !e->failure; i++) {
    JSValue value = JS_ParseJSON(context, b->arguments[i].bytes, b->arguments[i].count, "argument");
    if (JS_IsException(value) || (i == 1 && JS_IsObject(value) && JS_FreezeObject(context, value) < 0))
      fail_with(e, ENGINE_VALUE, JS_GetException(context));
    else
      e->arguments[e->argument_count++] = value;
  }
  if (!e->failure) {
    JSValue compiled = JS_Eval(
      context, b->source.bytes, b->source.count, "tool", JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(compiled)) {
      fail_with(e, ENGINE_SOURCE, JS_GetException(context));
    } else {
      e->definition = JS_VALUE_GET_PTR(compiled);
      e->module = JS_EvalFunction(context, compiled);
      if (JS_IsException(e->module)) {
        e->module = JS_UNDEFINED;
        fail_with(e, ENGINE_SOURCE, JS_GetException(context));
      }
    }
  }
  run(e);
}

engine_state engine_start(
  engine *e, engine_text source, const engine_text *arguments, int32_t count, bool synchronous, int64_t now) {
  beginning b = {source, arguments, count};
  e->now = now;
  e->synchronous = synchronous;
  e->base = e->memory;
  if (synchronous) engine_set_poll_counter(e->context, 1);
  enter(e, begin, &b);
  return e->state;
}

typedef struct {
  int32_t call;
  bool is_error;
  engine_text value;
  int64_t now;
  bool ok;
} delivery;

static void deliver(engine *e, void *argument) {
  delivery *d = argument;
  JSContext *context = e->context;
  clear_turn(e);
  engine_promise *promise = &e->promises[d->call];
  JSValue value = JS_ParseJSON(context, d->value.bytes, d->value.count, "answer");
  if (JS_IsException(value)) {
    JS_FreeValue(context, JS_GetException(context));
    d->ok = false;
    return;
  }
  promise->open = false;
  e->pending--;
  e->now = d->now;
  if (d->is_error) {
    JSValue error = JS_Call(context, e->make_error, JS_UNDEFINED, 1, &value);
    JS_FreeValue(context, value);
    value = JS_IsException(error) ? JS_GetException(context) : error;
  }
  JSValue done = JS_Call(context, d->is_error ? promise->reject : promise->resolve, JS_UNDEFINED, 1, &value);
  if (JS_IsException(done)) JS_FreeValue(context, JS_GetException(context));
  JS_FreeValue(context, done);
  JS_FreeValue(context, value);
  JS_FreeValue(context, promise->resolve);
  JS_FreeValue(context, promise->reject);
  run(e);
}

bool engine_answer(engine *e, int32_t call, bool is_error, engine_text value, int64_t now) {
  if (e->state != ENGINE_WAITING || !engine_is_open(e, call) || now < e->now) return false;
  delivery d = {call, is_error, value, now, true};
  enter(e, deliver, &d);
  return d.ok;
}

// ---- What it says

engine_state engine_get_state(const engine *e) { return e->state; }
engine_failure engine_get_failure(const engine *e) { return e->failure; }
engine_text engine_get_outcome(const engine *e) { return (engine_text){e->outcome, e->outcome_count}; }
int32_t engine_get_call_count(const engine *e) { return e->turn_call_count; }
engine_call engine_get_call(const engine *e, int32_t index) { return e->turn_calls[index]; }
int32_t engine_get_log_count(const engine *e) { return e->log_count; }
engine_text engine_get_log(const engine *e, int32_t index) { return e->logs[index]; }
int64_t engine_get_fuel(const engine *e) { return e->fuel; }
size_t engine_get_memory(const engine *e) { return e->memory; }
bool engine_is_open(const engine *e, int32_t call) {
  return call >= 0 && call < e->call_count && e->promises[call].open;
}
