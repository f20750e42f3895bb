/* The conformance agent in C: does what a list of steps says and answers with what came of each. */

#include <stdlib.h>
#include <string.h>

#include "warren.h"

/* What a step leaves: JSON. */
typedef warren_result step_function(const warren_event *event, const warren_json *step, const char **left);

static const char *text(const warren_json *step, const char *key) {
  const char *found = warren_json_string(step, key);
  return found ? found : "";
}

static uint32_t number(const warren_json *step, const char *key) { return (uint32_t)warren_json_number(step, key, 0); }

static const char *json(const warren_json *step, const char *key) { return warren_json_text(warren_json_get(step, key)); }

static const char *boolean(bool value) { return value ? "true" : "false"; }

/* ---- Lists ----------------------------------------------------------------------------------------------- */

static void append(const char **list, const char *element) {
  *list = *list ? warren_text("%s,%s", *list, element) : element;
}

static const char *array(const char *list) { return warren_text("[%s]", list ? list : ""); }

static const char *quoted(warren_strings strings) {
  const char *list = NULL;
  for (size_t i = 0; i < strings.count; i++) append(&list, warren_jsonf("%s", strings.items[i]));
  return array(list);
}

static warren_strings strings(const warren_json *list) {
  size_t count = list ? list->count : 0;
  const char **items = warren_alloc(count * sizeof *items);
  for (size_t i = 0; i < count; i++) items[i] = warren_json_at(list, i)->string;
  return (warren_strings){items, count};
}

/* The index of a word in a list, or -1. */
static int index_of(const char *const *words, int count, const char *word) {
  for (int i = 0; i < count; i++) {
    if (strcmp(words[i], word) == 0) return i;
  }
  return -1;
}

/* ---- Steps ----------------------------------------------------------------------------------------------- */

static const char *const topics[] = {"action-requests",     "action-results", "business-facts", "system-events",
                                     "notification-events", "billing-events", "plan-events",    "task-events"};

static warren_result told(const warren_event *event, const char **left) {
  const char *extensions = NULL;
  for (size_t i = 0; i < event->extension_count; i++) {
    append(&extensions, warren_jsonf("%s:%s", event->extensions[i].name, event->extensions[i].value));
  }
  *left = warren_jsonf(
      "{'type':%s,'topic':%s,'subject':%s,'session':%s,'plan':%s,'user':%s,'customer':%s,'attempt':%u,'extensions':{%p}}",
      event->type, topics[event->topic], event->subject, event->session, event->plan, event->user, event->customer,
      event->attempt, extensions ? extensions : "");
  return warren_ok();
}

static warren_result publish(const warren_json *step, const char **left) {
  int topic = index_of(topics, 8, text(step, "topic"));
  if (topic < 0) return warren_reject("no such topic");
  warren_draft draft = {
      .topic = (warren_topic)topic,
      .type = text(step, "type"),
      .data = json(step, "data"),
      .subject = warren_json_string(step, "subject"),
      .after_ms = number(step, "after_ms"),
      .at = warren_json_string(step, "at"),
  };
  const char *id = "";
  for (double i = 0; i < warren_json_number(step, "times", 1); i++) WARREN_TRY(warren_publish_draft(&draft, &id));
  *left = warren_jsonf("%s", id);
  return warren_ok();
}

static warren_result say(const warren_json *step) {
  static const char *const levels[] = {"trace", "debug", "info", "warn", "error"};
  const warren_json *given = warren_json_get(step, "fields");
  size_t count = given ? given->count : 0;
  warren_field *fields = warren_alloc(count * sizeof *fields);
  for (size_t i = 0; i < count; i++) {
    fields[i].name = warren_json_at(given, i)->key;
    fields[i].value = warren_json_at(given, i)->string;
  }
  warren_log((warren_level)index_of(levels, 5, text(step, "level")), fields, count, "%s", text(step, "message"));
  return warren_ok();
}

