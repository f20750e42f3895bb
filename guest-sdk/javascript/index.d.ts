// What an agent imports. Host functions answer at once: nothing here is asynchronous, and handlers must not be.

/** What sort of thing an event says. */
export type Topic =
  | "action-requests"
  | "action-results"
  | "business-facts"
  | "system-events"
  | "notification-events"
  | "billing-events"
  | "plan-events"
  | "task-events";

/** A capability of the host that an agent asks for. */
export type Grant =
  | "events:publish"
  | "events:call"
  | "registry:read"
  | "working:read"
  | "working:write"
  | "knowledge:read"
  | "knowledge:write"
  | "episodes:read"
  | "episodes:write"
  | "procedures:read"
  | "procedures:write";

/** A word for several: `working` is `working:read` and `working:write`. */
export type Grants = "events" | "registry" | "working" | "knowledge" | "episodes" | "procedures";

/** A host that may be asked over HTTP: `http:api.example.com`, `http:*.example.com:8443`. */
export type HttpGrant = `http:${string}`;

export const TOPICS: readonly Topic[];
export const GRANTS: readonly Grant[];

/** Anything that JSON can say. Whole numbers beyond 2^53 are `bigint`. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [name: string]: Json };

/** A point in time: a `Date`, or RFC 3339 text. */
export type Instant = Date | string;

/** A type of event, and of the payload that its events carry. */
export interface EventType<Data = unknown> {
  readonly topic: Topic;
  readonly type: string;
  readonly description?: string;
  readonly schema?: object | string;
  /** There for the compiler only. */
  readonly _data?: Data;
}

/**
 * Name a type of event.
 *
 * ```ts
 * interface Placed { order: string; total: number }
 * const Placed = event<Placed>("business-facts", "order.placed");
 * ```
 *
 * `description` and `schema` (a JSON schema of the payload, or the name of a registered one) go to the manifest. Check what
 * you are given, or throw `Reject`.
 */
export function event<Data = any>(
  topic: Topic,
  type: string,
  options?: { description?: string; schema?: object | string },
): EventType<Data>;

/** An event as a handler receives it. */
export interface Event<Data = any> {
  /** The payload. */
  readonly data: Data;
  /** Unique in the tenant. */
  readonly id: string;
  /** Who published it: `agent/<name>` or `client/<key name>`. */
  readonly source: string;
  /** What happened, for example `order.placed`. */
  readonly type: string;
  readonly topic: Topic;
  /** When the host accepted it. */
  readonly time: string;
  /** What it is about, for example an order number. */
  readonly subject?: string;
  /** The name of the JSON schema that the payload follows. */
  readonly schema?: string;
  /** Shared by a request and all that answers it. */
  readonly correlation: string;
  /** Shared by everything that one first event set off. */
  readonly trace: string;
  /** The event in whose turn this one was published. */
  readonly parent?: string;
  /** The conversation. */
  readonly session?: string;
  readonly goal?: string;
  /** The plan this is part of. Working memory belongs to the plan where there is one. */
  readonly plan?: string;
  readonly task?: string;
  /** The tenant's customer on whose behalf this happens. */
  readonly customer?: string;
  /** The end user on whose behalf this happens. Memory is scoped by it. */
  readonly user?: string;
  /** Where `ctx.respond` sends its answer. */
  readonly replyTo?: { readonly topic: Topic; readonly type: string };
  /** 1 on the first delivery to this agent. */
  readonly attempt: number;
  /** When this turn ends whether the agent is ready or not. */
  readonly deadline: string;
  /** CloudEvents extension attributes that have no member here. */
  readonly extensions: Readonly<Record<string, string>>;
}

/** Runs once for each event. What it writes and publishes is kept if it returns, and only then. */
export type Handler<Data, Result = unknown> = (ctx: Context, event: Event<Data>) => Result;

/** A handler with the type of event that it handles; made by `on` and `answers`. */
export interface Subscription {
  readonly type: EventType<any>;
  readonly handler: (ctx: Context, event: Event<any>) => unknown;
  readonly answer?: EventType<any>;
}

/** A promise is no result: nobody would run what it has left to do. */
type Handled<Result> = [Result] extends [never]
  ? Subscription
  : unknown extends Result
    ? Subscription
    : Result extends PromiseLike<unknown>
      ? "a handler must not be async: host functions answer at once"
      : Subscription;

