/* Calls of the host: semantic, episodic and procedural memory. One call in, one call out. */

#include "internal.h"

/* Hits of a search that says no limit. */
#define SEARCH_LIMIT 10

typedef warren_agent_knowledge_option_instant_t option_instant;

static option_instant in_instant(const char *instant) {
  option_instant option = {instant != NULL, warren_in(instant)};
  return option;
}

static warren_agent_knowledge_option_json_t in_option_json(const char *json) {
  warren_agent_knowledge_option_json_t option = {json != NULL, warren_in(json)};
  return option;
}

static const char *out_instant(option_instant option) { return option.is_some ? warren_out(option.val) : NULL; }

/* ---- Semantic memory ------------------------------------------------------------------------------------- */

warren_result warren_knowledge_remember(const warren_entry *entry, const char **id) {
  warren_agent_knowledge_entry_t in = {
      .external_id = warren_in_option(entry->external_id),
      .content = warren_in(entry->content),
      .metadata = warren_in_json(entry->metadata, "{}"),
      .tags = warren_in_strings(entry->tags),
      .source = warren_in_option(entry->source),
      .visibility = (uint8_t)entry->visibility,
      .ttl_seconds = warren_in_u32(entry->ttl_seconds),
      .valid_from = in_instant(entry->valid_from),
      .valid_until = in_instant(entry->valid_until),
      .supersedes = warren_in_option(entry->supersedes),
      .derived_from = warren_in_strings(entry->derived_from),
      .chunk_bytes = warren_in_u32(entry->chunk_bytes),
  };
  agent_string_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_knowledge_remember(&in, &out, &error);
  if (ok && id) *id = warren_out(out);
  return warren_out_result(ok, &error);
}

static warren_item out_item(const warren_agent_knowledge_item_t *out) {
  warren_item item = {
      .id = warren_out(out->id),
      .external_id = warren_out_option(out->external_id),
      .content = warren_out(out->content),
      .metadata = warren_out_json(out->metadata),
      .tags = warren_out_strings(out->tags),
      .source = warren_out_option(out->source),
      .visibility = (warren_visibility)out->visibility,
      .valid_from = out_instant(out->valid_from),
      .valid_until = out_instant(out->valid_until),
      .superseded_by = warren_out_option(out->superseded_by),
      .document = out->part.is_some ? warren_out(out->part.val.document) : NULL,
      .part = out->part.is_some ? out->part.val.number : 0,
      .parts = out->part.is_some ? out->part.val.of : 0,
      .writer = warren_out(out->writer),
      .turn = warren_out_option(out->turn),
      .derived_from = warren_out_strings(out->derived_from),
      .created = warren_out(out->created),
      .updated = warren_out(out->updated),
      .score = out->score,
  };
  return item;
}

static warren_items out_items(warren_agent_knowledge_list_item_t list) {
  warren_item *items = warren_alloc(list.len * sizeof *items);
  for (size_t i = 0; i < list.len; i++) items[i] = out_item(&list.ptr[i]);
  warren_items out = {items, list.len, NULL};
  return out;
}

warren_result warren_knowledge_search(const warren_search *search, warren_items *items) {
  warren_agent_knowledge_query_t in = {
      .text = warren_in(search->text),
      .mode = (uint8_t)search->mode,
      .limit = search->limit ? search->limit : SEARCH_LIMIT,
      .offset = search->offset,
      .tags = warren_in_strings(search->tags),
      .source = warren_in_option(search->source),
      .metadata = in_option_json(search->metadata),
      .since = in_instant(search->since),
      .until = in_instant(search->until),
      .as_of = in_instant(search->as_of),
      .min_score = {search->min_score != 0, search->min_score},
  };
  warren_agent_knowledge_list_item_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_knowledge_search(&in, &out, &error);
  if (ok) *items = out_items(out);
  return warren_out_result(ok, &error);
}

warren_result warren_knowledge_list(const warren_entry_filter *filter, warren_items *page) {
  warren_agent_knowledge_filter_t in = {
      .tags = warren_in_strings(filter->tags),
      .source = warren_in_option(filter->source),
      .metadata = in_option_json(filter->metadata),
      .since = in_instant(filter->since),
      .until = in_instant(filter->until),
      .as_of = in_instant(filter->as_of),
      .document = warren_in_option(filter->document),
      .limit = filter->limit ? filter->limit : WARREN_LIMIT,
      .after = warren_in_option(filter->after),
  };
  warren_agent_knowledge_page_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_knowledge_list_entries(&in, &out, &error);
  if (ok) {
    *page = out_items(out.items);
    page->next = warren_out_option(out.next);
  }
  return warren_out_result(ok, &error);
}

warren_result warren_knowledge_get(const char *id, warren_item *item) {
  agent_string_t in = warren_in(id);
  warren_agent_knowledge_item_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_knowledge_get(&in, &out, &error);
  if (ok) *item = out_item(&out);
  return warren_out_result(ok, &error);
}

warren_result warren_knowledge_forget(const char *id, bool *was_there) {
  agent_string_t in = warren_in(id);
  warren_agent_types_error_t error;
  bool there = false;
  bool ok = warren_agent_knowledge_forget(&in, &there, &error);
  if (was_there) *was_there = there;
  return warren_out_result(ok, &error);
}

/* ---- Episodic memory ------------------------------------------------------------------------------------- */

/* Ours begins with "any", the contract's does not. */
static uint8_t in_role(warren_role role) { return role == WARREN_ROLE_ANY ? 0 : (uint8_t)(role - 1); }

