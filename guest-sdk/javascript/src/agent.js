// The declaration of an agent: what it is, what it handles and with which function, what it asks for.
//
// Invariant: manifest and dispatch come from one declaration, so an agent is never sent what it has no handler for.

import { Context } from "./context.js";
import { HostError, JsonError, Reject } from "./errors.js";
import { entryOf, received } from "./event.js";
import { grantsOf } from "./grants.js";
import { parse, stringify } from "./json.js";

const KINDS = ["tool", "worker", "planner", "agent"];
const MEMBERS = [
  "name", "kind", "description", "version", "category", "tags", "owner", "handlers", "produces", "grants", "calls", "capabilities", "settings",
];
const SETTINGS = { timeoutMs: "timeout_ms", concurrency: "concurrency", attempts: "attempts" };

/** Handle events of a type. */
export function on(type, handler) {
  return { type: typed(type), handler: callable(handler, type) };
}

/** Answer requests of a type with what the handler returns. */
export function answers(request, answer, handler) {
  typed(answer);
  callable(handler, request);
  const answered = (ctx, event) => {
    const value = done(handler(ctx, event), request);
    try {
      ctx.respond(value);
    } catch (error) {
      // Who asks for no answer gets none.
      if (!(error instanceof HostError && error.kind === "not-found")) throw error;
    }
  };
  return { type: typed(request), handler: answered, answer };
}

/** Declare an agent. */
export function defineAgent(declared) {
  const unknown = Object.keys(declared).find((member) => !MEMBERS.includes(member));
  if (unknown) throw new TypeError(`an agent has no ${JSON.stringify(unknown)}; it has: ${MEMBERS.join(", ")}`);
  if (typeof declared.name !== "string") throw new TypeError("an agent needs a name: defineAgent({ name: \"…\" })");
  if (declared.kind !== undefined && !KINDS.includes(declared.kind)) {
    throw new TypeError(`there is no kind ${JSON.stringify(declared.kind)}; there are: ${KINDS.join(", ")}`);
  }
  return new Agent(declared);
}

/** A declared agent. */
class Agent {
  #manifest;
  #handlers = new Map();

  constructor(declared) {
    const handlers = declared.handlers ?? [];
    for (const { type, handler } of handlers) {
      const key = keyOf(type.topic, type.type);
      if (this.#handlers.has(key)) throw new TypeError(`two handlers for \`${type.type}\` on ${type.topic}`);
      this.#handlers.set(key, { type, handler });
    }
    this.#manifest = manifestOf(declared, handlers);
  }

  get name() {
    return this.#manifest.name;
  }

  get kind() {
    return this.#manifest.kind;
  }

  get grants() {
    return this.#manifest.grants;
  }

  /** What it is, consumes, produces and asks for. */
  manifest() {
    return parse(this.describe());
  }

  /** The manifest as the host reads it. */
  describe() {
    return stringify(this.#manifest, "the manifest");
  }

  handles(topic, type) {
    return this.#handlers.has(keyOf(topic, type));
  }

  /** Run the handler of an event of the contract on a host. Throws what the handler throws. */
  handle(host, wit) {
    const found = this.#handlers.get(keyOf(wit.topic, wit.eventType));
    if (!found) throw new Reject(`\`${this.name}\` has no handler for \`${wit.eventType}\` on ${wit.topic}`);
    const event = readable(wit);
    done(found.handler(new Context(host), event), found.type);
  }
}

/** Trying again cannot make JSON of what is none. */
function readable(wit) {
  try {
    return received(wit);
  } catch (error) {
    if (error instanceof JsonError) throw new Reject(error.message);
    throw error;
  }
}

/** What a handler gave, if it is done: nobody runs what a promise has left to do. */
function done(value, type) {
  if (typeof value?.then !== "function") return value;
  throw new TypeError(
    `the handler of \`${type.type}\` returned a promise: host functions answer at once, write it without async and await`,
  );
}

function manifestOf(declared, handlers) {
  const answered = handlers.filter(({ answer }) => answer).map(({ answer }) => answer);
  const produces = unique([...(declared.produces ?? []).map(typed), ...answered]);
  const words = [...(declared.grants ?? [])];
  if (produces.length > 0) words.push("events:publish");
  if (declared.calls) words.push("events:call");
  const manifest = {
    name: declared.name,
    kind: declared.kind ?? "agent",
    description: declared.description ?? "",
    subscriptions: handlers.map(({ type }) => entryOf(type)),
    produces: produces.map(entryOf),
    grants: grantsOf(words),
  };
  for (const member of ["version", "category", "tags", "owner", "capabilities"]) {
    if (declared[member] !== undefined) manifest[member] = declared[member];
  }
  if (declared.settings) manifest.settings = settingsOf(declared.settings);
  return manifest;
}

function settingsOf(settings) {
  const unknown = Object.keys(settings).find((name) => !(name in SETTINGS));
  if (unknown) {
    throw new TypeError(`there is no setting ${JSON.stringify(unknown)}; there are: ${Object.keys(SETTINGS).join(", ")}`);
  }
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [SETTINGS[name], value]));
}

function unique(types) {
  return [...new Map(types.map((type) => [keyOf(type.topic, type.type), type])).values()];
}

function keyOf(topic, type) {
  return `${topic} ${type}`;
}

function typed(type) {
  if (typeof type?.topic === "string" && typeof type.type === "string") return type;
  throw new TypeError("not a type of event; make one with event(topic, type)");
}

function callable(handler, type) {
  if (typeof handler === "function") return handler;
  throw new TypeError(`the handler of \`${type?.type}\` is not a function`);
}
