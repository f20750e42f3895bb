/*
 * Write Warren agents in C.
 *
 * An agent handles one event at a time. What it writes and publishes while it does takes effect when its handler
 * returns WARREN_OK, all together, or not at all.
 *
 *     #include "warren.h"
 *
 *     static warren_result greet(const warren_event *event) {
 *       const char *name;
 *       WARREN_TRY(warren_want_string(event->data, "name", &name));
 *       warren_info("greeting %s", name);
 *       return warren_answer(warren_jsonf("{'text': %s}", warren_text("Hello, %s!", name)));
 *     }
 *
 *     static const warren_agent agent = {
 *       .name = "greeter",
 *       .kind = WARREN_TOOL,
 *       .description = "Greets people.",
 *       .handles = {{WARREN_ACTION_REQUESTS, "greet.requested", greet}},
 *       .produces = {{WARREN_ACTION_RESULTS, "greeting.ready"}},
 *     };
 *     WARREN_EXPORT(agent)
 *
 * Memory: every pointer that a function here returns is good until the turn ends, and nothing is to be freed: a
 * turn has a sandbox of its own, which is dropped with everything in it. Strings are UTF-8 and end with a NUL;
 * NULL stands for "none". Text with a NUL inside ends there.
 *
 * The functions do what the contract of the same name in wit/ says; limits and meanings are written there.
 */
#ifndef WARREN_H
#define WARREN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WARREN_FORMAT(at, first) __attribute__((__format__(__printf__, at, first)))
#define WARREN_CHECKED __attribute__((warn_unused_result))
#else
#define WARREN_FORMAT(at, first)
#define WARREN_CHECKED
#endif

/* ---- How a call, or a turn, went ------------------------------------------------------------------------- */

typedef enum {
  WARREN_OK = 0,
  /* What a host function answers when it did nothing. */
  WARREN_DENIED,      /* the agent was not granted this; the message names the grant it would take */
  WARREN_NOT_FOUND,   /* there is nothing of that name */
  WARREN_INVALID,     /* the input cannot be used; the message names the field, the value and the rule */
  WARREN_CONFLICT,    /* it contradicts what is there */
  WARREN_EXHAUSTED,   /* a limit would be passed; the message names it */
  WARREN_UNAVAILABLE, /* not right now; the same call may work later */
  WARREN_OTHER,       /* anything else; of a handler: try again with back-off, then to the dead letters */
  WARREN_BAD_JSON,    /* a value is not the JSON that the code expects; made here, not by the host */
  /* What a handler may say besides. */
  WARREN_RETRY,  /* try this event again */
  WARREN_REJECT, /* never try it again: it goes to the dead letters with the message */
} warren_kind;

/* What calls and handlers return. A handler may return the result of a call as it is: what may pass by itself
 * (exhausted, unavailable) is then tried again, everything else fails the turn with its message. */
typedef struct {
  warren_kind kind;
  const char *message; /* NULL of WARREN_OK */
  uint32_t after_ms;   /* of WARREN_RETRY: not before this long; 0 leaves it to the host */
} warren_result;

/* Return from this handler unless the call went well. */
#define WARREN_TRY(call)                                   \
  do {                                                     \
    warren_result warren_tried = (call);                   \
    if (warren_tried.kind != WARREN_OK) return warren_tried; \
  } while (0)

warren_result warren_ok(void);
/* The turn fails: tried again with back-off, then a dead letter. */
warren_result warren_fail(const char *format, ...) WARREN_FORMAT(1, 2);
/* This event can never work: a dead letter at once. */
warren_result warren_reject(const char *format, ...) WARREN_FORMAT(1, 2);
/* Try again, after this many milliseconds (0: when the host says so). */
warren_result warren_retry(uint32_t after_ms, const char *format, ...) WARREN_FORMAT(2, 3);

/* ---- Text and JSON --------------------------------------------------------------------------------------- */

/* Zeroed memory until the end of the turn. */
void *warren_alloc(size_t bytes);
/* printf into memory that needs no freeing. */
const char *warren_text(const char *format, ...) WARREN_FORMAT(1, 2);
/* JSON from a template in which ' stands for ". Values are quoted as JSON needs it:
 *   %s a string (NULL is null)   %d %u %ld %lu %lld %llu %zu a whole number   %g a number   %p JSON as it is
 * warren_jsonf("{'name': %s, 'count': %d, 'tags': %p}", name, 3, "[1,2]") */
const char *warren_jsonf(const char *format, ...) WARREN_FORMAT(1, 2);

