/* Tests of the SDK itself: cc test/sdk_test.c warren.c warren_test.c -lm && ./a.out */
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "../warren_test.h"

/* ---- JSON ------------------------------------------------------------------------------------------------ */

static void check_text(const char *got, const char *expect) {
  if (strcmp(got, expect) == 0) return;
  fprintf(stderr, "got      %s\nexpected %s\n", got, expect);
  assert(!"the texts differ");
}

static void check_parse(const char *text, const char *wrong) {
  const warren_json *json;
  warren_result result = warren_json_parse(text, &json);
  check_text(result.kind == WARREN_OK ? "" : result.message, wrong);
}

static void json_is_read_strictly(void) {
  check_parse("{\"a\": [1, -2.5e3, true, false, null, \"x\"], \"b\": {}}", "");
  check_parse(" \"\" ", "");
  check_parse("", "a value expected at byte 0");
  check_parse("{\"a\" 1}", "a colon expected at byte 5");
  check_parse("[1,]", "a value expected after the comma at byte 3");
  check_parse("[1 2]", "a comma or the end expected at byte 3");
  check_parse("{a: 1}", "a key in quotes expected at byte 1");
  check_parse("\"abc", "the string does not end at byte 4");
  check_parse("\"a\nb\"", "a control character in a string at byte 2");
  check_parse("\"\\x\"", "no such escape at byte 2");
  check_parse("\"\\", "no such escape at byte 2");
  check_parse("\"\\u12g4\"", "four hex digits expected at byte 5");
  check_parse("01", "a number begins with 0 at byte 0");
  check_parse("0x10", "a hexadecimal number at byte 0");
  check_parse("nul", "a value expected at byte 0");
  check_parse("1 1", "the end expected at byte 2");
  char deep[200] = {0};
  memset(deep, '[', 64);
  memset(deep + 64, ']', 64);
  check_parse(deep, "");
  memset(deep, '[', 65);
  memset(deep + 65, ']', 65);
  check_parse(deep, "nested deeper than 64 at byte 64");
}

static void json_is_looked_into(void) {
  const warren_json *json;
  const char *text = "{\"s\": \"a\\u00e4\\ud83d\\ude00\\n\\u0000\\ud800\", \"n\": 9007199254740993, \"l\": [[], {\"x\": 1}]}";
  assert(warren_json_parse(text, &json).kind == WARREN_OK);
  check_text(warren_json_string(json, "s"), "aä😀\n\xEF\xBF\xBD\xEF\xBF\xBD");
  check_text(warren_json_text(warren_json_get(json, "n")), "9007199254740993");
  assert(warren_json_get(json, "l")->count == 2);
  assert(warren_json_number(warren_json_at(warren_json_get(json, "l"), 1), "x", 0) == 1);
  assert(!warren_json_at(warren_json_get(json, "l"), 2) && !warren_json_get(NULL, "x"));
  assert(!warren_json_string(json, "n") && warren_json_number(json, "s", 7) == 7 && warren_json_bool(json, "s", true));
  const char *string;
  check_text(warren_want_string(json, "n", &string).message, "the payload does not fit: `n` is no string");
  check_text(warren_want_string(json, "z", &string).message, "the payload does not fit: `z` is missing, a string");
}

static void json_is_written(void) {
  const char *volatile none = NULL;
  check_text(warren_jsonf("{'a': %s, 'b': %s}", "say \"hi\"\n\\ä\x01", none),
             "{\"a\": \"say \\\"hi\\\"\\u000a\\\\ä\\u0001\", \"b\": null}");
  check_text(warren_jsonf("[%d,%u,%ld,%lu,%lld,%llu,%zu]", -1, 2u, -3L, 4UL, -5LL, 18446744073709551615ULL, (size_t)7),
             "[-1,2,-3,4,-5,18446744073709551615,7]");
  check_text(warren_jsonf("[%g,%g,%g,%g,%g]", 3.0, 0.1, -1e300, 1.0 / 3, 1e308 * 10),
             "[3,0.1,-1e+300,0.3333333333333333,null]");
  check_text(warren_jsonf("%p 100%%", "[1]"), "[1] 100%");
  check_text(warren_jsonf("%s", ""), "\"\"");
}

/* ---- Turns ----------------------------------------------------------------------------------------------- */

static warren_result count(const warren_event *event) {
  const char *page;
  unsigned long long seen;
  WARREN_TRY(warren_want_string(event->data, "page", &page));
  WARREN_TRY(warren_working_count(page, &seen));
  WARREN_TRY(warren_publish(WARREN_BUSINESS_FACTS, "page.counted", warren_jsonf("{'seen':%llu}", seen)));
  if (seen == 3) return warren_retry(250, "three is too many");
  return warren_answer(warren_jsonf("%llu", seen));
}

static warren_result remember(const warren_event *event) {
  const char *id;
  warren_item item;
  warren_items items;
  WARREN_TRY(warren_knowledge_remember(&(warren_entry){.content = event->json}, &id));
  WARREN_TRY(warren_knowledge_get(id, &item));
  WARREN_TRY(warren_knowledge_search(&(warren_search){.text = "blue whale"}, &items));
  warren_log(WARREN_DEBUG, (warren_field[]){{"hits", "some"}}, 1, "%zu found", items.count);
  return warren_episodes_consolidate("epi_1");
}

