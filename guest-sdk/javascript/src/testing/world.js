// The state of the test host: memory, what the turn at hand did so far, and counters.
//
// Invariant: rolling back to a snapshot keeps the log and the counters, which a failed turn keeps on a real host too.

import { parse } from "../json.js";
import { Memory } from "./memory.js";

const DEADLINE_MS = 30_000;

export class World extends Memory {
  turn = emptyTurn();
  #ids = 0;

  constructor(now) {
    super();
    this.now = now;
    // By space and key; `null` is a value that was deleted, so that no seed shines through.
    this.kept.working = new Map();
  }

  nextId(prefix) {
    this.#ids += 1;
    return `${prefix}_${this.#ids}`;
  }

  /** Forget what the last turn did, not what it left in memory; the snapshot. */
  begin() {
    this.turn = emptyTurn();
    return this.snapshot();
  }

  snapshot() {
    return structuredClone({ kept: this.kept, published: this.turn.published });
  }

  rollBack({ kept, published }) {
    this.kept = structuredClone(kept);
    this.turn.published = [...published];
    this.turn.response = undefined;
  }

  seed(plan, key, text) {
    this.kept.working.set(place(plan === undefined ? "seed" : `plan ${plan}`, key), text);
  }

  get(agent, plan, key) {
    const own = this.kept.working.get(place(space(agent, plan), key));
    if (own !== undefined || plan !== undefined) return own ?? null;
    return this.kept.working.get(place("seed", key)) ?? null;
  }

  put(agent, plan, key, text) {
    this.kept.working.set(place(space(agent, plan), key), text);
    this.turn.writes += 1;
  }

  keys(agent, plan) {
    const wanted = plan === undefined ? [space(agent), "seed"] : [space(agent, plan)];
    const all = [...this.kept.working.keys()].map((text) => JSON.parse(text)).filter(([of]) => wanted.includes(of));
    const keys = [...new Set(all.map(([, key]) => key))].filter((key) => this.get(agent, plan, key) !== null);
    return keys.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  }

  value(agent, plan, key) {
    const text = this.get(agent, plan, key);
    return text === null ? undefined : parse(text);
  }

  /** An event of the contract as it would come from outside. */
  eventOf(type, data, context) {
    const { replyTo, extensions, id = this.nextId("evt"), ...rest } = context;
    return {
      id,
      source: "client/test",
      eventType: type.type,
      topic: type.topic,
      time: this.now,
      subject: null,
      data,
      schema: null,
      correlation: id,
      trace: id,
      parent: null,
      session: null,
      goal: null,
      plan: null,
      task: null,
      customer: null,
      user: null,
      attempt: 1,
      deadline: new Date(Date.parse(this.now) + DEADLINE_MS).toISOString(),
      ...rest,
      replyTo: replyTo ? { topic: replyTo.topic, eventType: replyTo.type } : null,
      extensions: Object.entries(extensions ?? {}),
    };
  }
}

function emptyTurn() {
  return { published: [], response: undefined, log: [], hostCalls: 0, writes: 0 };
}

function space(agent, plan) {
  return plan === undefined ? `agent ${agent}` : `plan ${plan}`;
}

function place(of, key) {
  return JSON.stringify([of, key]);
}
