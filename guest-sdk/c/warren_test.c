/* The host for tests: what the generated bindings call, answered from arrays. */

#include "warren_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "src/internal.h"

#define NOW "2026-01-01T00:00:00.000Z"

/* A row of any memory: which one, under which key, and what. */
typedef struct {
  char store; /* 'w'orking, 'k'nowledge, 'e'pisodes, 'p'rocedures, 'c'onfig, 'a'nswers */
  const char *scope, *key, *value, *more;
  uint32_t number;
} row;

typedef struct {
  row rows[WARREN_TEST_MAX];
  size_t count;
} world;

static world now, before;
static warren_turn turn;
static warren_event handling;
static unsigned denied, refuse_at;
static warren_kind refuse_kind;
static bool cancelled;
static uint32_t made;

/* Whatever the host was told or answers, freed by a reset. */
typedef struct kept {
  struct kept *before;
  char text[];
} kept;
static kept *newest;

static char *keep_n(const char *text, size_t length) {
  kept *copy = calloc(1, sizeof *copy + length + 1);
  if (!copy) abort();
  if (length) memcpy(copy->text, text, length);
  copy->before = newest;
  newest = copy;
  return copy->text;
}

static const char *keep(const char *text) { return text ? keep_n(text, strlen(text)) : NULL; }
static const char *keep_in(agent_string_t text) { return keep_n((const char *)text.ptr, text.len); }
static const char *keep_option(agent_option_string_t text) { return text.is_some ? keep_in(text.val) : NULL; }

static agent_string_t give(const char *text) {
  const char *copy = keep(text);
  agent_string_t out = {(uint8_t *)copy, strlen(copy)};
  return out;
}

void agent_string_dup_n(agent_string_t *ret, const char *text, size_t length) {
  ret->ptr = (uint8_t *)keep_n(text, length);
  ret->len = length;
}

static const char *print(const char *format, unsigned number) {
  char text[64];
  snprintf(text, sizeof text, format, number);
  return keep(text);
}

/* ---- Rows ------------------------------------------------------------------------------------------------ */

static bool same(const char *left, const char *right) {
  return left == right || (left && right && strcmp(left, right) == 0);
}

static row *find(char store, const char *scope, const char *key) {
  for (size_t i = 0; i < now.count; i++) {
    row *it = &now.rows[i];
    if (it->store == store && same(it->scope, scope) && same(it->key, key)) return it;
  }
  return NULL;
}

static row *add(char store, const char *scope, const char *key) {
  if (now.count == WARREN_TEST_MAX) {
    fprintf(stderr, "the host for tests keeps %d rows and no more\n", WARREN_TEST_MAX);
    abort();
  }
  row *made_row = &now.rows[now.count++];
  memset(made_row, 0, sizeof *made_row);
  made_row->store = store;
  made_row->scope = keep(scope);
  made_row->key = keep(key);
  return made_row;
}

static row *find_or_add(char store, const char *scope, const char *key) {
  row *found = find(store, scope, key);
  return found ? found : add(store, scope, key);
}

static bool drop(char store, const char *scope, const char *key) {
  row *found = find(store, scope, key);
  if (!found) return false;
  size_t at = (size_t)(found - now.rows);
  memmove(found, found + 1, (--now.count - at) * sizeof *found);
  return true;
}

/* How many of the words of `query` are in `text`. */
static unsigned common_words(const char *text, const char *query) {
  unsigned count = 0;
  char word[64];
  int length;
  for (const char *at = query; sscanf(at, " %63s%n", word, &length) == 1; at += length) {
    if (strstr(text, word)) count++;
  }
  return count;
}

/* ---- Refusals -------------------------------------------------------------------------------------------- */

static bool refuse(warren_agent_types_error_t *error, warren_kind kind, const char *why) {
  error->tag = (uint8_t)(kind - 1);
  error->val.other = give(why);
  return false;
}