/** Handle events of a type. */
export function on<Data, Result>(type: EventType<Data>, handler: Handler<Data, Result>): Handled<Result>;

/**
 * Answer requests of a type with what the handler returns. The answer goes to whoever called, or to the reply address of
 * the request; a request that asks for no answer gets none.
 */
export function answers<Request, Answer>(
  request: EventType<Request>,
  answer: EventType<Answer>,
  handler: Handler<Request, Answer>,
): Subscription;

export interface Declaration {
  /** `[a-z][a-z0-9-]*`, at most 63 bytes. */
  name: string;
  /**
   * `tool` answers a request in one turn and may be called inside another agent's turn, `worker` carries a task over
   * several turns, `planner` drives a plan, `agent` (the default) is anything else.
   */
  kind?: "tool" | "worker" | "planner" | "agent";
  /** What it is for, in the words of whoever looks for it; at most 4 KiB. */
  description?: string;
  /** The author's version, for people. */
  version?: string;
  /** A shelf to find it on, words to find it by, and whose it is. */
  category?: string;
  tags?: readonly string[];
  owner?: string;
  /** What it handles: `on(Type, handler)` and `answers(Request, Answer, handler)`. */
  handlers?: readonly Subscription[];
  /** What it publishes. Asks for `events:publish`. */
  produces?: readonly EventType<any>[];
  /** What else it asks for. What is not asked for is denied, even where the tenant would allow it. */
  grants?: readonly (Grant | Grants | HttpGrant)[];
  /** Whether it calls tool agents. Asks for `events:call`. */
  calls?: boolean;
  /** What it can do, by names that others look for. */
  capabilities?: readonly {
    name: string;
    description?: string;
    /** Names of the tasks that it carries out. */
    tasks?: readonly string[];
    /** Types of the events that ask for it, and that answer. */
    consumes?: string | readonly string[];
    produces?: string | readonly string[];
  }[];
  settings?: {
    /** Wall clock of a turn in milliseconds, 1 to 300,000. Default 30,000. */
    timeoutMs?: number;
    /** Turns at once, 1 to 256. Default 16. */
    concurrency?: number;
    /** Attempts at one event before it is a dead letter, 1 to 50. Default 5. */
    attempts?: number;
  };
}

/** A declared agent: the default export of an agent's module. */
export interface Agent {
  readonly name: string;
  readonly kind: string;
  readonly grants: readonly (Grant | HttpGrant)[];
  /** What the host reads when it is pushed. */
  manifest(): Record<string, any>;
  describe(): string;
  handles(topic: Topic, type: string): boolean;
}

/** Declare an agent. */
export function defineAgent(declaration: Declaration): Agent;

/** What a host function throws when it does not do what was asked. Nothing was done then, and the turn may go on. */
export class HostError extends Error {
  constructor(kind: HostError["kind"], reason?: string);
  /**
   * `denied`: not granted, the reason names the grant. `not-found`: nothing of that name. `invalid`: the reason names the
   * field, the value and the rule. `conflict`: it contradicts what is there. `exhausted`: a limit would be passed.
   * `unavailable`: the same call may work later. `other`: anything else.
   */
  readonly kind: "denied" | "not-found" | "invalid" | "conflict" | "exhausted" | "unavailable" | "other";
  readonly reason: string;
}

/** A value is not the JSON that was expected, or cannot be written as JSON. */
export class JsonError extends Error {}

/** Throw it to never try this event again: it goes to the dead letters with this reason. */
export class Reject extends Error {
  constructor(reason: string);
}

/** Throw it to try this event again: after so many milliseconds, or when the host's back-off says so. */
export class Retry extends Error {
  constructor(reason: string, options?: { afterMs?: number });
  readonly afterMs?: number;
}

export interface PublishOptions {
  /** What it is about, for example an order number. */
  subject?: string;
  /** The name of the registered JSON schema that the payload follows. */
  schema?: string;
  /** These five: instead of those of the event being handled. */
  correlation?: string;
  session?: string;
  goal?: string;
  plan?: string;
  task?: string;
  /** Ask for an answer of this type. */
  replyTo?: EventType<any>;
  /** CloudEvents extension attributes: names of 1 to 20 characters `a-z0-9`. */
  extensions?: Record<string, unknown>;
  /** Publish it so many milliseconds from now, up to 49 days. */
  afterMs?: number;
  /** Publish it at this instant: at once if that has passed, at most 366 days ahead. */
  at?: Instant;
}

