/* An agent's declaration as the manifest and as the dispatch, and the two functions that a component exports. */

#include "internal.h"

/* ---- The manifest: follows wit/manifest.schema.json; what has its default is left out -------------------- */

/* A list of which each element but the first has a comma before it. */
static const char *joined(const char *list, const char *element) {
  return list ? warren_text("%s,%s", list, element) : element;
}

static const char *manifest_event(warren_topic topic, const char *type, const char *description, const char *schema) {
  const char *event = warren_jsonf("'topic':%s,'type':%s", warren_topic_name(topic), type);
  if (description) event = joined(event, warren_jsonf("'description':%s", description));
  if (schema) event = joined(event, warren_jsonf("'schema':%p", schema));
  return warren_text("{%s}", event);
}

static const char *manifest_texts(warren_strings texts) {
  const char *list = NULL;
  for (size_t i = 0; i < texts.count; i++) list = joined(list, warren_jsonf("%s", texts.items[i]));
  return list;
}

/* A member that is a list of texts, with a comma before it; nothing of an empty list. */
static const char *manifest_list(const char *name, warren_strings texts) {
  return texts.count ? warren_jsonf(",%s:[%p]", name, manifest_texts(texts)) : "";
}

static const char *manifest_capability(const warren_capability *it) {
  const char *lists = warren_text("%s%s%s", manifest_list("tasks", it->tasks), manifest_list("consumes", it->consumes),
                                  manifest_list("produces", it->produces));
  return warren_jsonf("{'name':%s,'description':%s%p}", it->name, it->description ? it->description : "", lists);
}

/* What it is found by, with a comma before each; what is not said is left out. */
static const char *manifest_found_by(const warren_agent *agent) {
  const char *category = agent->category ? warren_jsonf(",'category':%s", agent->category) : "";
  const char *owner = agent->owner ? warren_jsonf(",'owner':%s", agent->owner) : "";
  return warren_text("%s%s%s", category, manifest_list("tags", agent->tags), owner);
}

static const char *manifest_grants(unsigned grants) {
  static const char *const names[] = {
      "events:publish",  "events:call",   "registry:read",  "working:read",    "working:write",    "knowledge:read",
      "knowledge:write", "episodes:read", "episodes:write", "procedures:read", "procedures:write",
  };
  const char *list = NULL;
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    if (grants & 1u << i) list = joined(list, warren_jsonf("%s", names[i]));
  }
  return list ? list : "";
}

static const char *manifest_settings(const warren_agent *agent) {
  const char *settings = NULL;
  if (agent->timeout_ms) settings = joined(settings, warren_jsonf("'timeout_ms':%u", agent->timeout_ms));
  if (agent->concurrency) settings = joined(settings, warren_jsonf("'concurrency':%u", agent->concurrency));
  if (agent->attempts) settings = joined(settings, warren_jsonf("'attempts':%u", agent->attempts));
  return settings ? settings : "";
}

const char *warren_manifest(const warren_agent *agent) {
  static const char *const kinds[] = {"agent", "tool", "worker", "planner"};
  const char *handles = NULL, *produces = NULL, *capabilities = NULL;
  unsigned grants = agent->grants;
  for (size_t i = 0; i < WARREN_ENTRIES_MAX && agent->handles[i].type; i++) {
    const warren_subscription *it = &agent->handles[i];
    handles = joined(handles, manifest_event(it->topic, it->type, it->description, it->schema));
  }
  for (size_t i = 0; i < WARREN_ENTRIES_MAX && agent->produces[i].type; i++) {
    const warren_product *it = &agent->produces[i];
    produces = joined(produces, manifest_event(it->topic, it->type, it->description, it->schema));
    grants |= WARREN_GRANT_PUBLISH;
  }
  for (size_t i = 0; i < WARREN_ENTRIES_MAX && agent->capabilities[i].name; i++) {
    capabilities = joined(capabilities, manifest_capability(&agent->capabilities[i]));
  }
  return warren_jsonf(
      "{'name':%s,'kind':%s,'description':%s,'version':%s%p,'capabilities':[%p],'subscriptions':[%p],'produces':[%p],"
      "'grants':[%p],'settings':{%p}}",
      agent->name, kinds[agent->kind & 3], agent->description ? agent->description : "", agent->version,
      manifest_found_by(agent), capabilities ? capabilities : "", handles ? handles : "", produces ? produces : "", manifest_grants(grants),
      manifest_settings(agent));
}