/* Whether a call may go on: it has its grant, and no test wants it to fail. */
static bool admit(unsigned grant, const char *name, warren_agent_types_error_t *error) {
  turn.host_calls++;
  if (turn.host_calls == refuse_at) return refuse(error, refuse_kind, "the test wants this call to fail");
  unsigned granted = warren_exported->grants & ~denied;
  if (warren_exported->produces[0].type) granted |= WARREN_GRANT_PUBLISH & ~denied;
  return (granted & grant) == grant ? true : refuse(error, WARREN_DENIED, name);
}

static bool absent(const char *what, warren_agent_types_error_t *error) {
  return refuse(error, WARREN_UNAVAILABLE, what);
}

/* ---- Events ---------------------------------------------------------------------------------------------- */

static warren_published *record(const warren_agent_types_draft_t *draft, agent_string_t *ret) {
  if (turn.event_count == WARREN_TEST_MAX) abort();
  warren_published *event = &turn.events[turn.event_count++];
  memset(event, 0, sizeof *event);
  warren_topic_of(keep_in(draft->topic), &event->topic);
  event->type = keep_in(draft->event_type);
  event->data = keep_in(draft->data);
  event->plan = draft->plan.is_some ? keep_option(draft->plan) : handling.plan;
  event->session = draft->session.is_some ? keep_option(draft->session) : handling.session;
  event->subject = keep_option(draft->subject);
  *ret = give(print("evt_%u", ++made));
  return event;
}

bool warren_agent_events_publish(warren_agent_events_draft_t *draft, agent_string_t *ret,
                                 warren_agent_events_error_t *err) {
  return admit(WARREN_GRANT_PUBLISH, "events:publish", err) && record(draft, ret);
}

bool warren_agent_events_publish_later(warren_agent_events_draft_t *draft, uint32_t delay_ms, agent_string_t *ret,
                                       warren_agent_events_error_t *err) {
  if (!admit(WARREN_GRANT_PUBLISH, "events:publish", err)) return false;
  record(draft, ret)->after_ms = delay_ms;
  return true;
}

bool warren_agent_events_publish_at(warren_agent_events_draft_t *draft, warren_agent_events_instant_t *at,
                                    agent_string_t *ret, warren_agent_events_error_t *err) {
  if (!admit(WARREN_GRANT_PUBLISH, "events:publish", err)) return false;
  record(draft, ret)->at = keep_in(*at);
  return true;
}

bool warren_agent_events_respond(warren_agent_events_json_t *data, agent_string_t *ret,
                                 warren_agent_events_error_t *err) {
  if (!admit(WARREN_GRANT_PUBLISH, "events:publish", err)) return false;
  if (!handling.reply_type) return refuse(err, WARREN_NOT_FOUND, "");
  if (turn.response) return refuse(err, WARREN_CONFLICT, "this turn has responded already");
  turn.response = keep_in(*data);
  *ret = give(print("evt_%u", ++made));
  return true;
}

bool warren_agent_events_call(agent_string_t *event_type, warren_agent_events_json_t *data, uint32_t timeout_ms,
                              warren_agent_events_json_t *ret, warren_agent_events_error_t *err) {
  (void)data, (void)timeout_ms;
  if (!admit(WARREN_GRANT_CALL, "events:call", err)) return false;
  row *answer = find('a', NULL, keep_in(*event_type));
  if (!answer) return refuse(err, WARREN_NOT_FOUND, "");
  *ret = give(answer->value);
  return true;
}

/* ---- Working memory -------------------------------------------------------------------------------------- */

bool warren_agent_working_get(agent_string_t *key, warren_agent_working_option_json_t *ret,
                              warren_agent_working_error_t *err) {
  if (!admit(WARREN_GRANT_WORKING_READ, "working:read", err)) return false;
  row *value = find('w', handling.plan, keep_in(*key));
  ret->is_some = value != NULL;
  if (value) ret->val = give(value->value);
  return true;
}

