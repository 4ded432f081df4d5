// Assertions of the engine stay on in every build: code without them would have other stack frames.
#undef NDEBUG
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#if !__has_include("/usr/src/quickjs-ng/quickjs.c")
#error "the sources of the JavaScript engine are not installed: run scripts/setup"
#endif
