/* Greets people and counts how often; `../README.md` is what it is held to. */

#include "warren.h"

static warren_result greet(const warren_event *event) {
  const char *name, *word;
  unsigned long long count;
  WARREN_TRY(warren_want_string(event->data, "name", &name));
  WARREN_TRY(warren_config("greeting", &word));
  WARREN_TRY(warren_working_count(warren_text("greeted/%s", name), &count));
  warren_field fields[] = {{"count", warren_text("%llu", count)}};
  warren_log(WARREN_INFO, fields, 1, "greeting %s", name);
  const char *text = warren_text("%s, %s!", word ? word : "Hello", name);
  return warren_publish(WARREN_ACTION_RESULTS, "hello.greeted", warren_jsonf("{'text':%s,'count':%llu}", text, count));
}

static warren_result go_wrong(const warren_event *event) {
  (void)event;
  WARREN_TRY(warren_working_put("broken", "true"));
  return warren_fail("broken on purpose");
}

static const warren_agent agent = {
    .name = "hello",
    .description = "Greets people and counts how often.",
    .handles =
        {
            {WARREN_ACTION_REQUESTS, "hello.requested", greet},
            {WARREN_ACTION_REQUESTS, "hello.broken", go_wrong},
        },
    .produces = {{WARREN_ACTION_RESULTS, "hello.greeted"}},
    .grants = WARREN_GRANT_WORKING,
};
WARREN_EXPORT(agent)