bool warren_agent_working_put(agent_string_t *key, warren_agent_working_json_t *value, uint32_t *ttl_ms,
                              warren_agent_working_error_t *err) {
  (void)ttl_ms;
  if (!admit(WARREN_GRANT_WORKING_WRITE, "working:write", err)) return false;
  if (!key->len) return refuse(err, WARREN_INVALID, "key: 0 bytes, but 1 to 512 are allowed");
  find_or_add('w', handling.plan, keep_in(*key))->value = keep_in(*value);
  return true;
}

bool warren_agent_working_delete(agent_string_t *key, bool *ret, warren_agent_working_error_t *err) {
  if (!admit(WARREN_GRANT_WORKING_WRITE, "working:write", err)) return false;
  *ret = drop('w', handling.plan, keep_in(*key));
  return true;
}

static int by_bytes(const void *left, const void *right) {
  return strcmp((const char *)((const agent_string_t *)left)->ptr, (const char *)((const agent_string_t *)right)->ptr);
}

bool warren_agent_working_keys(agent_string_t *prefix, agent_string_t *after, uint32_t limit, agent_list_string_t *ret,
                               warren_agent_working_error_t *err) {
  if (!admit(WARREN_GRANT_WORKING_READ, "working:read", err)) return false;
  const char *begin = keep_in(*prefix), *from = after ? keep_in(*after) : "";
  ret->ptr = warren_alloc(now.count * sizeof *ret->ptr);
  ret->len = 0;
  for (size_t i = 0; i < now.count; i++) {
    row *it = &now.rows[i];
    bool wanted = it->store == 'w' && same(it->scope, handling.plan) && strncmp(it->key, begin, prefix->len) == 0;
    if (wanted && strcmp(it->key, from) > 0) ret->ptr[ret->len++] = give(it->key);
  }
  qsort(ret->ptr, ret->len, sizeof *ret->ptr, by_bytes);
  if (ret->len > limit) ret->len = limit;
  return true;
}

bool warren_agent_working_increment(agent_string_t *key, double by, double *ret, warren_agent_working_error_t *err) {
  if (!admit(WARREN_GRANT_WORKING, "working:write", err)) return false;
  row *value = find_or_add('w', handling.plan, keep_in(*key));
  char *end = "";
  double sum = (value->value ? strtod(value->value, &end) : 0) + by;
  if (*end) return refuse(err, WARREN_CONFLICT, "the value is not a number");
  value->value = keep(warren_jsonf("%g", sum));
  *ret = sum;
  return true;
}

bool warren_agent_working_append(agent_string_t *key, warren_agent_working_json_t *element, uint32_t *ret,
                                 warren_agent_working_error_t *err) {
  if (!admit(WARREN_GRANT_WORKING, "working:write", err)) return false;
  row *value = find_or_add('w', handling.plan, keep_in(*key));
  const warren_json *list;
  warren_result parsed = warren_json_parse(value->value ? value->value : "[]", &list);
  if (parsed.kind || list->type != WARREN_JSON_ARRAY) return refuse(err, WARREN_CONFLICT, "the value is not an array");
  const char *text = warren_json_text(list);
  const char *comma = list->count ? "," : "";
  value->value = keep(warren_text("%.*s%s%s]", (int)strlen(text) - 1, text, comma, keep_in(*element)));
  *ret = (uint32_t)list->count + 1;
  return true;
}

/* ---- Semantic memory ------------------------------------------------------------------------------------- */

static warren_agent_knowledge_item_t item(const row *it, double score) {
  warren_agent_knowledge_item_t out;
  memset(&out, 0, sizeof out);
  out.id = give(it->key);
  out.external_id.is_some = it->scope != NULL;
  if (it->scope) out.external_id.val = give(it->scope);
  out.content = give(it->value);
  out.metadata = give(it->more);
  out.writer = give(warren_exported->name);
  out.created = out.updated = give(NOW);
  out.score = score;
  return out;
}

static row *known(const char *id) {
  for (size_t i = 0; i < now.count; i++) {
    if (now.rows[i].store == 'k' && same(now.rows[i].key, id)) return &now.rows[i];
  }
  return NULL;
}

