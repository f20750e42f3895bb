// What a handler may do: one object an interface of the contract, plain values in and out.
//
// Invariant: nothing here keeps state of its own. `host` has the contract's functions; in a component they are
// the imports, in a test those of the fake host.

import { asked } from "./errors.js";
import { parse, stringify } from "./json.js";

const KEYS_MAX = 1000;
const CALL_TIMEOUT_MS = 10_000;
const NO_OPTIONS = Object.freeze({});
const NO_FIELDS = Object.freeze([]);

/** What a handler may do. Of no use after the handler. */
export class Context {
  #host;

  constructor(host) {
    this.#host = host;
  }

  // Made when they are asked for: a handler uses two or three of them.
  get working() {
    return new Working(this.#host.working);
  }

  get knowledge() {
    return new Knowledge(this.#host.knowledge);
  }

  get episodes() {
    return new Episodes(this.#host.episodes);
  }

  get procedures() {
    return new Procedures(this.#host.procedures);
  }

  get registry() {
    return new Registry(this.#host.registry);
  }

  get log() {
    return new Log(this.#host.log, NO_FIELDS);
  }

  publish(type, data, options = NO_OPTIONS) {
    const { events } = this.#host;
    const draft = draftOf(type, data, options);
    if (options.at !== undefined) return asked(events.publishAt, draft, instant(options.at));
    if (options.afterMs !== undefined) return asked(events.publishLater, draft, options.afterMs);
    return asked(events.publish, draft);
  }

  respond(data) {
    return asked(this.#host.events.respond, stringify(data, "the response"));
  }

  call(type, data, { timeoutMs = CALL_TIMEOUT_MS } = {}) {
    const name = typeof type === "string" ? type : type.type;
    const answer = asked(this.#host.events.call, name, stringify(data, name), timeoutMs);
    return parse(answer, name);
  }

  identity() {
    return present(asked(this.#host.context.who));
  }

  budget() {
    return asked(this.#host.context.remaining);
  }

  cancelled() {
    return asked(this.#host.context.cancelled);
  }

  config(key) {
    return asked(this.#host.context.config, key) ?? undefined;
  }

  now() {
    return new Date(asked(this.#host.clock.now));
  }

  elapsedMs() {
    return asked(this.#host.clock.elapsedMs);
  }

  randomBytes(length) {
    return Uint8Array.from(asked(this.#host.random.bytes, length));
  }
}

class Working {
  #host;

  constructor(host) {
    this.#host = host;
  }

  get(key) {
    const text = asked(this.#host.get, key);
    return text === null || text === undefined ? undefined : parse(text, key);
  }

  put(key, value, { ttlMs } = {}) {
    asked(this.#host.put, key, stringify(value, key), ttlMs ?? null);
  }

  update(key, change) {
    const value = change(this.get(key));
    this.put(key, value);
    return value;
  }

  delete(key) {
    return asked(this.#host.delete, key);
  }

  keys(prefix = "", { after, limit = KEYS_MAX } = {}) {
    return asked(this.#host.keys, prefix, after ?? null, limit);
  }

  increment(key, by = 1) {
    return asked(this.#host.increment, key, by);
  }

  append(key, value) {
    return asked(this.#host.append, key, stringify(value, key));
  }
}

class Knowledge {
  #host;

  constructor(host) {
    this.#host = host;
  }

  remember(entry) {
    const given = typeof entry === "string" ? { content: entry } : entry;
    return asked(this.#host.remember, {
      externalId: given.externalId ?? null,
      content: given.content,
      metadata: stringify(given.metadata ?? {}, "metadata"),
      tags: given.tags ?? [],
      source: given.source ?? null,
      visibility: given.visibility ?? "private",
      ttlSeconds: given.ttlSeconds ?? null,
      validFrom: instant(given.validFrom),
      validUntil: instant(given.validUntil),
      supersedes: given.supersedes ?? null,
      derivedFrom: given.derivedFrom ?? [],
      chunkBytes: given.chunkBytes ?? null,
    });
  }

  search(query, options = {}) {
    const given = typeof query === "string" ? { ...options, text: query } : query;
    const found = asked(this.#host.search, {
      text: given.text,
      mode: given.mode ?? "hybrid",
      limit: given.limit ?? 10,
      offset: given.offset ?? 0,
      ...filters(given),
      minScore: given.minScore ?? null,
    });
    return found.map(withMetadata);
  }

  list(filter = {}) {
    const page = asked(this.#host.listEntries, {
      ...filters(filter),
      document: filter.document ?? null,
      limit: filter.limit ?? 50,
      after: filter.after ?? null,
    });
    return { items: page.items.map(withMetadata), next: page.next ?? undefined };
  }

  get(id) {
    return withMetadata(asked(this.#host.get, id));
  }

  forget(id) {
    return asked(this.#host.forget, id);
  }
}

class Episodes {
  #host;

  constructor(host) {
    this.#host = host;
  }

  add(role, content, metadata = {}) {
    return asked(this.#host.add, role, content, stringify(metadata, "metadata"));
  }

  recent(filter = {}) {
    return asked(this.#host.recent, episodeFilter(filter)).map(withMetadata);
  }

  search(text, filter = {}) {
    return asked(this.#host.search, text, episodeFilter(filter)).map(withMetadata);
  }

  unconsolidated(limit = 50) {
    return asked(this.#host.unconsolidated, limit).map(withMetadata);
  }

  consolidate(through) {
    asked(this.#host.consolidate, through);
  }
}

class Procedures {
  #host;

  constructor(host) {
    this.#host = host;
  }

  put({ name, kind = "prompt", body, triggers = [], metadata = {} }) {
    return asked(this.#host.put, { name, kind, body, triggers, metadata: stringify(metadata, "metadata") });
  }

  get(name, version) {
    return withMetadata(asked(this.#host.get, name, version ?? null));
  }

  activate(name, version) {
    asked(this.#host.activate, name, version);
  }

  rollBack(name) {
    return asked(this.#host.rollBack, name);
  }

  matching(situation, limit = 10) {
    return asked(this.#host.matchSituation, situation, limit).map(withMetadata);
  }
}

class Registry {
  #host;

  constructor(host) {
    this.#host = host;
  }

  findAgents(query = {}) {
    const { name, kind, consumes, produces, capability, text, limit = 100, after } = query;
    const wit = { ...nulls({ name, kind, consumes, produces, capability, text, after }), limit };
    return asked(this.#host.findAgents, wit).map(withManifest);
  }

  discover(query = {}) {
    const given = typeof query === "string" ? { about: query } : query;
    const { id, name, kind, category, capability, task, consumes, produces, owner, state, text, about, hosted, after } = given;
    const wit = {
      ...nulls({ id, name, kind, category, capability, task, consumes, produces, owner, state, text, about, hosted, after }),
      tags: given.tags ?? [],
      includeExpired: given.includeExpired ?? false,
      limit: given.limit ?? 100,
    };
    return asked(this.#host.discover, wit).map(({ definition, ...rest }) => ({
      ...present(rest),
      definition: parse(definition, `the definition of \`${rest.name}\``),
    }));
  }

  getAgent(name) {
    return withManifest(asked(this.#host.getAgent, name));
  }

  findEvents(query = {}) {
    const { type, topic, text, actionable = false, limit = 100, after } = query;
    const wit = { ...nulls({ eventType: type, topic, text, after }), actionable, limit };
    return asked(this.#host.findEvents, wit).map(({ eventType, ...rest }) => present({ type: eventType, ...rest }));
  }

  getSchema(name, version) {
    const { body, ...rest } = asked(this.#host.getSchema, name, version ?? null);
    return { ...rest, body: parse(body, `the schema \`${name}\``) };
  }

  validate(schema, value) {
    return asked(this.#host.validate, schema, stringify(value));
  }
}

class Log {
  #host;
  #fields;

  constructor(host, fields) {
    this.#host = host;
    this.#fields = fields;
  }

  with(fields) {
    return new Log(this.#host, [...this.#fields, ...pairs(fields)]);
  }

  trace(message, fields) {
    this.write("trace", message, fields);
  }

  debug(message, fields) {
    this.write("debug", message, fields);
  }

  info(message, fields) {
    this.write("info", message, fields);
  }

  warn(message, fields) {
    this.write("warn", message, fields);
  }

  error(message, fields) {
    this.write("error", message, fields);
  }

  write(level, message, fields) {
    const own = fields === undefined ? this.#fields : [...this.#fields, ...pairs(fields)];
    asked(this.#host.log, level, String(message), own);
  }
}

/** Written out: this is on the way of most turns. */
function draftOf(type, data, options) {
  const { replyTo } = options;
  return {
    topic: type.topic,
    eventType: type.type,
    data: stringify(data, type.type),
    subject: options.subject ?? null,
    schema: options.schema ?? null,
    correlation: options.correlation ?? null,
    session: options.session ?? null,
    goal: options.goal ?? null,
    plan: options.plan ?? null,
    task: options.task ?? null,
    replyTo: replyTo ? { topic: replyTo.topic, eventType: replyTo.type } : null,
    extensions: options.extensions === undefined ? [] : pairs(options.extensions),
  };
}

function filters({ tags, source, metadata, since, until, asOf }) {
  return {
    tags: tags ?? [],
    source: source ?? null,
    metadata: metadata === undefined ? null : stringify(metadata, "metadata"),
    since: instant(since),
    until: instant(until),
    asOf: instant(asOf),
  };
}

function episodeFilter({ session, role, since, until, limit = 20, before }) {
  return { ...nulls({ session, role, before }), since: instant(since), until: instant(until), limit };
}

function withMetadata({ metadata, ...rest }) {
  return { ...present(rest), metadata: parse(metadata, "metadata") };
}

function withManifest({ manifest, ...rest }) {
  return { ...present(rest), manifest: parse(manifest, `the manifest of \`${rest.name}\``) };
}

/** The contract's instant for a date or a text. */
function instant(when) {
  if (when === undefined || when === null) return null;
  return when instanceof Date ? when.toISOString() : when;
}

function pairs(fields) {
  return Object.entries(fields ?? {}).map(([name, value]) => [name, String(value)]);
}

/** What is not there is `null` in the contract … */
function nulls(record) {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, value ?? null]));
}

/** … and left out in JavaScript. */
function present(record) {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null && value !== undefined));
}
