// The host of one turn of the test host, or of one nested call, in the words of the contract.
//
// Invariant: a function refuses what the real one refuses: what was not granted, past the limits, not JSON.

import { failureOf, HostError } from "../errors.js";
import { parse, stringify } from "../json.js";
import * as registry from "./registry.js";
import { bestFirst, common } from "./memory.js";

// As on the real host.
const EVENTS_MAX = 64;
const DEPTH_MAX = 4;
const KEY_BYTES_MAX = 512;
const JSON_BYTES_MAX = 256 * 1024;
const RANDOM_BYTES_MAX = 65_536;

/** The contract's functions for a turn. */
export function fake(world, settings, agent, event, depth) {
  const turn = { world, settings, agent, event, depth, plan: event.plan ?? undefined };
  const interfaces = { events, working, knowledge, episodes, procedures, registry: lookup, context, log, clock, random };
  return Object.fromEntries(Object.entries(interfaces).map(([name, functions]) => [name, guarded(turn, functions)]));
}

/** Count the call and see whether it goes through, then do it. */
function guarded(turn, functions) {
  return Object.fromEntries(Object.entries(functions).map(([name, [grant, run]]) => [name, (...args) => {
    const { world, settings, agent } = turn;
    world.turn.hostCalls += 1;
    if (grant !== CANNOT_FAIL && settings.failCall?.call === world.turn.hostCalls) throw settings.failCall.error;
    const granted = typeof grant !== "string" || (agent.grants.includes(grant) && !settings.deny.includes(grant));
    if (!granted) {
      throw new HostError("denied", `\`${agent.name}\` was not granted \`${grant}\`; ask for it in \`grants\``);
    }
    return run(turn, ...args);
  }]));
}

/** Needs no grant. */
const FREE = undefined;
/** Needs no grant and has no way to refuse. */
const CANNOT_FAIL = null;

const events = {
  publish: ["events:publish", (turn, draft) => stage(turn, draft)],
  publishLater: ["events:publish", (turn, draft) => stage(turn, draft)],
  publishAt: ["events:publish", (turn, draft) => stage(turn, draft)],
  respond: ["events:publish", respond],
  call: ["events:call", call],
};

function stage({ world, agent, event }, draft) {
  json("data", draft.data);
  if (world.turn.published.length >= EVENTS_MAX) {
    throw new HostError("exhausted", `events_max is ${EVENTS_MAX} a turn, all used`);
  }
  const id = world.nextId("evt");
  const made = world.eventOf({ topic: draft.topic, type: draft.eventType }, draft.data, { id });
  const inherited = ["correlation", "session", "goal", "plan", "task"].map((name) => [name, draft[name] ?? event[name]]);
  world.turn.published.push({
    ...made,
    ...Object.fromEntries(inherited),
    source: `agent/${agent.name}`,
    subject: draft.subject,
    schema: draft.schema,
    replyTo: draft.replyTo,
    extensions: draft.extensions,
    trace: event.trace,
    parent: event.id,
    customer: event.customer,
    user: event.user,
  });
  return id;
}

function respond(turn, data) {
  const { world, event, depth } = turn;
  if (!event.replyTo) throw new HostError("not-found");
  if (world.turn.response !== undefined) throw new HostError("conflict", "response: this turn has responded already");
  const value = json("data", data);
  const { topic, eventType } = event.replyTo;
  const id = depth === 0 ? stage(turn, { topic, eventType, data, extensions: [] }) : world.nextId("evt");
  world.turn.response = value;
  return id;
}

function call(turn, type, data, timeoutMs) {
  const { world, settings, event, depth } = turn;
  if (timeoutMs === 0) throw new HostError("invalid", "timeout-ms: must be at least 1");
  const answer = settings.answers.find(([known]) => known.type === type)?.[1];
  if (answer) return stringify(answer(json("data", data)));
  if (depth >= DEPTH_MAX) throw new HostError("exhausted", `call_depth_max is ${DEPTH_MAX} nested calls, all used`);
  const tool = toolFor(settings.agents, type);
  const before = world.snapshot();
  const outer = world.turn.response;
  world.turn.response = undefined;
  const request = {
    ...world.eventOf({ topic: "action-requests", type }, data, {}),
    parent: event.id, trace: event.trace, plan: event.plan, session: event.session, user: event.user,
    customer: event.customer, replyTo: { topic: "action-results", eventType: type },
  };
  let reason = "ended without responding";
  try {
    tool.handle(fake(world, settings, tool, request, depth + 1), request);
  } catch (thrown) {
    reason = failureOf(thrown).val ?? thrown.message;
    world.turn.response = undefined;
  }
  const response = world.turn.response;
  if (response !== undefined) {
    world.turn.response = outer;
    return stringify(response);
  }
  world.rollBack(before);
  world.turn.response = outer;
  throw new HostError("unavailable", `tool: \`${tool.name}\` ${reason}`);
}