bool warren_agent_knowledge_remember(warren_agent_knowledge_entry_t *entry, agent_string_t *ret,
                                     warren_agent_knowledge_error_t *err) {
  if (!admit(WARREN_GRANT_KNOWLEDGE_WRITE, "knowledge:write", err)) return false;
  const char *external = keep_option(entry->external_id), *content = keep_in(entry->content);
  row *found = NULL;
  for (size_t i = 0; i < now.count && !found; i++) {
    row *it = &now.rows[i];
    if (it->store == 'k' && (external ? same(it->scope, external) : same(it->value, content))) found = it;
  }
  if (!found) found = add('k', external, print("mem_%u", ++made));
  found->value = content;
  found->more = keep_in(entry->metadata);
  *ret = give(found->key);
  return true;
}

/* All of them if there is no query. */
static warren_agent_knowledge_list_item_t items(const char *query, uint32_t limit) {
  warren_agent_knowledge_list_item_t list = {warren_alloc(now.count * sizeof *list.ptr), 0};
  for (size_t i = now.count; i-- > 0 && list.len < limit;) {
    row *it = &now.rows[i];
    unsigned hits = it->store == 'k' ? (query ? common_words(it->value, query) : 1) : 0;
    if (hits) list.ptr[list.len++] = item(it, 1.0);
  }
  return list;
}

bool warren_agent_knowledge_search(warren_agent_knowledge_query_t *query, warren_agent_knowledge_list_item_t *ret,
                                   warren_agent_knowledge_error_t *err) {
  if (!admit(WARREN_GRANT_KNOWLEDGE_READ, "knowledge:read", err)) return false;
  *ret = items(keep_in(query->text), query->limit);
  return true;
}

bool warren_agent_knowledge_list_entries(warren_agent_knowledge_filter_t *filter, warren_agent_knowledge_page_t *ret,
                                         warren_agent_knowledge_error_t *err) {
  if (!admit(WARREN_GRANT_KNOWLEDGE_READ, "knowledge:read", err)) return false;
  ret->items = items(NULL, filter->limit);
  ret->next.is_some = false;
  return true;
}

bool warren_agent_knowledge_get(agent_string_t *id, warren_agent_knowledge_item_t *ret,
                                warren_agent_knowledge_error_t *err) {
  if (!admit(WARREN_GRANT_KNOWLEDGE_READ, "knowledge:read", err)) return false;
  row *found = known(keep_in(*id));
  if (!found) return refuse(err, WARREN_NOT_FOUND, "");
  *ret = item(found, 1.0);
  return true;
}

bool warren_agent_knowledge_forget(agent_string_t *id, bool *ret, warren_agent_knowledge_error_t *err) {
  if (!admit(WARREN_GRANT_KNOWLEDGE_WRITE, "knowledge:write", err)) return false;
  row *found = known(keep_in(*id));
  *ret = found && drop('k', found->scope, found->key);
  return true;
}

/* ---- Episodic memory ------------------------------------------------------------------------------------- */

bool warren_agent_episodes_add(warren_agent_episodes_role_t role, agent_string_t *content,
                               warren_agent_episodes_json_t *metadata, agent_string_t *ret,
                               warren_agent_episodes_error_t *err) {
  if (!admit(WARREN_GRANT_EPISODES_WRITE, "episodes:write", err)) return false;
  row *it = add('e', handling.session, print("epi_%u", ++made));
  it->value = keep_in(*content);
  it->more = keep_in(*metadata);
  it->number = role;
  *ret = give(it->key);
  return true;
}

static bool recall(const char *query, const warren_agent_episodes_filter_t *filter,
                   warren_agent_episodes_list_episode_t *ret, warren_agent_episodes_error_t *err) {
  if (!admit(WARREN_GRANT_EPISODES_READ, "episodes:read", err)) return false;
  const char *session = keep_option(filter->session);
  ret->ptr = warren_alloc(now.count * sizeof *ret->ptr);
  ret->len = 0;
  for (size_t i = now.count; i-- > 0 && ret->len < filter->limit;) {
    row *it = &now.rows[i];
    bool wanted = it->store == 'e' && (!session || same(it->scope, session)) &&
                  (!filter->role.is_some || filter->role.val == it->number) && (!query || common_words(it->value, query));
    if (!wanted) continue;
    warren_agent_episodes_episode_t *out = &ret->ptr[ret->len++];
    out->id = give(it->key);
    out->role = (uint8_t)it->number;
    out->content = give(it->value);
    out->metadata = give(it->more);
    out->session.is_some = it->scope != NULL;
    if (it->scope) out->session.val = give(it->scope);
    out->time = give(NOW);
  }
  return true;
}

