/* The agent as a plain function, without WebAssembly and without a host. */
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "warren_test.h"

static const warren_turn *handle(const char *type, const char *json) {
  return warren_test_handle(&(warren_event){.topic = WARREN_ACTION_REQUESTS, .type = type, .json = json});
}

static void greetings_are_counted_by_name(void) {
  warren_test_reset();
  warren_test_set_working("greeted/Ada", "1");
  const warren_turn *turn = handle("hello.requested", "{\"name\": \"Ada\"}");
  assert(turn->result.kind == WARREN_OK && turn->host_calls == 4);
  assert(strcmp(turn->events[0].data, "{\"text\":\"Hello, Ada!\",\"count\":2}") == 0);
  assert(strcmp(turn->log[0].message, "greeting Ada") == 0);
}

static void the_word_to_greet_with_is_a_setting(void) {
  warren_test_reset();
  warren_test_set_config("greeting", "Ahoy");
  const warren_turn *turn = handle("hello.requested", "{\"name\": \"Alan\"}");
  assert(strcmp(turn->events[0].data, "{\"text\":\"Ahoy, Alan!\",\"count\":1}") == 0);
}

static void nobody_is_not_greeted(void) {
  warren_test_reset();
  const warren_turn *turn = handle("hello.requested", "{}");
  assert(turn->result.kind == WARREN_REJECT && strstr(turn->result.message, "name"));
}

static void nothing_is_left_of_what_went_wrong(void) {
  warren_test_reset();
  const warren_turn *turn = handle("hello.broken", "{}");
  assert(turn->result.kind == WARREN_OTHER && strcmp(turn->result.message, "broken on purpose") == 0);
  assert(!warren_test_working("broken"));
}

int main(void) {
  greetings_are_counted_by_name();
  the_word_to_greet_with_is_a_setting();
  nobody_is_not_greeted();
  nothing_is_left_of_what_went_wrong();
  puts("ok");
  return 0;
}