/* ---- The dispatch ---------------------------------------------------------------------------------------- */

warren_result warren_handle(const warren_agent *agent, const warren_event *event) {
  for (size_t i = 0; i < WARREN_ENTRIES_MAX && agent->handles[i].type; i++) {
    const warren_subscription *it = &agent->handles[i];
    if (it->topic == event->topic && strcmp(it->type, event->type) == 0) return it->run(event);
  }
  return warren_reject("`%s` has no handler for `%s` on %s", agent->name, event->type,
                       warren_topic_name(event->topic));
}

static const warren_field *out_fields(agent_list_tuple2_string_string_t list) {
  warren_field *fields = warren_alloc(list.len * sizeof *fields);
  for (size_t i = 0; i < list.len; i++) {
    fields[i].name = warren_out(list.ptr[i].f0);
    fields[i].value = warren_out(list.ptr[i].f1);
  }
  return fields;
}

static warren_event out_event(const agent_event_t *out) {
  warren_event event = {
      .json = warren_out(out->data),
      .id = warren_out(out->id),
      .source = warren_out(out->source),
      .type = warren_out(out->event_type),
      .time = warren_out(out->time),
      .subject = warren_out_option(out->subject),
      .schema = warren_out_option(out->schema),
      .correlation = warren_out(out->correlation),
      .trace = warren_out(out->trace),
      .parent = warren_out_option(out->parent),
      .session = warren_out_option(out->session),
      .goal = warren_out_option(out->goal),
      .plan = warren_out_option(out->plan),
      .task = warren_out_option(out->task),
      .customer = warren_out_option(out->customer),
      .user = warren_out_option(out->user),
      .attempt = out->attempt,
      .deadline = warren_out(out->deadline),
      .extensions = out_fields(out->extensions),
      .extension_count = out->extensions.len,
  };
  return event;
}

static warren_result dispatch(const agent_event_t *out) {
  warren_event event = out_event(out);
  const char *topic = warren_out(out->topic);
  if (!warren_topic_of(topic, &event.topic)) return warren_reject("`%s` is no topic that this agent knows", topic);
  if (out->reply_to.is_some) {
    event.reply_type = warren_out(out->reply_to.val.event_type);
    if (!warren_topic_of(warren_out(out->reply_to.val.topic), &event.reply_topic)) event.reply_type = NULL;
  }
  warren_result parsed = warren_json_parse(event.json, &event.data);
  if (parsed.kind != WARREN_OK) return warren_reject("the payload is not JSON: %s", parsed.message);
  return warren_handle(warren_exported, &event);
}

/* ---- What a component exports ---------------------------------------------------------------------------- */

/* For the bindings, which free what they are given. */
static agent_string_t given(const char *text) {
  agent_string_t string;
  agent_string_dup_n(&string, text, strlen(text));
  return string;
}

static const char *described(warren_result result) {
  static const char *const kinds[] = {"",          "denied",      "not found", "invalid", "conflict",
                                      "exhausted", "unavailable", "",          "json"};
  const char *message = result.message ? result.message : "no reason given";
  if (result.kind == WARREN_NOT_FOUND) return "not found";
  if (result.kind > WARREN_BAD_JSON || !*kinds[result.kind]) return message;
  return warren_text("%s: %s", kinds[result.kind], message);
}

void exports_agent_describe(agent_json_t *ret) { *ret = given(warren_manifest(warren_exported)); }

bool exports_agent_handle(agent_event_t *event, agent_failure_t *failure) {
  warren_result result = dispatch(event);
  switch (result.kind) {
    case WARREN_OK: return true;
    case WARREN_RETRY:
    case WARREN_EXHAUSTED:
    case WARREN_UNAVAILABLE: /* these may pass by themselves; the contract has no place for the reason */
      warren_warn("%s", described(result));
      failure->tag = WARREN_AGENT_TYPES_FAILURE_RETRY;
      failure->val.retry = warren_in_u32(result.after_ms);
      return false;
    case WARREN_REJECT:
      failure->tag = WARREN_AGENT_TYPES_FAILURE_REJECT;
      failure->val.reject = given(described(result));
      return false;
    default:
      failure->tag = WARREN_AGENT_TYPES_FAILURE_OTHER;
      failure->val.other = given(described(result));
      return false;
  }
}