bool warren_agent_episodes_recent(warren_agent_episodes_filter_t *filter, warren_agent_episodes_list_episode_t *ret,
                                  warren_agent_episodes_error_t *err) {
  return recall(NULL, filter, ret, err);
}

bool warren_agent_episodes_search(agent_string_t *text, warren_agent_episodes_filter_t *filter,
                                  warren_agent_episodes_list_episode_t *ret, warren_agent_episodes_error_t *err) {
  return recall(keep_in(*text), filter, ret, err);
}

bool warren_agent_episodes_unconsolidated(uint32_t limit, warren_agent_episodes_list_episode_t *ret,
                                          warren_agent_episodes_error_t *err) {
  (void)limit, (void)ret;
  return admit(WARREN_GRANT_EPISODES_READ, "episodes:read", err) &&
         absent("the host for tests does not keep what is consolidated", err);
}

bool warren_agent_episodes_consolidate(agent_string_t *through, warren_agent_episodes_error_t *err) {
  (void)through;
  return admit(WARREN_GRANT_EPISODES_WRITE, "episodes:write", err) &&
         absent("the host for tests does not keep what is consolidated", err);
}

/* ---- Procedural memory: the newest version is the current one -------------------------------------------- */

bool warren_agent_procedures_put(warren_agent_procedures_draft_t *draft, uint32_t *ret,
                                 warren_agent_procedures_error_t *err) {
  if (!admit(WARREN_GRANT_PROCEDURES_WRITE, "procedures:write", err)) return false;
  row *it = find_or_add('p', NULL, keep_in(draft->name));
  it->value = keep_in(draft->body);
  it->more = keep_in(draft->metadata);
  *ret = ++it->number;
  return true;
}

bool warren_agent_procedures_get(agent_string_t *name, uint32_t *version, warren_agent_procedures_procedure_t *ret,
                                 warren_agent_procedures_error_t *err) {
  if (!admit(WARREN_GRANT_PROCEDURES_READ, "procedures:read", err)) return false;
  row *it = find('p', NULL, keep_in(*name));
  if (!it || (version && *version != it->number)) return refuse(err, WARREN_NOT_FOUND, "");
  memset(ret, 0, sizeof *ret);
  ret->name = give(it->key);
  ret->version = it->number;
  ret->body = give(it->value);
  ret->metadata = give(it->more);
  ret->writer = give(warren_exported->name);
  ret->created = give(NOW);
  ret->score = 1;
  return true;
}

#define OLD_VERSIONS "the host for tests keeps the newest version of a procedure only"

bool warren_agent_procedures_activate(agent_string_t *name, uint32_t version, warren_agent_procedures_error_t *err) {
  (void)name, (void)version;
  return admit(WARREN_GRANT_PROCEDURES_WRITE, "procedures:write", err) && absent(OLD_VERSIONS, err);
}

bool warren_agent_procedures_roll_back(agent_string_t *name, uint32_t *ret, warren_agent_procedures_error_t *err) {
  (void)name, (void)ret;
  return admit(WARREN_GRANT_PROCEDURES_WRITE, "procedures:write", err) && absent(OLD_VERSIONS, err);
}

bool warren_agent_procedures_match_situation(agent_string_t *situation, uint32_t limit,
                                             warren_agent_procedures_list_procedure_t *ret,
                                             warren_agent_procedures_error_t *err) {
  (void)situation, (void)limit;
  ret->len = 0;
  return admit(WARREN_GRANT_PROCEDURES_READ, "procedures:read", err);
}

