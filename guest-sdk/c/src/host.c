/* Calls of the host: events, working memory, context, log, clock, random. One call in, one call out. */

#include "internal.h"

/* Most keys that one call returns. */
#define KEYS_MAX 1000
#define EXACT_MAX 9007199254740992.0

/* ---- Results --------------------------------------------------------------------------------------------- */

warren_result warren_ok(void) {
  warren_result result = {WARREN_OK, NULL, 0};
  return result;
}

static warren_result of(warren_kind kind, const char *format, va_list args) {
  warren_result result = {kind, warren_vtext(format, args), 0};
  return result;
}

warren_result warren_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  warren_result result = of(WARREN_OTHER, format, args);
  va_end(args);
  return result;
}

warren_result warren_reject(const char *format, ...) {
  va_list args;
  va_start(args, format);
  warren_result result = of(WARREN_REJECT, format, args);
  va_end(args);
  return result;
}

warren_result warren_retry(uint32_t after_ms, const char *format, ...) {
  va_list args;
  va_start(args, format);
  warren_result result = of(WARREN_RETRY, format, args);
  va_end(args);
  result.after_ms = after_ms;
  return result;
}

warren_result warren_out_result(bool ok, const warren_agent_types_error_t *error) {
  if (ok) return warren_ok();
  /* Kinds stand in the order of the contract, after WARREN_OK. */
  warren_result result = {(warren_kind)(error->tag + 1), "not found", 0};
  if (error->tag > WARREN_AGENT_TYPES_ERROR_OTHER) result.kind = WARREN_OTHER;
  if (error->tag != WARREN_AGENT_TYPES_ERROR_NOT_FOUND) result.message = warren_out(error->val.other);
  return result;
}

/* ---- Events ---------------------------------------------------------------------------------------------- */

static const char *const topics[] = {
    "action-requests",     "action-results", "business-facts", "system-events",
    "notification-events", "billing-events", "plan-events",    "task-events",
};

const char *warren_topic_name(warren_topic topic) { return topics[topic & 7]; }

bool warren_topic_of(const char *name, warren_topic *topic) {
  for (unsigned i = 0; i < sizeof topics / sizeof *topics; i++) {
    if (strcmp(topics[i], name) == 0) {
      *topic = (warren_topic)i;
      return true;
    }
  }
  return false;
}

warren_result warren_publish(warren_topic topic, const char *type, const char *json) {
  warren_draft draft = {.topic = topic, .type = type, .data = json};
  return warren_publish_draft(&draft, NULL);
}

static warren_agent_types_draft_t in_draft(const warren_draft *draft) {
  warren_agent_types_draft_t in = {
      .topic = warren_in(warren_topic_name(draft->topic)),
      .event_type = warren_in(draft->type),
      .data = warren_in_json(draft->data, "null"),
      .subject = warren_in_option(draft->subject),
      .schema = warren_in_option(draft->schema),
      .correlation = warren_in_option(draft->correlation),
      .session = warren_in_option(draft->session),
      .goal = warren_in_option(draft->goal),
      .plan = warren_in_option(draft->plan),
      .task = warren_in_option(draft->task),
      .reply_to = {draft->reply_type != NULL,
                   {warren_in(warren_topic_name(draft->reply_topic)), warren_in(draft->reply_type)}},
      .extensions = warren_in_fields(draft->extensions, draft->extension_count),
  };
  return in;
}

/* The id is copied only for those who want it. */
static warren_result out_id(bool ok, agent_string_t string, const char **id, const warren_agent_types_error_t *error) {
  if (ok && id) *id = warren_out(string);
  return warren_out_result(ok, error);
}

warren_result warren_publish_draft(const warren_draft *draft, const char **id) {
  warren_agent_types_draft_t in = in_draft(draft);
  warren_agent_types_error_t error;
  agent_string_t out;
  bool ok;
  if (draft->at) {
    agent_string_t at = warren_in(draft->at);
    ok = warren_agent_events_publish_at(&in, &at, &out, &error);
  } else if (draft->after_ms) {
    ok = warren_agent_events_publish_later(&in, draft->after_ms, &out, &error);
  } else {
    ok = warren_agent_events_publish(&in, &out, &error);
  }
  return out_id(ok, out, id, &error);
}

warren_result warren_respond(const char *json, const char **id) {
  agent_string_t data = warren_in(json), out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_events_respond(&data, &out, &error);
  return out_id(ok, out, id, &error);
}

warren_result warren_answer(const char *json) {
  warren_result result = warren_respond(json, NULL);
  return result.kind == WARREN_NOT_FOUND ? warren_ok() : result;
}

warren_result warren_call(const char *type, const char *json, uint32_t timeout_ms, const warren_json **answer) {
  agent_string_t event_type = warren_in(type), data = warren_in(json), out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_events_call(&event_type, &data, timeout_ms, &out, &error);
  if (!ok) return warren_out_result(ok, &error);
  return warren_json_parse(warren_out(out), answer);
}

/* ---- Working memory -------------------------------------------------------------------------------------- */

warren_result warren_working_get(const char *key, const warren_json **value) {
  agent_string_t in = warren_in(key);
  warren_agent_working_option_json_t out;
  warren_agent_types_error_t error;
  *value = NULL;
  bool ok = warren_agent_working_get(&in, &out, &error);
  if (!ok || !out.is_some) return warren_out_result(ok, &error);
  return warren_json_parse(warren_out(out.val), value);
}

