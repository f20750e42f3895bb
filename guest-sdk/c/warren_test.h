/*
 * Test an agent natively, without WebAssembly and without a host: compile agent, test, warren.c and warren_test.c
 * with any C compiler.
 *
 *     const warren_turn *turn = warren_test_handle(&(warren_event){
 *         .topic = WARREN_ACTION_REQUESTS, .type = "greet.requested", .json = "{\"name\": \"Ada\"}",
 *         .reply_topic = WARREN_ACTION_RESULTS, .reply_type = "greeting.ready"});
 *     assert(turn->result.kind == WARREN_OK);
 *     assert(strcmp(turn->response, "{\"text\": \"Hello, Ada!\"}") == 0);
 *
 * Memory is kept from turn to turn, the effects of a turn that fails are dropped, and an agent has the grants that
 * it asks for and no others, as on the real host. What is simpler: times to live do not pass, search counts common
 * words, payloads are not checked against schemas, and the registry is empty.
 *
 * One host, one thread. What it returns is good until warren_test_reset.
 */
#ifndef WARREN_TEST_H
#define WARREN_TEST_H

#include "warren.h"

/* Most of each that the host keeps; a test that needs more aborts. */
#define WARREN_TEST_MAX 256

typedef struct {
  warren_topic topic;
  const char *type, *data, *plan, *session, *subject;
  uint32_t after_ms; /* what it is to wait, or when it is due */
  const char *at;
} warren_published;

typedef struct {
  warren_level level;
  const char *message;
} warren_line;

/* What one turn did. */
typedef struct {
  warren_result result; /* as the host sees it: WARREN_OK, WARREN_RETRY, WARREN_REJECT or WARREN_OTHER */
  const char *response; /* NULL if it did not respond */
  warren_published events[WARREN_TEST_MAX];
  size_t event_count;
  warren_line log[WARREN_TEST_MAX];
  size_t log_count;
  unsigned host_calls;
} warren_turn;

/* Forget everything: memory, answers, settings. */
void warren_test_reset(void);
/* Run one turn of the exported agent; what is not set in the event is made up. */
const warren_turn *warren_test_handle(const warren_event *event);
/* A value of working memory outside any plan; NULL if there is none. */
const char *warren_test_working(const char *key);
void warren_test_set_working(const char *key, const char *json);
void warren_test_set_config(const char *key, const char *value);
/* What calls of this type answer. */
void warren_test_set_answer(const char *type, const char *json);
/* Deny these grants whatever the agent asks for. */
void warren_test_deny(unsigned grants);
/* Refuse the n-th host call of each turn, counted from 1, with this kind of error; 0 refuses none. */
void warren_test_fail_call(unsigned n, warren_kind kind);
void warren_test_set_cancelled(bool cancelled);

#endif
