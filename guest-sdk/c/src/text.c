/* Memory that lasts one turn, and text in it. */

#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

/* What is asked of malloc at a time: an agent that does little needs one chunk. */
#define CHUNK_BYTES 16384
#define ALIGNMENT sizeof(max_align_t)

typedef struct chunk {
  struct chunk *before;
  size_t used, bytes;
  max_align_t memory[];
} chunk;

static chunk *newest;

void *warren_alloc(size_t bytes) {
  if (bytes > SIZE_MAX / 2) abort();
  bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (!newest || newest->bytes - newest->used < bytes) {
    size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    chunk *made = calloc(1, sizeof(chunk) + size);
    if (!made) abort(); /* a trap: the turn ends, and its effects with it */
    made->before = newest;
    made->bytes = size;
    newest = made;
  }
  void *memory = (char *)newest->memory + newest->used;
  newest->used += bytes;
  return memory;
}

void warren_free_all(void) {
  while (newest) {
    chunk *before = newest->before;
    free(newest);
    newest = before;
  }
}

const char *warren_vtext(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (length < 0) return "";
  char *text = warren_alloc((size_t)length + 1);
  vsnprintf(text, (size_t)length + 1, format, args);
  return text;
}

const char *warren_text(const char *format, ...) {
  va_list args;
  va_start(args, format);
  const char *text = warren_vtext(format, args);
  va_end(args);
  return text;
}

const char *warren_out(agent_string_t string) {
  char *text = warren_alloc(string.len + 1);
  if (string.len) memcpy(text, string.ptr, string.len);
  return text;
}

warren_strings warren_out_strings(agent_list_string_t list) {
  const char **items = warren_alloc(list.len * sizeof *items);
  for (size_t i = 0; i < list.len; i++) items[i] = warren_out(list.ptr[i]);
  warren_strings strings = {items, list.len};
  return strings;
}

agent_list_string_t warren_in_strings(warren_strings strings) {
  agent_list_string_t list = {warren_alloc(strings.count * sizeof(agent_string_t)), strings.count};
  for (size_t i = 0; i < strings.count; i++) list.ptr[i] = warren_in(strings.items[i]);
  return list;
}

agent_list_tuple2_string_string_t warren_in_fields(const warren_field *fields, size_t count) {
  agent_list_tuple2_string_string_t list = {warren_alloc(count * sizeof *list.ptr), count};
  for (size_t i = 0; i < count; i++) {
    list.ptr[i].f0 = warren_in(fields[i].name);
    list.ptr[i].f1 = warren_in(fields[i].value);
  }
  return list;
}