static warren_result put_value(const char *key, const char *json, uint32_t *ttl_ms) {
  agent_string_t in = warren_in(key), value = warren_in(json);
  warren_agent_types_error_t error;
  return warren_out_result(warren_agent_working_put(&in, &value, ttl_ms, &error), &error);
}

warren_result warren_working_put(const char *key, const char *json) { return put_value(key, json, NULL); }

warren_result warren_working_put_for(const char *key, const char *json, uint32_t ttl_ms) {
  return put_value(key, json, &ttl_ms);
}

warren_result warren_working_delete(const char *key, bool *was_there) {
  agent_string_t in = warren_in(key);
  warren_agent_types_error_t error;
  bool there = false;
  warren_result result = warren_out_result(warren_agent_working_delete(&in, &there, &error), &error);
  if (was_there) *was_there = there;
  return result;
}

warren_result warren_working_keys(const char *prefix, const char *after, uint32_t limit, warren_strings *keys) {
  agent_string_t in = warren_in(prefix), from = warren_in(after);
  agent_list_string_t out = {NULL, 0};
  warren_agent_types_error_t error;
  bool ok = warren_agent_working_keys(&in, after ? &from : NULL, limit ? limit : KEYS_MAX, &out, &error);
  if (ok) *keys = warren_out_strings(out);
  return warren_out_result(ok, &error);
}

warren_result warren_working_increment(const char *key, double by, double *sum) {
  agent_string_t in = warren_in(key);
  warren_agent_types_error_t error;
  double out = 0;
  bool ok = warren_agent_working_increment(&in, by, &out, &error);
  if (sum) *sum = out;
  return warren_out_result(ok, &error);
}

warren_result warren_working_count(const char *key, unsigned long long *count) {
  double sum;
  WARREN_TRY(warren_working_increment(key, 1, &sum));
  bool whole = sum >= 1 && sum <= EXACT_MAX && sum == (double)(unsigned long long)sum;
  if (!whole) {
    warren_result result = {WARREN_CONFLICT, warren_text("`%s` is %g, which is no count", key, sum - 1), 0};
    return result;
  }
  *count = (unsigned long long)sum;
  return warren_ok();
}

warren_result warren_working_append(const char *key, const char *json, uint32_t *length) {
  agent_string_t in = warren_in(key), value = warren_in(json);
  warren_agent_types_error_t error;
  uint32_t out = 0;
  bool ok = warren_agent_working_append(&in, &value, &out, &error);
  if (length) *length = out;
  return warren_out_result(ok, &error);
}

/* ---- Context, log, clock, random ------------------------------------------------------------------------- */

warren_identity warren_who(void) {
  warren_agent_context_identity_t out;
  warren_agent_context_who(&out);
  warren_identity who = {
      .agent = warren_out(out.agent),
      .digest = warren_out(out.digest),
      .turn = warren_out(out.turn),
      .attempt = out.attempt,
      .customer = warren_out_option(out.customer),
      .user = warren_out_option(out.user),
      .depth = out.depth,
  };
  return who;
}

warren_budget warren_remaining(void) {
  warren_agent_context_budget_t out;
  warren_agent_context_remaining(&out);
  warren_budget budget = {out.time_ms, out.cpu_ms, out.host_calls, out.events, out.writes, out.output_bytes};
  return budget;
}

bool warren_cancelled(void) { return warren_agent_context_cancelled(); }

warren_result warren_config(const char *key, const char **value) {
  agent_string_t in = warren_in(key);
  agent_option_string_t out = {false, {NULL, 0}};
  warren_agent_types_error_t error;
  bool ok = warren_agent_context_config(&in, &out, &error);
  *value = ok ? warren_out_option(out) : NULL;
  return warren_out_result(ok, &error);
}

static void write_log(warren_level level, const warren_field *fields, size_t count, const char *message) {
  agent_string_t in = warren_in(message);
  agent_list_tuple2_string_string_t list = warren_in_fields(fields, count);
  warren_agent_log_log((warren_agent_log_level_t)level, &in, &list);
}

void warren_log(warren_level level, const warren_field *fields, size_t count, const char *format, ...) {
  va_list args;
  va_start(args, format);
  write_log(level, fields, count, warren_vtext(format, args));
  va_end(args);
}

#define LOG_AT(name, level)                                  \
  void name(const char *format, ...) {                       \
    va_list args;                                            \
    va_start(args, format);                                  \
    write_log(level, NULL, 0, warren_vtext(format, args));   \
    va_end(args);                                            \
  }
LOG_AT(warren_info, WARREN_INFO)
LOG_AT(warren_warn, WARREN_WARN)
LOG_AT(warren_error, WARREN_ERROR)

const char *warren_now(void) {
  agent_string_t out;
  warren_agent_clock_now(&out);
  return warren_out(out);
}

uint32_t warren_elapsed_ms(void) { return warren_agent_clock_elapsed_ms(); }

warren_result warren_random(uint32_t len, uint8_t *bytes) {
  agent_list_u8_t out = {NULL, 0};
  warren_agent_types_error_t error;
  bool ok = warren_agent_random_bytes(len, &out, &error);
  if (ok && out.len < len) return warren_fail("the host gave %zu random bytes of %u", out.len, len);
  if (ok && len) memcpy(bytes, out.ptr, len);
  return warren_out_result(ok, &error);
}