static warren_result general(const warren_event *event, const warren_json *step, const char **left) {
  const char *name = text(step, "do");
  const char *string = NULL;
  const warren_json *value = NULL;
  if (strcmp(name, "echo") == 0) {
    *left = json(step, "value");
  } else if (strcmp(name, "event") == 0) {
    return told(event, left);
  } else if (strcmp(name, "publish") == 0) {
    return publish(step, left);
  } else if (strcmp(name, "respond") == 0) {
    WARREN_TRY(warren_respond(json(step, "data"), &string));
    *left = warren_jsonf("%s", string);
  } else if (strcmp(name, "call") == 0) {
    WARREN_TRY(warren_call(text(step, "type"), json(step, "data"), number(step, "timeout_ms"), &value));
    *left = warren_json_text(value);
  } else if (strcmp(name, "who") == 0) {
    warren_identity who = warren_who();
    *left = warren_jsonf("{'agent':%s,'attempt':%u,'depth':%u,'user':%s}", who.agent, who.attempt, who.depth, who.user);
  } else if (strcmp(name, "remaining") == 0) {
    warren_budget it = warren_remaining();
    *left = warren_jsonf("{'time_ms':%u,'cpu_ms':%u,'host_calls':%u,'events':%u,'writes':%u,'output_bytes':%u}",
                         it.time_ms, it.cpu_ms, it.host_calls, it.events, it.writes, it.output_bytes);
  } else if (strcmp(name, "cancelled") == 0) {
    *left = boolean(warren_cancelled());
  } else if (strcmp(name, "config") == 0) {
    WARREN_TRY(warren_config(text(step, "key"), &string));
    *left = warren_jsonf("%s", string);
  } else if (strcmp(name, "log") == 0) {
    return say(step);
  } else if (strcmp(name, "now") == 0) {
    *left = warren_jsonf("%s", warren_now());
  } else if (strcmp(name, "elapsed") == 0) {
    *left = warren_jsonf("%u", warren_elapsed_ms());
  } else if (strcmp(name, "random") == 0) {
    uint32_t len = number(step, "len");
    WARREN_TRY(warren_random(len, warren_alloc(len)));
    *left = warren_jsonf("%u", len);
  } else {
    return warren_reject("no step `%s`", name);
  }
  return warren_ok();
}

static warren_result working(const warren_event *event, const warren_json *step, const char **left) {
  (void)event;
  const char *name = text(step, "do") + strlen("working."), *key = text(step, "key");
  const warren_json *value;
  warren_strings keys;
  bool there;
  double sum;
  uint32_t length;
  if (strcmp(name, "get") == 0) {
    WARREN_TRY(warren_working_get(key, &value));
    *left = warren_json_text(value);
  } else if (strcmp(name, "put") == 0) {
    uint32_t ttl_ms = number(step, "ttl_ms");
    return ttl_ms ? warren_working_put_for(key, json(step, "value"), ttl_ms) : warren_working_put(key, json(step, "value"));
  } else if (strcmp(name, "delete") == 0) {
    WARREN_TRY(warren_working_delete(key, &there));
    *left = boolean(there);
  } else if (strcmp(name, "keys") == 0) {
    const char *after = warren_json_string(step, "after");
    WARREN_TRY(warren_working_keys(text(step, "prefix"), after, number(step, "limit"), &keys));
    *left = quoted(keys);
  } else if (strcmp(name, "increment") == 0) {
    WARREN_TRY(warren_working_increment(key, warren_json_number(step, "by", 0), &sum));
    *left = warren_jsonf("%g", sum);
  } else if (strcmp(name, "append") == 0) {
    WARREN_TRY(warren_working_append(key, json(step, "value"), &length));
    *left = warren_jsonf("%u", length);
  } else {
    return warren_reject("no step `working.%s`", name);
  }
  return warren_ok();
}

static const char *contents(warren_items items) {
  const char *list = NULL;
  for (size_t i = 0; i < items.count; i++) append(&list, warren_jsonf("%s", items.items[i].content));
  return array(list);
}

static warren_result knowledge(const warren_event *event, const warren_json *step, const char **left) {
  (void)event;
  const char *name = text(step, "do") + strlen("knowledge."), *id = text(step, "id");
  const warren_json *metadata = warren_json_get(step, "metadata");
  warren_item item;
  warren_items items;
  bool there;
  if (strcmp(name, "remember") == 0) {
    warren_entry entry = {
        .content = text(step, "content"),
        .external_id = warren_json_string(step, "external_id"),
        .metadata = metadata ? warren_json_text(metadata) : NULL,
        .tags = strings(warren_json_get(step, "tags")),
    };
    WARREN_TRY(warren_knowledge_remember(&entry, &id));
    *left = warren_jsonf("%s", id);
  } else if (strcmp(name, "get") == 0) {
    WARREN_TRY(warren_knowledge_get(id, &item));
    *left = warren_jsonf("{'content':%s,'metadata':%p,'tags':%p,'external_id':%s}", item.content,
                         warren_json_text(item.metadata), quoted(item.tags), item.external_id);
  } else if (strcmp(name, "search") == 0) {
    warren_search search = {.text = text(step, "text"), .limit = number(step, "limit")};
    WARREN_TRY(warren_knowledge_search(&search, &items));
    *left = contents(items);
  } else if (strcmp(name, "list") == 0) {
    WARREN_TRY(warren_knowledge_list(&(warren_entry_filter){.limit = number(step, "limit")}, &items));
    *left = contents(items);
  } else if (strcmp(name, "forget") == 0) {
    WARREN_TRY(warren_knowledge_forget(id, &there));
    *left = boolean(there);
  } else {
    return warren_reject("no step `knowledge.%s`", name);
  }
  return warren_ok();
}

