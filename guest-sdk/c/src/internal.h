/* What the parts of the SDK share: text in and out of the generated bindings, and their errors as results. */
#ifndef WARREN_INTERNAL_H
#define WARREN_INTERNAL_H

#include <stdarg.h>
#include <string.h>

#include "../bindings/agent.h"
#include "../warren.h"

/* Most rows that the contract returns at once; what a query that says no limit gets. */
#define WARREN_LIMIT 100

/* Into the bindings: borrowed, as long as the call takes. NULL is the empty string. */
static inline agent_string_t warren_in(const char *text) {
  agent_string_t string = {(uint8_t *)text, text ? strlen(text) : 0};
  return string;
}

static inline agent_option_string_t warren_in_option(const char *text) {
  agent_option_string_t option = {text != NULL, warren_in(text)};
  return option;
}

static inline agent_option_u32_t warren_in_u32(uint32_t number) {
  agent_option_u32_t option = {number != 0, number};
  return option;
}

/* JSON that was left out is `fallback`. */
static inline agent_string_t warren_in_json(const char *json, const char *fallback) {
  return warren_in(json ? json : fallback);
}

agent_list_string_t warren_in_strings(warren_strings strings);
agent_list_tuple2_string_string_t warren_in_fields(const warren_field *fields, size_t count);

/* Out of the bindings: copied, to end with a NUL. */
const char *warren_out(agent_string_t string);
warren_strings warren_out_strings(agent_list_string_t list);
static inline const char *warren_out_option(agent_option_string_t option) {
  return option.is_some ? warren_out(option.val) : NULL;
}

/* JSON that the host made; null if, against the contract, it is none. */
const warren_json *warren_out_json(agent_string_t json);
warren_result warren_out_result(bool ok, const warren_agent_types_error_t *error);

const char *warren_topic_name(warren_topic topic);
/* False if there is no topic of this name. */
bool warren_topic_of(const char *name, warren_topic *topic);
const char *warren_vtext(const char *format, va_list args);

/* A chunk of memory is zeroed and lives to the end of the turn; the host for tests ends turns by itself. */
void warren_free_all(void);

#endif