/** What a handler may do. */
export interface Context {
  /** Working memory: what the work at hand has to keep in mind. */
  readonly working: Working;
  /** Semantic memory: what is known, found again by meaning and by words. */
  readonly knowledge: Knowledge;
  /** Episodic memory: what was said and done, in order, for this user. */
  readonly episodes: Episodes;
  /** Procedural memory: prompts, rules and skills of the tenant. */
  readonly procedures: Procedures;
  /** Who can do what, in this tenant. */
  readonly registry: Registry;
  /** The agent's log, kept with the turn, failed turns included. `console.log` writes there too. */
  readonly log: Log;

  /** Publish an event when this turn commits, and return the id it will have. At most 64 a turn. */
  publish<Data>(type: EventType<Data>, data: Data, options?: PublishOptions): string;
  /** Answer the event being handled. `not-found` if it asks for no answer, `conflict` the second time. */
  respond(data: unknown): string;
  /**
   * Call a tool agent inside this turn and wait for its answer, 10 seconds unless `timeoutMs` says otherwise. What the
   * tool writes and publishes joins this turn, all or nothing.
   */
  call<Answer = any>(type: EventType<any> | string, data: unknown, options?: { timeoutMs?: number }): Answer;
  /** Who runs, and for whom. */
  identity(): {
    readonly agent: string;
    /** The SHA-256 digest of the component that runs. */
    readonly digest: string;
    /** This turn: the same on every attempt at the same event, so it can name work done outside. */
    readonly turn: string;
    readonly attempt: number;
    readonly customer?: string;
    readonly user?: string;
    /** How deep in nested calls: 0 in a turn of its own. */
    readonly depth: number;
  };
  /** What is left of this turn. */
  budget(): {
    readonly timeMs: number;
    readonly cpuMs: number;
    readonly hostCalls: number;
    readonly events: number;
    readonly writes: number;
    readonly outputBytes: number;
  };
  /** Whether the host would like this turn to end: it is shutting down or the caller has gone. */
  cancelled(): boolean;
  /** A configuration value that the tenant set for this agent. */
  config(key: string): string | undefined;
  /** The wall clock; `new Date()` is the same. */
  now(): Date;
  /** Milliseconds since the turn began. */
  elapsedMs(): number;
  /** Random bytes from the operating system, at most 65,536; `Math.random` and `crypto` draw from there too. */
  randomBytes(length: number): Uint8Array;
}

/**
 * JSON values under string keys, of the plan of the event being handled, else of this agent. Reads see this turn's own
 * writes. What was read is checked at commit; if it changed meanwhile, the turn runs again: no update is lost.
 */
export interface Working {
  get<Value = any>(key: string): Value | undefined;
  /** Keys are 1 to 512 bytes without control characters; values at most 256 KiB. */
  put(key: string, value: unknown, options?: { ttlMs?: number }): void;
  /** Read, change and write a value in one go, and return what was written. */
  update<Value = any>(key: string, change: (old: Value | undefined) => Value): Value;
  /** Says whether there was one. */
  delete(key: string): boolean;
  /** Keys in byte order, 1,000 at most. */
  keys(prefix?: string, options?: { after?: string; limit?: number }): string[];
  /** Add to a number and return the sum; a missing value counts as 0. `conflict` if it is not a number. */
  increment(key: string, by?: number): number;
  /** Append to an array and return its new length; a missing value counts as empty. `conflict` if it is not an array. */
  append(key: string, value: unknown): number;
}

/** Who finds an entry: the same user, every user of the same customer, or everybody in the tenant. */
export type Visibility = "private" | "customer" | "tenant";