static warren_result episodes(const warren_event *event, const warren_json *step, const char **left) {
  (void)event;
  static const char *const roles[] = {"", "user", "assistant", "system", "tool"};
  const char *name = text(step, "do") + strlen("episodes."), *id;
  warren_role role = (warren_role)index_of(roles, 5, text(step, "role"));
  warren_episode_filter filter = {.role = role, .limit = number(step, "limit")};
  warren_episodes found = {NULL, 0};
  if (strcmp(name, "add") == 0) {
    WARREN_TRY(warren_episodes_add(role, text(step, "content"), json(step, "metadata"), &id));
    *left = warren_jsonf("%s", id);
    return warren_ok();
  }
  if (strcmp(name, "consolidate") == 0) return warren_episodes_consolidate(text(step, "through"));
  if (strcmp(name, "recent") == 0) {
    WARREN_TRY(warren_episodes_recent(&filter, &found));
  } else if (strcmp(name, "search") == 0) {
    WARREN_TRY(warren_episodes_search(text(step, "text"), &filter, &found));
  } else if (strcmp(name, "unconsolidated") == 0) {
    WARREN_TRY(warren_episodes_unconsolidated(number(step, "limit"), &found));
  } else {
    return warren_reject("no step `episodes.%s`", name);
  }
  const char *list = NULL;
  for (size_t i = 0; i < found.count; i++) append(&list, warren_jsonf("%s", found.items[i].content));
  *left = array(list);
  return warren_ok();
}

static warren_result procedures(const warren_event *event, const warren_json *step, const char **left) {
  (void)event;
  static const char *const kinds[] = {"prompt", "rule", "skill"};
  const char *what = text(step, "do") + strlen("procedures."), *name = text(step, "name");
  uint32_t version = number(step, "version");
  warren_procedure procedure;
  warren_procedures found;
  if (strcmp(what, "put") == 0) {
    warren_new_procedure put = {
        .name = name,
        .kind = (warren_procedure_kind)index_of(kinds, 3, text(step, "kind")),
        .body = text(step, "body"),
        .triggers = strings(warren_json_get(step, "triggers")),
        .metadata = json(step, "metadata"),
    };
    WARREN_TRY(warren_procedures_put(&put, &version));
    *left = warren_jsonf("%u", version);
  } else if (strcmp(what, "get") == 0) {
    WARREN_TRY(warren_procedures_get(name, version, &procedure));
    *left = warren_jsonf("{'body':%s,'version':%u,'kind':%s}", procedure.body, procedure.version, kinds[procedure.kind]);
  } else if (strcmp(what, "activate") == 0) {
    return warren_procedures_activate(name, version);
  } else if (strcmp(what, "roll-back") == 0) {
    WARREN_TRY(warren_procedures_roll_back(name, &version));
    *left = warren_jsonf("%u", version);
  } else if (strcmp(what, "match") == 0) {
    const char *list = NULL;
    WARREN_TRY(warren_procedures_matching(text(step, "situation"), number(step, "limit"), &found));
    for (size_t i = 0; i < found.count; i++) append(&list, warren_jsonf("%s", found.items[i].name));
    *left = array(list);
  } else {
    return warren_reject("no step `procedures.%s`", what);
  }
  return warren_ok();
}

static warren_result registry(const warren_event *event, const warren_json *step, const char **left) {
  (void)event;
  const char *what = text(step, "do") + strlen("registry."), *name = text(step, "name"), *list = NULL;
  if (strcmp(what, "find-agents") == 0) {
    warren_agents agents;
    WARREN_TRY(warren_registry_find_agents(&(warren_agent_query){.name = name}, &agents));
    for (size_t i = 0; i < agents.count; i++) append(&list, warren_jsonf("%s", agents.items[i].name));
    *left = array(list);
  } else if (strcmp(what, "discover") == 0) {
    warren_catalog catalog;
    WARREN_TRY(warren_registry_discover(&(warren_catalog_query){.name = name}, &catalog));
    for (size_t i = 0; i < catalog.count; i++) {
      append(&list, warren_jsonf("{'name':%s,'kind':%s,'hosted':%p}", catalog.items[i].name, catalog.items[i].kind,
                                 boolean(catalog.items[i].hosted)));
    }
    *left = array(list);
  } else if (strcmp(what, "get-agent") == 0) {
    warren_agent_info agent;
    WARREN_TRY(warren_registry_get_agent(name, &agent));
    *left = warren_jsonf("{'name':%s,'kind':%s,'status':%s}", agent.name, agent.kind, agent.status);
  } else if (strcmp(what, "find-events") == 0) {
    warren_event_infos events;
    WARREN_TRY(warren_registry_find_events(&(warren_event_query){.type = text(step, "type")}, &events));
    for (size_t i = 0; i < events.count; i++) append(&list, warren_jsonf("%s", events.items[i].type));
    *left = array(list);
  } else if (strcmp(what, "get-schema") == 0) {
    warren_schema schema;
    WARREN_TRY(warren_registry_get_schema(name, number(step, "version"), &schema));
    *left = warren_json_text(schema.body);
  } else if (strcmp(what, "validate") == 0) {
    warren_violations violations;
    WARREN_TRY(warren_registry_validate(text(step, "schema"), json(step, "value"), &violations));
    for (size_t i = 0; i < violations.count; i++) append(&list, warren_jsonf("%s", violations.items[i].pointer));
    *left = array(list);
  } else {
    return warren_reject("no step `registry.%s`", what);
  }
  return warren_ok();
}

