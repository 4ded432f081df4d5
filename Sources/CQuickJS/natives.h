// The native functions that programs see.
#ifndef SAFEBOX_ENGINE_NATIVES_H
#define SAFEBOX_ENGINE_NATIVES_H

#include "internal.h"

// Calls the prelude, which builds the globals from these functions. False on an exception.
bool engine_install(engine *e, engine_text prelude, const char *const *methods, int32_t count);

// JSON text of a value, as a string value; undefined where it has none. An exception may be the program's own.
JSValue engine_stringify(engine *e, JSValueConst value);

#endif
