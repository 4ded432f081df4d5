// The engine's memory, counted exactly: the same on every C library. All of it is in one list, so that it can be given
// back whatever state the engine is in.
#include <stdlib.h>

#include "internal.h"

struct engine_block {
  engine_block *previous, *next;
  size_t size;
  size_t padding;   // what follows is aligned to 16 bytes
};

static void insert(engine *e, engine_block *block) {
  block->previous = NULL;
  block->next = e->blocks;
  if (e->blocks) e->blocks->previous = block;
  e->blocks = block;
}

// A block that does not fit ends the program.
static void reserve(engine *e, size_t old, size_t new) {
  if (new > old && new - old > e->limits.memory - e->memory) engine_exit(e, ENGINE_MEMORY, "");
  e->memory = e->memory - old + new;
  if (new > old) engine_work(e, 1 + ((new - old) >> 6));
}

static void *allocate(engine *e, size_t size, bool zeroed) {
  if (size > SIZE_MAX / 2) size = SIZE_MAX / 2;
  size_t total = size + sizeof(engine_block);
  reserve(e, 0, total);
  engine_block *block = zeroed ? calloc(1, total) : malloc(total);
  if (!block) abort();   // the machine's memory is no property of the program
  block->size = size;
  insert(e, block);
  return block + 1;
}

static void *engine_malloc(void *opaque, size_t size) { return allocate(opaque, size, false); }

static void *engine_calloc(void *opaque, size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) total = SIZE_MAX / 2;
  return allocate(opaque, total, true);
}

static void engine_free(void *opaque, void *pointer) {
  engine *e = opaque;
  if (!pointer) return;
  engine_block *block = (engine_block *)pointer - 1;
  e->memory -= block->size + sizeof(engine_block);
  if (block->previous) block->previous->next = block->next;
  else e->blocks = block->next;
  if (block->next) block->next->previous = block->previous;
  free(block);
}

static void *engine_realloc(void *opaque, void *pointer, size_t size) {
  engine *e = opaque;
  if (!pointer) return allocate(e, size, false);
  if (size == 0) {
    engine_free(e, pointer);
    return NULL;
  }
  if (size > SIZE_MAX / 2) size = SIZE_MAX / 2;
  engine_block *block = (engine_block *)pointer - 1;
  reserve(e, block->size, size);
  block = realloc(block, size + sizeof(engine_block));
  if (!block) abort();
  block->size = size;
  if (block->previous) block->previous->next = block;
  else e->blocks = block;
  if (block->next) block->next->previous = block;
  return block + 1;
}

static size_t usable_size(const void *pointer) {
  return pointer ? ((const engine_block *)pointer - 1)->size : 0;
}

const JSMallocFunctions engine_allocator = {engine_calloc, engine_malloc, engine_free, engine_realloc, usable_size};

void engine_free_blocks(engine *e) {
  for (engine_block *block = e->blocks; block;) {
    engine_block *next = block->next;
    free(block);
    block = next;
  }
  e->blocks = NULL;
  e->memory = 0;
}