typedef enum {
  WARREN_JSON_NULL,
  WARREN_JSON_BOOL,
  WARREN_JSON_NUMBER,
  WARREN_JSON_STRING,
  WARREN_JSON_ARRAY,
  WARREN_JSON_OBJECT,
} warren_json_type;

/* A JSON value. Iterate over arrays and objects by `child` and `next`. */
typedef struct warren_json {
  warren_json_type type;
  bool boolean;
  double number;
  const char *string;              /* \u0000 reads as U+FFFD */
  const char *text;                /* the value as JSON text; not NUL-terminated: see warren_json_text */
  size_t text_bytes;
  const char *key;                 /* of a member of an object */
  size_t count;                    /* of elements or members */
  const struct warren_json *child; /* the first */
  const struct warren_json *next;
} warren_json;

WARREN_CHECKED warren_result warren_json_parse(const char *text, const warren_json **json);
/* As JSON text; numbers are as they were written, whatever their size. */
const char *warren_json_text(const warren_json *json);
/* Forgiving: NULL, or the fallback, if it is not there or not of the type. All take NULL for `object`. */
const warren_json *warren_json_get(const warren_json *object, const char *key);
const warren_json *warren_json_at(const warren_json *array, size_t index);
const char *warren_json_string(const warren_json *object, const char *key);
double warren_json_number(const warren_json *object, const char *key, double fallback);
bool warren_json_bool(const warren_json *object, const char *key, bool fallback);
/* Strict: WARREN_REJECT with the key if it is not there or not of the type. For payloads. */
WARREN_CHECKED warren_result warren_want_string(const warren_json *object, const char *key, const char **string);
WARREN_CHECKED warren_result warren_want_number(const warren_json *object, const char *key, double *number);

/* ---- Events ---------------------------------------------------------------------------------------------- */

typedef enum {
  WARREN_ACTION_REQUESTS,
  WARREN_ACTION_RESULTS,
  WARREN_BUSINESS_FACTS,
  WARREN_SYSTEM_EVENTS,
  WARREN_NOTIFICATION_EVENTS,
  WARREN_BILLING_EVENTS,
  WARREN_PLAN_EVENTS,
  WARREN_TASK_EVENTS,
} warren_topic;

typedef struct {
  const char *name;
  const char *value;
} warren_field;

/* An event as it arrives. */
typedef struct warren_event {
  const warren_json *data; /* the payload */
  const char *json;        /* the payload as text */
  const char *id, *source, *type, *time, *subject, *schema;
  const char *correlation, *trace, *parent, *session, *goal, *plan, *task, *customer, *user;
  warren_topic topic;
  warren_topic reply_topic;
  const char *reply_type; /* NULL if nobody waits for an answer */
  uint32_t attempt;       /* 1 on the first delivery */
  const char *deadline;
  const warren_field *extensions;
  size_t extension_count;
} warren_event;

/* An event to publish. What is not set follows from the event being handled. */
typedef struct {
  warren_topic topic;
  const char *type;
  const char *data; /* JSON text */
  const char *subject, *schema, *correlation, *session, *goal, *plan, *task;
  warren_topic reply_topic;
  const char *reply_type; /* ask for an answer of this type */
  const warren_field *extensions;
  size_t extension_count;
  uint32_t after_ms; /* publish it this much later … */
  const char *at;    /* … or at this instant */
} warren_draft;

/* Publish when this turn commits. */
WARREN_CHECKED warren_result warren_publish(warren_topic topic, const char *type, const char *json);
/* The same with more to say; `id` may be NULL. */
WARREN_CHECKED warren_result warren_publish_draft(const warren_draft *draft, const char **id);
/* Answer the event being handled; WARREN_NOT_FOUND if nobody waits, WARREN_CONFLICT the second time. */
WARREN_CHECKED warren_result warren_respond(const char *json, const char **id);
/* Answer if somebody waits for it. */
WARREN_CHECKED warren_result warren_answer(const char *json);
/* Call a tool agent inside this turn and wait for its answer. */
WARREN_CHECKED warren_result warren_call(const char *type, const char *json, uint32_t timeout_ms,
                                         const warren_json **answer);

/* ---- Working memory -------------------------------------------------------------------------------------- */

typedef struct {
  const char *const *items;
  size_t count;
} warren_strings;

/* The initializer of a warren_strings: .tags = WARREN_STRINGS("web", "english") */
#define WARREN_STRINGS(...) \
  { (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *) }

