// Tests of agents without WebAssembly and without a host.

import type { Agent, Entry, Event, EventType, Grant, HostError } from "./index.js";

export interface TestHostOptions {
  /** Values in the working memory of whatever agent comes first, outside any plan. */
  working?: Record<string, unknown>;
  /** Values in the working memory of plans. */
  planWorking?: Record<string, Record<string, unknown>>;
  /** Entries in semantic memory. */
  knowledge?: readonly (Entry | string)[];
  procedures?: readonly {
    name: string;
    kind?: "prompt" | "rule" | "skill";
    body: string;
    triggers?: string[];
    metadata?: Record<string, unknown>;
  }[];
  /** Other agents of the tenant: the registry knows them, calls and `settle` reach them. */
  agents?: readonly Agent[];
  /** Answers for calls of these requests, in place of a tool. */
  answers?: readonly (readonly [EventType<any>, (data: any) => unknown])[];
  /** What `registry.validate` finds, by schema. */
  violations?: Record<string, { pointer: string; message: string }[]>;
  config?: Record<string, string>;
  /** The clock. It stands still. Default 2026-01-01. */
  now?: Date | string;
  /** Grants that no agent gets, whatever it asks for. */
  deny?: readonly Grant[];
  /** Refuse the `call`-th host call of each turn, counted from 1, with this error. */
  failCall?: { call: number; error: HostError };
  cancelled?: boolean;
}

/** What an event says besides its payload. */
export interface EventContext {
  id?: string;
  subject?: string;
  session?: string;
  goal?: string;
  plan?: string;
  task?: string;
  user?: string;
  customer?: string;
  attempt?: number;
  replyTo?: EventType<any>;
  extensions?: Record<string, string>;
}

/** How a turn failed: `retry` and `reject` as thrown, `other` for any other error, with its stack. */
export interface Failure {
  kind: "retry" | "reject" | "other";
  reason: string;
}

/** What one turn did. Of one that failed only the failure, the log and the count of its host calls are left. */
export interface Turn {
  readonly ok: boolean;
  readonly failure?: Failure;
  /** What the handler threw. */
  readonly error?: unknown;
  /** All published events in order, the response included. */
  readonly published: Event[];
  readonly response?: any;
  readonly log: { agent: string; level: string; message: string; fields: Record<string, string> }[];
  readonly hostCalls: number;
  /** Payloads of the published events of a type, in order. */
  of<Data>(type: EventType<Data>): Data[];
  /** A value of working memory as the agent reads it now. */
  working<Value = any>(key: string): Value | undefined;
}

/**
 * A host for tests: keeps memory from turn to turn, and records what each turn does.
 *
 * ```ts
 * const turn = new TestHost({ working: { count: 41 } }).handle(agent, Requested, { name: "Ada" });
 * assert.deepEqual(turn.of(Greeted), [{ text: "Hello, Ada!" }]);
 * assert.equal(turn.working("count"), 42);
 * ```
 */
export class TestHost {
  constructor(options?: TestHostOptions);
  /** Run one turn. */
  handle<Data>(agent: Agent, type: EventType<Data>, data: Data, context?: EventContext): Turn;
  /** A value of an agent's working memory, outside any plan. */
  working<Value = any>(agent: string, key: string): Value | undefined;
  /** Publish an event and run the turns of `agents` until nothing is left. A failed turn is not tried again. */
  settle<Data>(type: EventType<Data>, data: Data, context?: EventContext): {
    events: Event[];
    types: string[];
    failures: ({ agent: string } & Failure)[];
  };
}
