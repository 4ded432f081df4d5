#include "natives.h"

#include <stdlib.h>
#include <string.h>

JSValue engine_stringify(engine *e, JSValueConst value) {
  return JS_JSONStringify(e->context, value, JS_UNDEFINED, JS_UNDEFINED);
}

static void *grow(void *array, int32_t count, int32_t *capacity, size_t size) {
  if (count < *capacity) return array;
  *capacity = *capacity ? *capacity * 2 : 8;
  array = realloc(array, (size_t)*capacity * size);
  if (!array) abort();
  return array;
}

static const char *copy(const char *bytes, size_t count) {
  char *result = malloc(count + 1);
  if (!result) abort();
  memcpy(result, bytes, count);
  result[count] = 0;
  return result;
}

// Protocol.X.y(argument): a promise. The argument is read at once, as a call by value.
static JSValue protocol_call(JSContext *context, JSValueConst this, int count, JSValueConst *values, int method) {
  engine *e = engine_current;
  engine_text text = {"null", 4};
  JSValue json = JS_UNDEFINED;
  if (count > 0 && !JS_IsUndefined(values[0])) {
    json = engine_stringify(e, values[0]);
    if (JS_IsException(json)) {
      JSValue reason = JS_GetException(context);
      JSValue rejected = JS_NewSettledPromise(context, true, reason);
      JS_FreeValue(context, reason);
      return rejected;
    }
    if (!JS_IsString(json)) engine_exit(e, ENGINE_VALUE, "an argument of a call has no JSON form");
    text.bytes = JS_ToCStringLen(context, &text.count, json);
    if (!text.bytes) return JS_EXCEPTION;
  }
  if (text.count > e->limits.value_bytes) engine_exit(e, ENGINE_VALUE, "an argument of a call is too large");
  if (text.count > e->limits.turn_bytes - e->turn_bytes)
    engine_exit(e, ENGINE_VALUE, "the arguments of calls made at one time are too large together");
  if (e->call_count >= e->limits.calls) engine_exit(e, ENGINE_CALLS, "more calls than the limit");
  if (e->pending >= e->limits.pending) engine_exit(e, ENGINE_CALLS, "too many calls wait for an answer");

  JSValue settle[2];
  JSValue promise = JS_NewPromiseCapability(context, settle);
  if (JS_IsException(promise)) return promise;

  e->promises = grow(e->promises, e->call_count, &e->call_capacity, sizeof(engine_promise));
  e->promises[e->call_count] = (engine_promise){settle[0], settle[1], true};
  e->turn_calls = grow(e->turn_calls, e->turn_call_count, &e->turn_call_capacity, sizeof(engine_call));
  e->turn_calls[e->turn_call_count++] =
    (engine_call){e->call_count, method, {copy(text.bytes, text.count), text.count}};
  e->turn_bytes += text.count;
  e->call_count++;
  e->pending++;

  if (!JS_IsUndefined(json)) {
    JS_FreeCString(context, text.bytes);
    JS_FreeValue(context, json);
  }
  return promise;
}

// One line of output. What is beyond the limit is dropped.
static JSValue console_write(JSContext *context, JSValueConst this, int count, JSValueConst *values) {
  engine *e = engine_current;
  if (count < 1) return JS_UNDEFINED;
  size_t length;
  const char *bytes = JS_ToCStringLen(context, &length, values[0]);
  if (!bytes) return JS_EXCEPTION;
  // A line costs its length and a little more, so that empty ones are not for nothing.
  size_t cost = length + 16;
  if (cost <= e->limits.log_bytes - e->log_bytes) {
    e->log_bytes += cost;
    e->logs = grow(e->logs, e->log_count, &e->log_capacity, sizeof(engine_text));
    e->logs[e->log_count++] = (engine_text){copy(bytes, length), length};
  } else {
    e->log_bytes = e->limits.log_bytes;
  }
  JS_FreeCString(context, bytes);
  return JS_UNDEFINED;
}

// xoshiro256** 1.0 by Blackman and Vigna; the upper 53 bits of each output.
static JSValue math_random(JSContext *context, JSValueConst this, int count, JSValueConst *values) {
  uint64_t *s = engine_current->random;
  uint64_t x = s[1] * 5, t = s[1] << 17;
  uint64_t result = ((x << 7) | (x >> 57)) * 9;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = (s[3] << 45) | (s[3] >> 19);
  return JS_NewFloat64(context, (double)(result >> 11) * 0x1p-53);
}