/* NULL if there is nothing. */
WARREN_CHECKED warren_result warren_working_get(const char *key, const warren_json **value);
WARREN_CHECKED warren_result warren_working_put(const char *key, const char *json);
/* Forgotten after this many milliseconds. */
WARREN_CHECKED warren_result warren_working_put_for(const char *key, const char *json, uint32_t ttl_ms);
WARREN_CHECKED warren_result warren_working_delete(const char *key, bool *was_there);
/* Keys that begin with `prefix`, after `after` (or NULL), at most `limit`, 1 to 1000. */
WARREN_CHECKED warren_result warren_working_keys(const char *prefix, const char *after, uint32_t limit,
                                                 warren_strings *keys);
WARREN_CHECKED warren_result warren_working_increment(const char *key, double by, double *sum);
/* Add one to a whole number and return it; WARREN_CONFLICT if it is none. */
WARREN_CHECKED warren_result warren_working_count(const char *key, unsigned long long *count);
WARREN_CHECKED warren_result warren_working_append(const char *key, const char *json, uint32_t *length);

/* ---- Semantic memory ------------------------------------------------------------------------------------- */

typedef enum { WARREN_VISIBLE_USER, WARREN_VISIBLE_CUSTOMER, WARREN_VISIBLE_TENANT } warren_visibility;
typedef enum { WARREN_SEARCH_HYBRID, WARREN_SEARCH_KEYWORD, WARREN_SEARCH_VECTOR } warren_search_mode;

/* Something to remember; what is 0 or NULL is not said. */
typedef struct {
  const char *content;
  const char *external_id;
  const char *metadata; /* a JSON object */
  warren_strings tags;
  const char *source;
  warren_visibility visibility;
  uint32_t ttl_seconds;
  const char *valid_from, *valid_until, *supersedes;
  warren_strings derived_from;
  uint32_t chunk_bytes;
} warren_entry;

typedef struct {
  const char *text;
  warren_search_mode mode;
  uint32_t limit; /* 0: 10 */
  uint32_t offset;
  warren_strings tags;
  const char *source, *metadata, *since, *until, *as_of;
  double min_score;
} warren_search;

typedef struct {
  warren_strings tags;
  const char *source, *metadata, *since, *until, *as_of, *document;
  uint32_t limit; /* 0: 100 */
  const char *after;
} warren_entry_filter;

typedef struct {
  const char *id, *external_id, *content;
  const warren_json *metadata;
  warren_strings tags;
  const char *source;
  warren_visibility visibility;
  const char *valid_from, *valid_until, *superseded_by;
  const char *document; /* NULL unless it is a chunk of one: number `part` of `parts` */
  uint32_t part, parts;
  const char *writer, *turn;
  warren_strings derived_from;
  const char *created, *updated;
  double score;
} warren_item;

typedef struct {
  const warren_item *items;
  size_t count;
  const char *next; /* of a list: give this as `after` for the next page */
} warren_items;

WARREN_CHECKED warren_result warren_knowledge_remember(const warren_entry *entry, const char **id);
WARREN_CHECKED warren_result warren_knowledge_search(const warren_search *search, warren_items *items);
WARREN_CHECKED warren_result warren_knowledge_list(const warren_entry_filter *filter, warren_items *page);
WARREN_CHECKED warren_result warren_knowledge_get(const char *id, warren_item *item);
WARREN_CHECKED warren_result warren_knowledge_forget(const char *id, bool *was_there);

/* ---- Episodic memory ------------------------------------------------------------------------------------- */

typedef enum { WARREN_ROLE_ANY, WARREN_ROLE_USER, WARREN_ROLE_ASSISTANT, WARREN_ROLE_SYSTEM, WARREN_ROLE_TOOL } warren_role;

typedef struct {
  const char *session;
  warren_role role; /* WARREN_ROLE_ANY: of every role */
  const char *since, *until;
  uint32_t limit; /* 0: 100 */
  const char *before;
} warren_episode_filter;

typedef struct {
  const char *id;
  warren_role role;
  const char *content;
  const warren_json *metadata;
  const char *session, *time;
} warren_episode;

typedef struct {
  const warren_episode *items;
  size_t count;
} warren_episodes;

/* `metadata` is a JSON object or NULL, `id` may be NULL. */
WARREN_CHECKED warren_result warren_episodes_add(warren_role role, const char *content, const char *metadata,
                                                 const char **id);
WARREN_CHECKED warren_result warren_episodes_recent(const warren_episode_filter *filter, warren_episodes *episodes);
WARREN_CHECKED warren_result warren_episodes_search(const char *text, const warren_episode_filter *filter,
                                                    warren_episodes *episodes);
WARREN_CHECKED warren_result warren_episodes_unconsolidated(uint32_t limit, warren_episodes *episodes);
WARREN_CHECKED warren_result warren_episodes_consolidate(const char *through);