export interface Entry {
  /** 1 byte to 512 KiB of text. Past 64 KiB it is a document and split into chunks. */
  content: string;
  /** Your own name for it: remembering the same one again replaces it. Without one, equal content is the same entry. */
  externalId?: string;
  metadata?: Record<string, unknown>;
  /** At most 32, each at most 64 bytes. */
  tags?: string[];
  /** Where it comes from, for example a URL. */
  source?: string;
  /** Default `private`. */
  visibility?: Visibility;
  /** Forgotten after this many seconds. */
  ttlSeconds?: number;
  /** True from and until these instants: not found before and after, unless asked for. */
  validFrom?: Instant;
  validUntil?: Instant;
  /** The id of an entry that is no longer true because of this one. */
  supersedes?: string;
  /** Ids of the episodes and entries that it was made from. */
  derivedFrom?: string[];
  /** Split the content into chunks of at most this many bytes, 256 to 65,536. */
  chunkBytes?: number;
}

export interface Item {
  readonly id: string;
  readonly externalId?: string;
  readonly content: string;
  readonly metadata: Record<string, any>;
  readonly tags: string[];
  readonly source?: string;
  readonly visibility: Visibility;
  readonly validFrom?: string;
  readonly validUntil?: string;
  /** The entry because of which it is no longer true. */
  readonly supersededBy?: string;
  /** Which chunk of a document it is, if it is one. */
  readonly part?: { readonly document: string; readonly number: number; readonly of: number };
  /** The agent that wrote it, or `client/<key>` if somebody did over HTTP. */
  readonly writer: string;
  readonly turn?: string;
  readonly derivedFrom: string[];
  readonly created: string;
  readonly updated: string;
  /** 0 to 1 in a search, 1 otherwise. */
  readonly score: number;
}

/** All that is given must match. */
export interface ItemFilter {
  tags?: string[];
  source?: string;
  /** Entries whose metadata has these members with these values. */
  metadata?: Record<string, unknown>;
  /** Written at or after, and before, these instants. */
  since?: Instant;
  until?: Instant;
  /** True at this instant. Default: now. */
  asOf?: Instant;
  /** At most this many, 1 to 100. Default 10 in a search and 50 in a list. */
  limit?: number;
}

export interface SearchOptions extends ItemFilter {
  /** Words and meaning (the default), words only, or meaning only. */
  mode?: "hybrid" | "keyword" | "vector";
  /** Skip this many, at most 1,000. */
  offset?: number;
  /** Hits that score at least this, 0 to 1. */
  minScore?: number;
}

/** Entries belong to the customer and user of the event being handled, whatever agent writes them. */
export interface Knowledge {
  /** Returns the id. Only the user who wrote an entry may replace it (`denied`). */
  remember(entry: Entry | string): string;
  /** The best hits first. What this turn remembered is found by `get` at once and here after commit. */
  search(text: string, options?: SearchOptions): Item[];
  search(query: SearchOptions & { text: string }): Item[];
  /** What was first remembered last comes first. Give `next` as `after` for the next page. */
  list(filter?: ItemFilter & { document?: string; after?: string }): { items: Item[]; next?: string };
  get(id: string): Item;
  /** Forget an entry; with a chunk, all of its document. Says whether there was one. */
  forget(id: string): boolean;
}

export type Role = "user" | "assistant" | "system" | "tool";

export interface Episode {
  readonly id: string;
  readonly role: Role;
  readonly content: string;
  readonly metadata: Record<string, any>;
  readonly session?: string;
  readonly time: string;
}

/** All that is given must match. */
export interface EpisodeFilter {
  session?: string;
  role?: Role;
  since?: Instant;
  until?: Instant;
  /** 1 to 100. Default 20. */
  limit?: number;
  /** Older than the episode of this id: the last one of the page before. */
  before?: string;
}

/** Each agent has its own. */
export interface Episodes {
  /** Add to the session of the event being handled: at most 64 KiB of text. Returns the id. */
  add(role: Role, content: string, metadata?: Record<string, unknown>): string;
  /** The newest first. */
  recent(filter?: EpisodeFilter): Episode[];
  /** By words, the best first, within what the filter leaves. */
  search(text: string, filter?: EpisodeFilter): Episode[];
  /** Those that nobody has made into knowledge yet, the oldest first. */
  unconsolidated(limit?: number): Episode[];
  /** Say that episodes up to this one are consolidated. */
  consolidate(through: string): void;
}

export interface Procedure {
  readonly name: string;
  readonly version: number;
  readonly kind: "prompt" | "rule" | "skill";
  readonly body: string;
  readonly triggers: string[];
  readonly metadata: Record<string, any>;
  readonly writer: string;
  readonly created: string;
  /** 0 to 1 from `matching`, 1 otherwise. */
  readonly score: number;
}

