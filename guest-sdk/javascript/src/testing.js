// Tests of agents without WebAssembly and without a host. The types are in `testing.d.ts`.
//
// Invariant: what a turn wrote is kept when its handler returns and gone when it throws, as on the real host; an agent
// has the grants that it asks for and no others, so that a test shows a forgotten one. What is simpler here: times to
// live do not pass, events for later come at once, searches count common words, schemas are not checked.

import { failureOf } from "./errors.js";
import { received } from "./event.js";
import { stringify } from "./json.js";
import { fake } from "./testing/fake.js";
import { World } from "./testing/world.js";

/** Turns after which agents go round in circles, rather than work. */
const TURNS_MAX = 1000;

/** A host for tests: keeps memory from turn to turn, and records what each turn does. */
export class TestHost {
  #world;
  #settings;

  constructor(options = {}) {
    const { working = {}, planWorking = {}, knowledge = [], procedures = [], ...settings } = options;
    const now = settings.now instanceof Date ? settings.now.toISOString() : settings.now;
    this.#settings = {
      agents: [], answers: [], violations: {}, config: {}, deny: [], ...settings, now: now ?? "2026-01-01T00:00:00.000Z",
    };
    this.#world = new World(this.#settings.now);
    for (const [key, value] of Object.entries(working)) this.#world.seed(undefined, key, stringify(value));
    for (const [plan, values] of Object.entries(planWorking)) {
      for (const [key, value] of Object.entries(values)) this.#world.seed(plan, key, stringify(value));
    }
    for (const entry of knowledge) this.#world.remember(entry, "test");
    for (const procedure of procedures) this.#world.putProcedure(procedure, "test");
  }

  /** Run one turn. */
  handle(agent, type, data, context = {}) {
    return this.#turn(agent, this.#eventOf(type, data, context));
  }

  /** A value of an agent's working memory, outside any plan. */
  working(agent, key) {
    return this.#world.value(agent, undefined, key);
  }

  /** Publish an event and run the turns of `agents` until nothing is left to handle. */
  settle(type, data, context = {}) {
    const waiting = [this.#eventOf(type, data, context)];
    const settled = { events: [], types: [], failures: [] };
    let turns = 0;
    while (waiting.length > 0) {
      const event = waiting.shift();
      for (const agent of this.#settings.agents.filter((one) => one.handles(event.topic, event.eventType))) {
        turns += 1;
        if (turns > TURNS_MAX) throw new Error(`still busy after ${TURNS_MAX} turns`);
        const turn = this.#turn(agent, event);
        if (!turn.ok) settled.failures.push({ agent: agent.name, ...turn.failure });
        waiting.push(...turn.drafts);
      }
      settled.events.push(received(event));
      settled.types.push(event.eventType);
    }
    return settled;
  }

  #eventOf(type, data, context) {
    return this.#world.eventOf(type, stringify(data, `the payload of \`${type.type}\``), context);
  }

  #turn(agent, event) {
    const before = this.#world.begin();
    let failure;
    let error;
    try {
      agent.handle(fake(this.#world, this.#settings, agent, event, 0), event);
    } catch (thrown) {
      error = thrown;
      const { tag, val } = failureOf(thrown);
      failure = { kind: tag, reason: tag === "retry" ? thrown.message : val };
      this.#world.rollBack(before);
    }
    return new Turn(agent, event, this.#world, { failure, error });
  }
}

/** What one turn did. Of one that failed only the failure, the log and the count of its host calls are left. */
class Turn {
  #working;

  constructor(agent, event, world, { failure, error }) {
    const { published, response, log, hostCalls } = world.turn;
    this.#working = (key) => world.value(agent.name, event.plan ?? undefined, key);
    this.ok = failure === undefined;
    this.failure = failure;
    this.error = error;
    this.drafts = [...published];
    this.published = published.map(received);
    this.response = response;
    this.log = [...log];
    this.hostCalls = hostCalls;
  }

  /** Payloads of the published events of a type, in order. */
  of(type) {
    return this.published.filter((event) => event.topic === type.topic && event.type === type.type).map(({ data }) => data);
  }

  /** A value of working memory as the agent reads it now. */
  working(key) {
    return this.#working(key);
  }
}