/* ---- Procedural memory ----------------------------------------------------------------------------------- */

typedef enum { WARREN_PROMPT, WARREN_RULE, WARREN_SKILL } warren_procedure_kind;

typedef struct {
  const char *name;
  warren_procedure_kind kind;
  const char *body;
  warren_strings triggers;
  const char *metadata; /* a JSON object, or NULL */
} warren_new_procedure;

typedef struct {
  const char *name;
  uint32_t version;
  warren_procedure_kind kind;
  const char *body;
  warren_strings triggers;
  const warren_json *metadata;
  const char *writer, *created;
  double score;
} warren_procedure;

typedef struct {
  const warren_procedure *items;
  size_t count;
} warren_procedures;

WARREN_CHECKED warren_result warren_procedures_put(const warren_new_procedure *procedure, uint32_t *version);
/* Version 0 is the current one. */
WARREN_CHECKED warren_result warren_procedures_get(const char *name, uint32_t version, warren_procedure *procedure);
WARREN_CHECKED warren_result warren_procedures_activate(const char *name, uint32_t version);
WARREN_CHECKED warren_result warren_procedures_roll_back(const char *name, uint32_t *version);
WARREN_CHECKED warren_result warren_procedures_matching(const char *situation, uint32_t limit,
                                                        warren_procedures *procedures);

/* ---- Registry -------------------------------------------------------------------------------------------- */

typedef struct {
  const char *name, *kind, *consumes, *produces, *capability, *text;
  uint32_t limit; /* 0: 100 */
  const char *after;
} warren_agent_query;

typedef struct {
  const char *name, *kind, *description, *status, *digest;
  const warren_json *manifest;
} warren_agent_info;

typedef struct {
  const warren_agent_info *items;
  size_t count;
} warren_agents;

/* Agents and what lives elsewhere; `about` is a question in plain words, whose best answer comes first. */
typedef struct {
  const char *id, *name, *kind, *category;
  warren_strings tags;
  const char *capability, *task, *consumes, *produces, *owner, *state, *text, *about;
  int hosted; /* 1: agents of this host alone; -1: what lives elsewhere alone */
  bool include_expired;
  uint32_t limit; /* 0: 100 */
  const char *after;
} warren_catalog_query;

typedef struct {
  const char *name, *kind;
  bool hosted;
  const char *state, *owner, *description, *url;
  double score; /* 0 to 1 if a question was asked, else 0 */
  const char *brief; /* for a language model */
  const warren_json *definition;
} warren_catalog_entry;

typedef struct {
  const warren_catalog_entry *items;
  size_t count;
} warren_catalog;

typedef struct {
  const char *type, *topic, *text;
  bool actionable;
  uint32_t limit; /* 0: 100 */
  const char *after;
} warren_event_query;

typedef struct {
  const char *type, *topic, *description, *schema;
  bool actionable;
  warren_strings consumers, producers;
} warren_event_info;

typedef struct {
  const warren_event_info *items;
  size_t count;
} warren_event_infos;

typedef struct {
  const char *name;
  uint32_t version;
  const warren_json *body;
} warren_schema;

typedef struct {
  const char *pointer, *message;
} warren_violation;

typedef struct {
  const warren_violation *items;
  size_t count;
} warren_violations;

WARREN_CHECKED warren_result warren_registry_find_agents(const warren_agent_query *query, warren_agents *agents);
WARREN_CHECKED warren_result warren_registry_discover(const warren_catalog_query *query, warren_catalog *catalog);
WARREN_CHECKED warren_result warren_registry_get_agent(const char *name, warren_agent_info *agent);
WARREN_CHECKED warren_result warren_registry_find_events(const warren_event_query *query, warren_event_infos *events);
/* Version 0 is the latest. */
WARREN_CHECKED warren_result warren_registry_get_schema(const char *name, uint32_t version, warren_schema *schema);
WARREN_CHECKED warren_result warren_registry_validate(const char *schema, const char *json,
                                                      warren_violations *violations);

/* ---- Context, log, clock, random ------------------------------------------------------------------------- */

typedef struct {
  const char *agent, *digest, *turn;
  uint32_t attempt;
  const char *customer, *user;
  uint32_t depth;
} warren_identity;

typedef struct {
  uint32_t time_ms, cpu_ms, host_calls, events, writes, output_bytes;
} warren_budget;

typedef enum { WARREN_TRACE, WARREN_DEBUG, WARREN_INFO, WARREN_WARN, WARREN_ERROR } warren_level;