/* ---- Registry: nobody else is there ---------------------------------------------------------------------- */

#define NOBODY(function, type)                                                       \
  bool function(type##_query_t *query, LIST *ret, warren_agent_registry_error_t *err) { \
    (void)query;                                                                     \
    ret->len = 0;                                                                    \
    return admit(WARREN_GRANT_REGISTRY, "registry:read", err);                       \
  }
#define LIST warren_agent_registry_list_agent_t
NOBODY(warren_agent_registry_find_agents, warren_agent_registry_agent)
#undef LIST
#define LIST warren_agent_registry_list_event_definition_t
NOBODY(warren_agent_registry_find_events, warren_agent_registry_event)

bool warren_agent_registry_discover(warren_agent_registry_catalog_query_t *query,
                                    warren_agent_registry_list_catalog_entry_t *ret,
                                    warren_agent_registry_error_t *err) {
  (void)query;
  ret->len = 0;
  return admit(WARREN_GRANT_REGISTRY, "registry:read", err);
}

bool warren_agent_registry_get_agent(agent_string_t *name, warren_agent_registry_agent_t *ret,
                                     warren_agent_registry_error_t *err) {
  (void)name, (void)ret;
  return admit(WARREN_GRANT_REGISTRY, "registry:read", err) && refuse(err, WARREN_NOT_FOUND, "");
}

bool warren_agent_registry_get_schema(agent_string_t *name, uint32_t *version, warren_agent_registry_schema_t *ret,
                                      warren_agent_registry_error_t *err) {
  (void)name, (void)version, (void)ret;
  return admit(WARREN_GRANT_REGISTRY, "registry:read", err) && refuse(err, WARREN_NOT_FOUND, "");
}

bool warren_agent_registry_validate(agent_string_t *schema, warren_agent_registry_json_t *value,
                                    warren_agent_registry_list_violation_t *ret, warren_agent_registry_error_t *err) {
  (void)schema, (void)value, (void)ret;
  return admit(WARREN_GRANT_REGISTRY, "registry:read", err) && refuse(err, WARREN_NOT_FOUND, "");
}

/* ---- Context, log, clock, random ------------------------------------------------------------------------- */

static agent_option_string_t give_option(const char *text) {
  agent_option_string_t out = {text != NULL, {NULL, 0}};
  if (text) out.val = give(text);
  return out;
}

void warren_agent_context_who(warren_agent_context_identity_t *ret) {
  turn.host_calls++;
  ret->agent = give(warren_exported->name);
  ret->digest = give("sha256:0000000000000000000000000000000000000000000000000000000000000000");
  ret->turn = give("trn_test");
  ret->attempt = handling.attempt;
  ret->customer = give_option(handling.customer);
  ret->user = give_option(handling.user);
  ret->depth = 0;
}

void warren_agent_context_remaining(warren_agent_context_budget_t *ret) {
  turn.host_calls++;
  warren_agent_context_budget_t plenty = {30000, 10000, 1000, 64, 256, 1 << 20};
  *ret = plenty;
}

bool warren_agent_context_cancelled(void) {
  turn.host_calls++;
  return cancelled;
}

bool warren_agent_context_config(agent_string_t *key, agent_option_string_t *ret, warren_agent_context_error_t *err) {
  if (!admit(0, "", err)) return false;
  row *found = find('c', NULL, keep_in(*key));
  *ret = give_option(found ? found->value : NULL);
  return true;
}

void warren_agent_log_log(warren_agent_log_level_t level, agent_string_t *message,
                          agent_list_tuple2_string_string_t *fields) {
  (void)fields;
  turn.host_calls++;
  if (turn.log_count == WARREN_TEST_MAX) return;
  turn.log[turn.log_count].level = (warren_level)level;
  turn.log[turn.log_count++].message = keep_in(*message);
}

void warren_agent_clock_now(warren_agent_clock_instant_t *ret) {
  turn.host_calls++;
  *ret = give(NOW);
}