function toolFor(agents, type) {
  const tools = agents.filter((agent) => agent.kind === "tool" && agent.handles("action-requests", type));
  if (tools.length === 0) throw new HostError("not-found");
  if (tools.length === 1) return tools[0];
  throw new HostError("conflict", `both \`${tools[0].name}\` and \`${tools[1].name}\` answer \`${type}\``);
}

const working = {
  get: ["working:read", ({ world, agent, plan }, key) => world.get(agent.name, plan, checkedKey(key))],
  put: ["working:write", ({ world, agent, plan }, key, value) => {
    checkedKey(key);
    json("value", value);
    world.put(agent.name, plan, key, value);
  }],
  delete: ["working:write", ({ world, agent, plan }, key) => {
    const there = world.get(agent.name, plan, checkedKey(key)) !== null;
    if (there) world.put(agent.name, plan, key, null);
    return there;
  }],
  keys: ["working:read", ({ world, agent, plan }, prefix, after, max) => {
    limit(max, 1000);
    const keys = world.keys(agent.name, plan).filter((key) => key.startsWith(prefix));
    return keys.slice(after === null ? 0 : keys.findLastIndex((key) => key <= after) + 1).slice(0, max);
  }],
  increment: ["working:write", ({ world, agent, plan }, key, by) => {
    const old = world.value(agent.name, plan, checkedKey(key)) ?? 0;
    if (typeof old !== "number") throw new HostError("conflict", `the value of \`${key}\` is not a number`);
    world.put(agent.name, plan, key, stringify(old + by));
    return old + by;
  }],
  append: ["working:write", ({ world, agent, plan }, key, value) => {
    const old = world.value(agent.name, plan, checkedKey(key)) ?? [];
    if (!Array.isArray(old)) throw new HostError("conflict", `the value of \`${key}\` is not an array`);
    const items = [...old, json("value", value)];
    world.put(agent.name, plan, key, stringify(items));
    return items.length;
  }],
};

const knowledge = {
  remember: ["knowledge:write", ({ world, agent }, entry) => {
    if (entry.content === "") throw new HostError("invalid", "content: must not be empty");
    json("metadata", entry.metadata);
    return world.remember(entry, `agent/${agent.name}`);
  }],
  search: ["knowledge:read", ({ world }, query) => {
    limit(query.limit, 100);
    return world.search(query);
  }],
  listEntries: ["knowledge:read", ({ world }, filter) => {
    limit(filter.limit, 100);
    return world.list(filter);
  }],
  get: ["knowledge:read", ({ world }, id) => there(world.item(id))],
  forget: ["knowledge:write", ({ world }, id) => world.forget(id)],
};

const episodes = {
  add: ["episodes:write", (turn, role, content, metadata) => {
    json("metadata", metadata);
    return turn.world.addEpisode(whose(turn), { role, content, metadata, session: turn.event.session });
  }],
  recent: ["episodes:read", (turn, filter) => {
    limit(filter.limit, 100);
    return turn.world.episodes(whose(turn), filter).slice(0, filter.limit);
  }],
  search: ["episodes:read", (turn, text, filter) => {
    limit(filter.limit, 100);
    const found = turn.world.episodes(whose(turn), filter);
    const hits = bestFirst(found, ({ content }) => common(text, content)).slice(0, filter.limit);
    return hits.map(({ score, ...episode }) => episode);
  }],
  unconsolidated: ["episodes:read", (turn, max) => {
    limit(max, 100);
    return turn.world.unconsolidated(whose(turn), max);
  }],
  consolidate: ["episodes:write", (turn, through) => {
    if (!turn.world.consolidate(whose(turn), through)) throw new HostError("not-found");
  }],
};