warren_result warren_episodes_add(warren_role role, const char *content, const char *metadata, const char **id) {
  agent_string_t text = warren_in(content), json = warren_in_json(metadata, "{}"), out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_episodes_add(in_role(role), &text, &json, &out, &error);
  if (ok && id) *id = warren_out(out);
  return warren_out_result(ok, &error);
}

static warren_agent_episodes_filter_t in_filter(const warren_episode_filter *filter) {
  warren_agent_episodes_filter_t in = {
      .session = warren_in_option(filter->session),
      .role = {filter->role != WARREN_ROLE_ANY, in_role(filter->role)},
      .since = {filter->since != NULL, warren_in(filter->since)},
      .until = {filter->until != NULL, warren_in(filter->until)},
      .limit = filter->limit ? filter->limit : WARREN_LIMIT,
      .before = warren_in_option(filter->before),
  };
  return in;
}

static warren_result out_episodes(bool ok, const warren_agent_episodes_list_episode_t *list,
                                  const warren_agent_types_error_t *error, warren_episodes *episodes) {
  if (!ok) return warren_out_result(ok, error);
  warren_episode *items = warren_alloc(list->len * sizeof *items);
  for (size_t i = 0; i < list->len; i++) {
    const warren_agent_episodes_episode_t *out = &list->ptr[i];
    items[i].id = warren_out(out->id);
    items[i].role = (warren_role)(out->role + 1);
    items[i].content = warren_out(out->content);
    items[i].metadata = warren_out_json(out->metadata);
    items[i].session = warren_out_option(out->session);
    items[i].time = warren_out(out->time);
  }
  episodes->items = items;
  episodes->count = list->len;
  return warren_ok();
}

warren_result warren_episodes_recent(const warren_episode_filter *filter, warren_episodes *episodes) {
  warren_agent_episodes_filter_t in = in_filter(filter);
  warren_agent_episodes_list_episode_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_episodes_recent(&in, &out, &error);
  return out_episodes(ok, &out, &error, episodes);
}

warren_result warren_episodes_search(const char *text, const warren_episode_filter *filter,
                                     warren_episodes *episodes) {
  agent_string_t words = warren_in(text);
  warren_agent_episodes_filter_t in = in_filter(filter);
  warren_agent_episodes_list_episode_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_episodes_search(&words, &in, &out, &error);
  return out_episodes(ok, &out, &error, episodes);
}

warren_result warren_episodes_unconsolidated(uint32_t limit, warren_episodes *episodes) {
  warren_agent_episodes_list_episode_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_episodes_unconsolidated(limit, &out, &error);
  return out_episodes(ok, &out, &error, episodes);
}

warren_result warren_episodes_consolidate(const char *through) {
  agent_string_t in = warren_in(through);
  warren_agent_types_error_t error;
  return warren_out_result(warren_agent_episodes_consolidate(&in, &error), &error);
}

/* ---- Procedural memory ----------------------------------------------------------------------------------- */

warren_result warren_procedures_put(const warren_new_procedure *procedure, uint32_t *version) {
  warren_agent_procedures_draft_t in = {
      .name = warren_in(procedure->name),
      .kind = (uint8_t)procedure->kind,
      .body = warren_in(procedure->body),
      .triggers = warren_in_strings(procedure->triggers),
      .metadata = warren_in_json(procedure->metadata, "{}"),
  };
  warren_agent_types_error_t error;
  uint32_t out = 0;
  bool ok = warren_agent_procedures_put(&in, &out, &error);
  if (version) *version = out;
  return warren_out_result(ok, &error);
}

static warren_procedure out_procedure(const warren_agent_procedures_procedure_t *out) {
  warren_procedure procedure = {
      .name = warren_out(out->name),
      .version = out->version,
      .kind = (warren_procedure_kind)out->kind,
      .body = warren_out(out->body),
      .triggers = warren_out_strings(out->triggers),
      .metadata = warren_out_json(out->metadata),
      .writer = warren_out(out->writer),
      .created = warren_out(out->created),
      .score = out->score,
  };
  return procedure;
}

warren_result warren_procedures_get(const char *name, uint32_t version, warren_procedure *procedure) {
  agent_string_t in = warren_in(name);
  warren_agent_procedures_procedure_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_procedures_get(&in, version ? &version : NULL, &out, &error);
  if (ok) *procedure = out_procedure(&out);
  return warren_out_result(ok, &error);
}

warren_result warren_procedures_activate(const char *name, uint32_t version) {
  agent_string_t in = warren_in(name);
  warren_agent_types_error_t error;
  return warren_out_result(warren_agent_procedures_activate(&in, version, &error), &error);
}

warren_result warren_procedures_roll_back(const char *name, uint32_t *version) {
  agent_string_t in = warren_in(name);
  warren_agent_types_error_t error;
  uint32_t out = 0;
  bool ok = warren_agent_procedures_roll_back(&in, &out, &error);
  if (version) *version = out;
  return warren_out_result(ok, &error);
}

warren_result warren_procedures_matching(const char *situation, uint32_t limit, warren_procedures *procedures) {
  agent_string_t in = warren_in(situation);
  warren_agent_procedures_list_procedure_t out;
  warren_agent_types_error_t error;
  bool ok = warren_agent_procedures_match_situation(&in, limit, &out, &error);
  if (!ok) return warren_out_result(ok, &error);
  warren_procedure *items = warren_alloc(out.len * sizeof *items);
  for (size_t i = 0; i < out.len; i++) items[i] = out_procedure(&out.ptr[i]);
  procedures->items = items;
  procedures->count = out.len;
  return warren_ok();
}