uint32_t warren_agent_clock_elapsed_ms(void) {
  turn.host_calls++;
  return 0;
}

/* The same bytes every time: a test should not depend on luck. */
bool warren_agent_random_bytes(uint32_t len, agent_list_u8_t *ret, warren_agent_random_error_t *err) {
  if (!admit(0, "", err)) return false;
  ret->ptr = warren_alloc(len);
  ret->len = len;
  for (uint32_t i = 0; i < len; i++) ret->ptr[i] = (uint8_t)(i * 37 + 11);
  return true;
}

/* ---- What tests call ------------------------------------------------------------------------------------- */

void warren_test_reset(void) {
  while (newest) {
    kept *older = newest->before;
    free(newest);
    newest = older;
  }
  warren_free_all();
  memset(&now, 0, sizeof now);
  memset(&turn, 0, sizeof turn);
  denied = refuse_at = made = 0;
  cancelled = false;
}

static agent_string_t text_or(const char *text, const char *fallback) { return give(text ? text : fallback); }

static agent_event_t arriving(const warren_event *event) {
  agent_event_t out;
  memset(&out, 0, sizeof out);
  out.id = text_or(event->id, "evt_test");
  out.source = text_or(event->source, "client/test");
  out.event_type = text_or(event->type, "");
  out.topic = give(warren_topic_name(event->topic));
  out.time = text_or(event->time, NOW);
  out.subject = give_option(event->subject);
  out.data = text_or(event->json, "null");
  out.schema = give_option(event->schema);
  out.correlation = text_or(event->correlation, "evt_test");
  out.trace = text_or(event->trace, "evt_test");
  out.parent = give_option(event->parent);
  out.session = give_option(event->session);
  out.goal = give_option(event->goal);
  out.plan = give_option(event->plan);
  out.task = give_option(event->task);
  out.customer = give_option(event->customer);
  out.user = give_option(event->user);
  out.reply_to.is_some = event->reply_type != NULL;
  if (event->reply_type) {
    out.reply_to.val.topic = give(warren_topic_name(event->reply_topic));
    out.reply_to.val.event_type = give(event->reply_type);
  }
  out.attempt = event->attempt ? event->attempt : 1;
  out.deadline = text_or(event->deadline, "2026-01-01T00:00:30.000Z");
  out.extensions = warren_in_fields(event->extensions, event->extension_count);
  return out;
}

bool exports_agent_handle(agent_event_t *event, agent_failure_t *failure);

const warren_turn *warren_test_handle(const warren_event *event) {
  static const warren_kind kinds[] = {WARREN_RETRY, WARREN_REJECT, WARREN_OTHER};
  memset(&turn, 0, sizeof turn);
  handling = *event;
  handling.attempt = event->attempt ? event->attempt : 1;
  before = now;
  agent_event_t in = arriving(event);
  agent_failure_t failure;
  if (!exports_agent_handle(&in, &failure)) {
    now = before;
    turn.response = NULL;
    turn.event_count = 0;
    turn.result.kind = kinds[failure.tag];
    if (failure.tag != WARREN_AGENT_TYPES_FAILURE_RETRY) {
      turn.result.message = keep_in(failure.val.other);
    } else if (failure.val.retry.is_some) {
      turn.result.after_ms = failure.val.retry.val;
    }
  }
  warren_free_all();
  return &turn;
}

const char *warren_test_working(const char *key) {
  row *found = find('w', NULL, key);
  return found ? found->value : NULL;
}

void warren_test_set_working(const char *key, const char *json) { find_or_add('w', NULL, key)->value = keep(json); }
void warren_test_set_config(const char *key, const char *value) { find_or_add('c', NULL, key)->value = keep(value); }
void warren_test_set_answer(const char *type, const char *json) { find_or_add('a', NULL, type)->value = keep(json); }
void warren_test_deny(unsigned grants) { denied = grants; }

void warren_test_fail_call(unsigned n, warren_kind kind) {
  refuse_at = n;
  refuse_kind = kind;
}

void warren_test_set_cancelled(bool wanted) { cancelled = wanted; }