const procedures = {
  put: ["procedures:write", ({ world, agent }, procedure) => world.putProcedure(procedure, `agent/${agent.name}`)],
  get: ["procedures:read", ({ world }, name, version) => there(world.procedure(name, version))],
  activate: ["procedures:write", ({ world }, name, version) => {
    if (!world.activate(name, version)) throw new HostError("not-found");
  }],
  rollBack: ["procedures:write", ({ world }, name) => {
    there(world.procedure(name));
    const version = world.rollBackProcedure(name);
    if (version === undefined) throw new HostError("conflict", `\`${name}\` has nothing to go back to`);
    return version;
  }],
  matchSituation: ["procedures:read", ({ world }, situation, max) => {
    limit(max, 50);
    return world.matching(situation, max);
  }],
};

const lookup = {
  findAgents: ["registry:read", ({ settings }, query) => {
    limit(query.limit, 100);
    return registry.agents(settings.agents, query);
  }],
  discover: ["registry:read", ({ settings }, query) => {
    limit(query.limit, 100);
    return registry.discover(settings.agents, query);
  }],
  getAgent: ["registry:read", ({ settings }, name) => registry.info(there(settings.agents.find((one) => one.name === name)))],
  findEvents: ["registry:read", ({ settings }, query) => {
    limit(query.limit, 100);
    return registry.events(settings.agents, query);
  }],
  getSchema: ["registry:read", ({ settings }, name, version) => {
    const body = (version ?? 1) === 1 ? registry.schema(settings.agents, name) : undefined;
    return { name, version: 1, body: stringify(there(body)) };
  }],
  validate: ["registry:read", ({ settings }, schema) => {
    const told = settings.violations[schema];
    if (told) return told;
    throw new HostError("unavailable", `the test host checks no schemas; say what it finds in \`violations\`: { "${schema}": [] }`);
  }],
};

const context = {
  who: [CANNOT_FAIL, ({ agent, event, depth }) => ({
    agent: agent.name,
    digest: `sha256:${"0".repeat(64)}`,
    turn: `trn_${event.id}_${agent.name}`,
    attempt: event.attempt,
    customer: event.customer,
    user: event.user,
    depth,
  })],
  remaining: [CANNOT_FAIL, ({ world: { turn } }) => ({
    timeMs: 30_000,
    cpuMs: 1000,
    hostCalls: 10_000 - turn.hostCalls,
    events: EVENTS_MAX - turn.published.length,
    writes: 1000 - turn.writes,
    outputBytes: 1024 * 1024,
  })],
  cancelled: [CANNOT_FAIL, ({ settings }) => settings.cancelled ?? false],
  config: [FREE, ({ settings }, key) => settings.config[key] ?? null],
};

const log = {
  log: [CANNOT_FAIL, ({ world, agent }, level, message, fields) => {
    world.turn.log.push({ agent: agent.name, level, message, fields: Object.fromEntries(fields) });
  }],
};

const clock = {
  now: [CANNOT_FAIL, ({ world }) => world.now],
  elapsedMs: [CANNOT_FAIL, () => 0],
};

const random = {
  bytes: [FREE, ({ world }, length) => {
    if (length > RANDOM_BYTES_MAX) throw new HostError("invalid", `len: ${length} is more than ${RANDOM_BYTES_MAX}`);
    // The same in every run, and other bytes at every call.
    return Uint8Array.from({ length }, (_, at) => world.turn.hostCalls * 31 + at * 167);
  }],
};

function whose({ agent, event }) {
  return `${agent.name} ${event.user ?? ""}`;
}

function there(value) {
  if (value === undefined) throw new HostError("not-found");
  return value;
}

function limit(got, max) {
  if (!(got >= 1 && got <= max)) throw new HostError("invalid", `limit: ${got} is not between 1 and ${max}`);
}

function checkedKey(key) {
  const bytes = Buffer.byteLength(key);
  if (bytes >= 1 && bytes <= KEY_BYTES_MAX && !/\p{Cc}/u.test(key)) return key;
  throw new HostError("invalid", `key: must be 1 to ${KEY_BYTES_MAX} bytes without control characters, has ${bytes}`);
}

function json(field, text) {
  const bytes = Buffer.byteLength(text);
  if (bytes > JSON_BYTES_MAX) throw new HostError("invalid", `${field}: ${bytes} bytes, the limit is ${JSON_BYTES_MAX}`);
  return parse(text, field);
}