export interface Procedures {
  /** Keep a new version and make it the current one. Returns its number. */
  put(procedure: {
    /** Lower-case words joined by dots or dashes, at most 128 bytes. */
    name: string;
    kind?: "prompt" | "rule" | "skill";
    /** 1 byte to 64 KiB of text. */
    body: string;
    /** When to use it, in words. */
    triggers?: string[];
    metadata?: Record<string, unknown>;
  }): number;
  /** This version, or the current one. */
  get(name: string, version?: number): Procedure;
  /** Make a version current that is there already. */
  activate(name: string, version: number): void;
  /** Make the version current that was so before the one that is, and return its number. */
  rollBack(name: string): number;
  /** Current procedures whose triggers fit a situation, the best first; `limit` 1 to 50. */
  matching(situation: string, limit?: number): Procedure[];
}

export interface Registry {
  /** Agents that match, by name. All that is given must match. */
  findAgents(query?: {
    name?: string;
    kind?: string;
    consumes?: string;
    produces?: string;
    capability?: string;
    text?: string;
    limit?: number;
    after?: string;
  }): AgentInfo[];
  /**
   * Agents of this host and services that live elsewhere, by name; or, if a question is asked, what answers it best first:
   * `discover("who can summarise a web page?")`. All that is given must match.
   */
  discover(query?: string | CatalogQuery): CatalogEntry[];
  getAgent(name: string): AgentInfo;
  /** Event types that match, by name; `actionable`: only those that some active agent consumes. */
  findEvents(query?: {
    type?: string;
    topic?: Topic;
    text?: string;
    actionable?: boolean;
    limit?: number;
    after?: string;
  }): EventInfo[];
  /** A registered schema: this version, or the latest. */
  getSchema(name: string, version?: number): { name: string; version: number; body: any };
  /** Check a value against a registered schema. Empty when it fits; at most 32. */
  validate(schema: string, value: unknown): { pointer: string; message: string }[];
}

export interface CatalogQuery {
  /** The name, or `name:version`. */
  id?: string;
  /** Part of the name. */
  name?: string;
  kind?: "agent" | "tool" | "service" | "api" | "device" | "node";
  category?: string;
  /** All of them. */
  tags?: string[];
  /** A capability by name, and a task that one carries out. */
  capability?: string;
  task?: string;
  consumes?: string;
  produces?: string;
  owner?: string;
  state?: "active" | "degraded" | "unhealthy" | "paused" | "offline";
  /** Words of its description and its capabilities, all of them. */
  text?: string;
  /** A question in plain words; such a list has no next page. */
  about?: string;
  /** Only agents of this host, or only what lives elsewhere. */
  hosted?: boolean;
  /** Those that are offline too. */
  includeExpired?: boolean;
  limit?: number;
  after?: string;
}

/** An agent of this host, or a service that lives elsewhere. */
export interface CatalogEntry {
  readonly name: string;
  readonly kind: string;
  readonly hosted: boolean;
  readonly state: string;
  readonly owner?: string;
  readonly description: string;
  /** Where it is, if it lives elsewhere. */
  readonly url?: string;
  /** How well it answers the question, 0 to 1, if one was asked. */
  readonly score?: number;
  /** It in a few lines for a language model: what it can do, what to send, what comes back. */
  readonly brief: string;
  /** All that it says of itself, events written out with their schemas. */
  readonly definition: Record<string, any>;
}

export interface AgentInfo {
  readonly name: string;
  readonly kind: string;
  readonly description: string;
  /** `active`, `paused` or `quarantined`. */
  readonly status: string;
  readonly digest: string;
  readonly manifest: Record<string, any>;
}

export interface EventInfo {
  readonly type: string;
  readonly topic: string;
  readonly description: string;
  readonly schema?: string;
  readonly actionable: boolean;
  readonly consumers: string[];
  readonly producers: string[];
}

/** A line is at most 8 KiB, all of a turn at most 64 KiB; the rest is cut. */
export interface Log {
  /** The log with these fields on every line. */
  with(fields: Record<string, unknown>): Log;
  trace(message: string, fields?: Record<string, unknown>): void;
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}