static const warren_agent agent = {
    .name = "counter",
    .description = "Counts \"pages\".",
    .handles = {{WARREN_BUSINESS_FACTS, "page.seen", count},
                {WARREN_BUSINESS_FACTS, "fact.told", remember, .schema = "{\"type\":\"string\"}"}},
    .produces = {{WARREN_BUSINESS_FACTS, "page.counted"}},
    .category = "statistics",
    .tags = WARREN_STRINGS("web", "pages"),
    .owner = "office",
    .capabilities = {{"count"},
                     {"tell", "Tells \"how many\".", WARREN_STRINGS("tell"), WARREN_STRINGS("page.seen", "fact.told"),
                      WARREN_STRINGS("page.counted")}},
    .grants = WARREN_GRANT_WORKING | WARREN_GRANT_KNOWLEDGE,
    .attempts = 2,
};
WARREN_EXPORT(agent)

static const warren_turn *see(const char *json, const char *reply_type) {
  return warren_test_handle(
      &(warren_event){.topic = WARREN_BUSINESS_FACTS, .type = "page.seen", .json = json, .reply_type = reply_type});
}

static void the_manifest_follows_the_declaration(void) {
  check_text(warren_manifest(&agent),
             "{\"name\":\"counter\",\"kind\":\"agent\",\"description\":\"Counts \\\"pages\\\".\",\"version\":null,"
             "\"category\":\"statistics\",\"tags\":[\"web\",\"pages\"],\"owner\":\"office\","
             "\"capabilities\":[{\"name\":\"count\",\"description\":\"\"},"
             "{\"name\":\"tell\",\"description\":\"Tells \\\"how many\\\".\",\"tasks\":[\"tell\"],"
             "\"consumes\":[\"page.seen\",\"fact.told\"],\"produces\":[\"page.counted\"]}],"
             "\"subscriptions\":[{\"topic\":\"business-facts\",\"type\":\"page.seen\"},"
             "{\"topic\":\"business-facts\",\"type\":\"fact.told\",\"schema\":{\"type\":\"string\"}}],"
             "\"produces\":[{\"topic\":\"business-facts\",\"type\":\"page.counted\"}],"
             "\"grants\":[\"events:publish\",\"working:read\",\"working:write\",\"knowledge:read\",\"knowledge:write\"],"
             "\"settings\":{\"attempts\":2}}");
}

static void effects_are_kept_when_a_turn_ends_well_and_gone_when_not(void) {
  warren_test_reset();
  const warren_turn *turn = see("{\"page\": \"home\"}", NULL);
  assert(turn->result.kind == WARREN_OK && turn->event_count == 1 && !turn->response);
  turn = see("{\"page\": \"home\"}", "seen");
  check_text(turn->response, "2");
  turn = see("{\"page\": \"home\"}", "seen");
  assert(turn->result.kind == WARREN_RETRY && turn->result.after_ms == 250 && !turn->event_count);
  check_text(turn->log[0].message, "three is too many");
  check_text(warren_test_working("home"), "2");
}

static void what_goes_wrong_is_told(void) {
  warren_test_reset();
  const warren_turn *turn = see("{}", NULL);
  assert(turn->result.kind == WARREN_REJECT);
  turn = see("[", NULL);
  assert(turn->result.kind == WARREN_REJECT);
  warren_test_set_working("home", "\"text\"");
  turn = see("{\"page\": \"home\"}", NULL);
  check_text(turn->result.message, "conflict: the value is not a number");
  warren_test_deny(WARREN_GRANT_WORKING_WRITE);
  turn = see("{\"page\": \"home\"}", NULL);
  check_text(turn->result.message, "denied: working:write");
  warren_test_deny(0);
  warren_test_fail_call(1, WARREN_UNAVAILABLE);
  turn = see("{\"page\": \"other\"}", NULL);
  assert(turn->result.kind == WARREN_RETRY && turn->result.after_ms == 0);
  turn = warren_test_handle(&(warren_event){.topic = WARREN_PLAN_EVENTS, .type = "page.seen", .json = "{}"});
  check_text(turn->result.message, "`counter` has no handler for `page.seen` on plan-events");
}

static void memory_is_searched(void) {
  warren_test_reset();
  const warren_turn *turn = warren_test_handle(
      &(warren_event){.topic = WARREN_BUSINESS_FACTS, .type = "fact.told", .json = "\"a whale is large\""});
  check_text(turn->log[0].message, "1 found");
  check_text(turn->result.message, "denied: episodes:write");
}

int main(void) {
  json_is_read_strictly();
  json_is_looked_into();
  json_is_written();
  the_manifest_follows_the_declaration();
  effects_are_kept_when_a_turn_ends_well_and_gone_when_not();
  what_goes_wrong_is_told();
  memory_is_searched();
  warren_test_reset();
  puts("ok");
  return 0;
}