warren_identity warren_who(void);
warren_budget warren_remaining(void);
bool warren_cancelled(void);
/* NULL if the tenant set nothing. */
WARREN_CHECKED warren_result warren_config(const char *key, const char **value);
void warren_log(warren_level level, const warren_field *fields, size_t count, const char *format, ...)
    WARREN_FORMAT(4, 5);
void warren_info(const char *format, ...) WARREN_FORMAT(1, 2);
void warren_warn(const char *format, ...) WARREN_FORMAT(1, 2);
void warren_error(const char *format, ...) WARREN_FORMAT(1, 2);
const char *warren_now(void);
uint32_t warren_elapsed_ms(void);
WARREN_CHECKED warren_result warren_random(uint32_t len, uint8_t *bytes);

/* ---- The declaration ------------------------------------------------------------------------------------- */

typedef warren_result warren_handler(const warren_event *event);

/* Capabilities of the host that an agent asks for; what it does not ask for is denied. Publishing is asked for
 * by `produces`. */
enum {
  WARREN_GRANT_PUBLISH = 1 << 0,
  WARREN_GRANT_CALL = 1 << 1,
  WARREN_GRANT_REGISTRY = 1 << 2,
  WARREN_GRANT_WORKING_READ = 1 << 3,
  WARREN_GRANT_WORKING_WRITE = 1 << 4,
  WARREN_GRANT_KNOWLEDGE_READ = 1 << 5,
  WARREN_GRANT_KNOWLEDGE_WRITE = 1 << 6,
  WARREN_GRANT_EPISODES_READ = 1 << 7,
  WARREN_GRANT_EPISODES_WRITE = 1 << 8,
  WARREN_GRANT_PROCEDURES_READ = 1 << 9,
  WARREN_GRANT_PROCEDURES_WRITE = 1 << 10,
  WARREN_GRANT_WORKING = WARREN_GRANT_WORKING_READ | WARREN_GRANT_WORKING_WRITE,
  WARREN_GRANT_KNOWLEDGE = WARREN_GRANT_KNOWLEDGE_READ | WARREN_GRANT_KNOWLEDGE_WRITE,
  WARREN_GRANT_EPISODES = WARREN_GRANT_EPISODES_READ | WARREN_GRANT_EPISODES_WRITE,
  WARREN_GRANT_PROCEDURES = WARREN_GRANT_PROCEDURES_READ | WARREN_GRANT_PROCEDURES_WRITE,
  WARREN_GRANT_ALL = (1 << 11) - 1,
};

/* How many of each an agent can declare. */
#define WARREN_ENTRIES_MAX 32

typedef enum { WARREN_AGENT, WARREN_TOOL, WARREN_WORKER, WARREN_PLANNER } warren_agent_kind;

typedef struct {
  warren_topic topic;
  const char *type;
  warren_handler *run;
  const char *description;
  const char *schema; /* JSON */
} warren_subscription;

typedef struct {
  warren_topic topic;
  const char *type;
  const char *description;
  const char *schema; /* JSON */
} warren_product;

/* Something that an agent can do, by a name that others look for. */
typedef struct {
  const char *name;
  const char *description;
  warren_strings tasks;    /* names of the tasks that it carries out */
  warren_strings consumes; /* types of events that ask for it, of those in `handles` */
  warren_strings produces; /* types of events that answer, of those in `produces` */
} warren_capability;

/* What an agent is. The manifest and the dispatch come from it; what is 0 or NULL is left to the host. */
typedef struct warren_agent {
  const char *name; /* [a-z][a-z0-9-]*, at most 63 bytes */
  warren_agent_kind kind;
  const char *description;
  const char *version;
  const char *category; /* a shelf to find it on */
  warren_strings tags;  /* words to find it by */
  const char *owner;    /* a team, a person */
  warren_subscription handles[WARREN_ENTRIES_MAX];
  warren_product produces[WARREN_ENTRIES_MAX];
  warren_capability capabilities[WARREN_ENTRIES_MAX];
  unsigned grants;
  uint32_t timeout_ms;  /* of a turn, 1 to 300000 */
  uint32_t concurrency; /* turns at once, 1 to 256 */
  uint32_t attempts;    /* at one event before it is a dead letter, 1 to 50 */
} warren_agent;

/* The manifest as JSON. */
const char *warren_manifest(const warren_agent *agent);
/* Run the handler of an event; WARREN_REJECT if there is none. */
warren_result warren_handle(const warren_agent *agent, const warren_event *event);

/* Makes an agent the one that this component is. Once, at file level. */
#define WARREN_EXPORT(definition) const warren_agent *const warren_exported = &(definition);
extern const warren_agent *const warren_exported;

#ifdef __cplusplus
}
#endif
#endif
