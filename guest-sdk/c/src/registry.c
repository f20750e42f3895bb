/* Calls of the host: who can do what, in this tenant. One call in, one call out. */

#include "internal.h"

static warren_agent_info out_agent(const warren_agent_registry_agent_t *out) {
  warren_agent_info agent = {
      .name = warren_out(out->name),
      .kind = warren_out(out->kind),
      .description = warren_out(out->description),
      .status = warren_out(out->status),
      .digest = warren_out(out->digest),
      .manifest = warren_out_json(out->manifest),
  };
  return agent;
}

warren_result warren_registry_find_agents(const warren_agent_query *query, warren_agents *agents) {
  warren_agent_registry_agent_query_t in = {
      .name = warren_in_option(query->name),
      .kind = warren_in_option(query->kind),
      .consumes = warren_in_option(query->consumes),
      .produces = warren_in_option(query->produces),
      .capability = warren_in_option(query->capability),
      .text = warren_in_option(query->text),
      .limit = query->limit ? query->limit : WARREN_LIMIT,
      .after = warren_in_option(query->after),
  };
  warren_agent_registry_list_agent_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_registry_find_agents(&in, &out, &error);
  if (!ok) return warren_out_result(ok, &error);
  warren_agent_info *items = warren_alloc(out.len * sizeof *items);
  for (size_t i = 0; i < out.len; i++) items[i] = out_agent(&out.ptr[i]);
  agents->items = items;
  agents->count = out.len;
  return warren_ok();
}

warren_result warren_registry_discover(const warren_catalog_query *query, warren_catalog *catalog) {
  warren_agent_registry_catalog_query_t in = {
      .id = warren_in_option(query->id),
      .name = warren_in_option(query->name),
      .kind = warren_in_option(query->kind),
      .category = warren_in_option(query->category),
      .tags = warren_in_strings(query->tags),
      .capability = warren_in_option(query->capability),
      .task = warren_in_option(query->task),
      .consumes = warren_in_option(query->consumes),
      .produces = warren_in_option(query->produces),
      .owner = warren_in_option(query->owner),
      .state = warren_in_option(query->state),
      .text = warren_in_option(query->text),
      .about = warren_in_option(query->about),
      .hosted = {query->hosted != 0, query->hosted > 0},
      .include_expired = query->include_expired,
      .limit = query->limit ? query->limit : WARREN_LIMIT,
      .after = warren_in_option(query->after),
  };
  warren_agent_registry_list_catalog_entry_t list;
  warren_agent_types_error_t error;
  bool ok = warren_agent_registry_discover(&in, &list, &error);
  if (!ok) return warren_out_result(ok, &error);
  warren_catalog_entry *items = warren_alloc(list.len * sizeof *items);
  for (size_t i = 0; i < list.len; i++) {
    const warren_agent_registry_catalog_entry_t *out = &list.ptr[i];
    items[i].name = warren_out(out->name);
    items[i].kind = warren_out(out->kind);
    items[i].hosted = out->hosted;
    items[i].state = warren_out(out->state);
    items[i].owner = warren_out_option(out->owner);
    items[i].description = warren_out(out->description);
    items[i].url = warren_out_option(out->url);
    items[i].score = out->score.is_some ? out->score.val : 0;
    items[i].brief = warren_out(out->brief);
    items[i].definition = warren_out_json(out->definition);
  }
  catalog->items = items;
  catalog->count = list.len;
  return warren_ok();
}

warren_result warren_registry_get_agent(const char *name, warren_agent_info *agent) {
  agent_string_t in = warren_in(name);
  warren_agent_registry_agent_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_registry_get_agent(&in, &out, &error);
  if (ok) *agent = out_agent(&out);
  return warren_out_result(ok, &error);
}

warren_result warren_registry_find_events(const warren_event_query *query, warren_event_infos *events) {
  warren_agent_registry_event_query_t in = {
      .event_type = warren_in_option(query->type),
      .topic = warren_in_option(query->topic),
      .text = warren_in_option(query->text),
      .actionable = query->actionable,
      .limit = query->limit ? query->limit : WARREN_LIMIT,
      .after = warren_in_option(query->after),
  };
  warren_agent_registry_list_event_definition_t list;
  warren_agent_types_error_t error;
  bool ok = warren_agent_registry_find_events(&in, &list, &error);
  if (!ok) return warren_out_result(ok, &error);
  warren_event_info *items = warren_alloc(list.len * sizeof *items);
  for (size_t i = 0; i < list.len; i++) {
    const warren_agent_registry_event_definition_t *out = &list.ptr[i];
    items[i].type = warren_out(out->event_type);
    items[i].topic = warren_out(out->topic);
    items[i].description = warren_out(out->description);
    items[i].schema = warren_out_option(out->schema);
    items[i].actionable = out->actionable;
    items[i].consumers = warren_out_strings(out->consumers);
    items[i].producers = warren_out_strings(out->producers);
  }
  events->items = items;
  events->count = list.len;
  return warren_ok();
}

warren_result warren_registry_get_schema(const char *name, uint32_t version, warren_schema *schema) {
  agent_string_t in = warren_in(name);
  warren_agent_registry_schema_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_registry_get_schema(&in, version ? &version : NULL, &out, &error);
  if (ok) {
    schema->name = warren_out(out.name);
    schema->version = out.version;
    schema->body = warren_out_json(out.body);
  }
  return warren_out_result(ok, &error);
}

warren_result warren_registry_validate(const char *schema, const char *json, warren_violations *violations) {
  agent_string_t in = warren_in(schema), value = warren_in(json);
  warren_agent_registry_list_violation_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_registry_validate(&in, &value, &out, &error);
  if (!ok) return warren_out_result(ok, &error);
  warren_violation *items = warren_alloc(out.len * sizeof *items);
  for (size_t i = 0; i < out.len; i++) {
    items[i].pointer = warren_out(out.ptr[i].pointer);
    items[i].message = warren_out(out.ptr[i].message);
  }
  violations->items = items;
  violations->count = out.len;
  return warren_ok();
}