// The bytes of a string that is well-formed UTF-16.
static JSValue utf8_encode(JSContext *context, JSValueConst this, int count, JSValueConst *values) {
  size_t length;
  const char *bytes = JS_ToCStringLen(context, &length, values[0]);
  if (!bytes) return JS_EXCEPTION;
  JSValue array = JS_NewUint8ArrayCopy(context, (const uint8_t *)bytes, length);
  JS_FreeCString(context, bytes);
  return array;
}

// Length of the well-formed UTF-8 sequence at `p`, or minus the length of the longest prefix of one.
static int sequence(const uint8_t *p, const uint8_t *end) {
  uint8_t lead = *p, low = 0x80, high = 0xBF;
  int count;
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) count = 2;
  else if (lead >= 0xE0 && lead <= 0xEF) {
    count = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    count = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else return -1;
  for (int i = 1; i < count; i++) {
    if (p + i >= end || p[i] < low || p[i] > high) return -i;
    low = 0x80;
    high = 0xBF;
  }
  return count;
}

// utf8Decode(array, fatal): the text of a Uint8Array by the Encoding Standard; null for bad bytes where `fatal`.
static JSValue utf8_decode(JSContext *context, JSValueConst this, int count, JSValueConst *values) {
  size_t length;
  const uint8_t *bytes = JS_GetUint8Array(context, &length, values[0]);
  if (!bytes && length) return JS_EXCEPTION;
  const uint8_t *end = bytes + length;
  size_t size = 0;
  bool bad = false;
  for (const uint8_t *p = bytes; p < end;) {
    int n = sequence(p, end);
    bad |= n < 0;
    size += n < 0 ? 3 : n;
    p += n < 0 ? -n : n;
  }
  if (!bad) return JS_NewStringLen(context, (const char *)bytes, length);
  if (JS_ToBool(context, values[1])) return JS_NULL;
  char *text = js_malloc(context, size);
  if (!text) return JS_EXCEPTION;
  char *out = text;
  for (const uint8_t *p = bytes; p < end;) {
    int n = sequence(p, end);
    memcpy(out, n < 0 ? (const void *)"\xEF\xBF\xBD" : (const void *)p, n < 0 ? 3 : n);
    out += n < 0 ? 3 : n;
    p += n < 0 ? -n : n;
  }
  JSValue string = JS_NewStringLen(context, text, size);
  js_free(context, text);
  return string;
}

// The families of `Protocol`, not yet frozen.
static JSValue protocol(JSContext *context, const char *const *methods, int32_t count) {
  JSValue object = JS_NewObject(context);
  for (int32_t i = 0; i < count; i++) {
    const char *dot = strchr(methods[i], '.');
    if (!dot) continue;
    JSAtom name = JS_NewAtomLen(context, methods[i], dot - methods[i]);
    JSValue family = JS_GetProperty(context, object, name);
    if (JS_IsUndefined(family)) {
      family = JS_NewObject(context);
      JS_DefinePropertyValue(context, object, name, JS_DupValue(context, family), JS_PROP_ENUMERABLE);
    }
    JS_DefinePropertyValueStr(
      context, family, dot + 1,
      JS_NewCFunctionMagic(context, protocol_call, dot + 1, 1, JS_CFUNC_generic_magic, i), JS_PROP_ENUMERABLE);
    JS_FreeValue(context, family);
    JS_FreeAtom(context, name);
  }
  return object;
}

bool engine_install(engine *e, engine_text prelude, const char *const *methods, int32_t count) {
  JSContext *context = e->context;
  JSValue natives = JS_NewObject(context);
  JS_DefinePropertyValueStr(context, natives, "write", JS_NewCFunction(context, console_write, "write", 1), 0);
  JS_DefinePropertyValueStr(context, natives, "random", JS_NewCFunction(context, math_random, "random", 0), 0);
  JS_DefinePropertyValueStr(context, natives, "encode", JS_NewCFunction(context, utf8_encode, "encode", 1), 0);
  JS_DefinePropertyValueStr(context, natives, "decode", JS_NewCFunction(context, utf8_decode, "decode", 2), 0);
  JS_DefinePropertyValueStr(
    context, natives, "protocol", count ? protocol(context, methods, count) : JS_UNDEFINED, 0);

  JSValue function = JS_Eval(context, prelude.bytes, prelude.count, "prelude", JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_STRICT);
  if (JS_IsException(function)) return false;
  e->make_error = JS_Call(context, function, JS_UNDEFINED, 1, &natives);
  JS_FreeValue(context, function);
  JS_FreeValue(context, natives);
  return !JS_IsException(e->make_error);
}