/* ---- The turn -------------------------------------------------------------------------------------------- */

/* Whether a step ends the turn, and how. */
static bool ends(const warren_event *event, const warren_json *step, warren_result *result) {
  const char *name = text(step, "do"), *reason = text(step, "reason");
  if (strncmp(name, "end.", 4) != 0 || event->attempt >= warren_json_number(step, "until", 1e9)) return false;
  static volatile unsigned spins;
  if (strcmp(name, "end.trap") == 0) abort();
  if (strcmp(name, "end.spin") == 0) {
    for (;;) spins++;
  }
  if (strcmp(name, "end.retry") == 0) {
    *result = warren_retry(number(step, "after_ms"), "%s", reason);
  } else {
    *result = strcmp(name, "end.reject") == 0 ? warren_reject("%s", reason) : warren_fail("%s", reason);
  }
  return true;
}

static step_function *function_of(const char *name) {
  static const struct {
    const char *prefix;
    step_function *run;
  } groups[] = {{"working.", working},       {"knowledge.", knowledge}, {"episodes.", episodes},
                {"procedures.", procedures}, {"registry.", registry}};
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
    if (strncmp(name, groups[i].prefix, strlen(groups[i].prefix)) == 0) return groups[i].run;
  }
  return general;
}

/* The step with the values of earlier results where it names them. */
static const warren_json *resolved(const warren_json *step, const warren_json *results) {
  warren_json *copy = warren_alloc(sizeof *copy), **end = (warren_json **)&copy->child;
  *copy = *step;
  for (const warren_json *it = step->child; it; it = it->next) {
    warren_json *member = warren_alloc(sizeof *member);
    double earlier = warren_json_number(it, "$", -1);
    const warren_json *value = earlier < 0 ? it : warren_json_get(warren_json_at(results, (size_t)earlier), "ok");
    *member = value ? *value : *it;
    member->key = it->key;
    member->next = NULL;
    *end = member;
    end = (warren_json **)&member->next;
  }
  return copy;
}

static warren_result run(const warren_event *event) {
  static const char *const variants[] = {"",          "denied",      "not-found", "invalid", "conflict",
                                         "exhausted", "unavailable", "other",     "json"};
  const warren_json *steps = warren_json_get(event->data, "steps");
  if (!steps || steps->type != WARREN_JSON_ARRAY) return warren_reject("the payload does not fit: `steps` is no list");
  const char *list = NULL;
  for (const warren_json *it = steps->child; it; it = it->next) {
    const warren_json *results;
    WARREN_TRY(warren_json_parse(array(list), &results));
    const warren_json *step = resolved(it, results);
    const char *name = text(step, "do"), *left = "null";
    warren_result result;
    if (ends(event, step, &result)) return result;
    result = strncmp(name, "end.", 4) == 0 ? warren_ok() : function_of(name)(event, step, &left);
    if (result.kind > WARREN_BAD_JSON) return result;
    if (result.kind == WARREN_OK) {
      append(&list, warren_jsonf("{'ok':%p}", left));
    } else {
      append(&list, warren_jsonf("{'error':%s,'message':%s}", variants[result.kind], result.message));
    }
  }
  return warren_respond(warren_jsonf("{'results':%p}", array(list)), NULL);
}

static warren_result raw(const warren_event *event) {
  return warren_respond(warren_jsonf("{'results':[{'ok':%s}]}", event->json), NULL);
}

static const warren_agent agent = {
    .name = "conformance",
    .kind = WARREN_TOOL,
    .description = "Does what a list of steps says.",
    .handles = {{WARREN_ACTION_REQUESTS, "conformance.run", run}, {WARREN_ACTION_REQUESTS, "conformance.raw", raw}},
    .produces = {{WARREN_BUSINESS_FACTS, "conformance.said"}},
    .grants = WARREN_GRANT_ALL,
};
WARREN_EXPORT(agent)
