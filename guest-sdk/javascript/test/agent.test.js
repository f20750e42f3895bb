// Declarations, and how turns end.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { answers, defineAgent, event, HostError, on, Reject, Retry } from "../src/index.js";
import { TestHost } from "../src/testing.js";

const Asked = event("action-requests", "greet.requested", { description: "Somebody asks.", schema: { type: "object" } });
const Answered = event("action-results", "greeting.ready");
const nothing = () => undefined;

function turn(handler, options = {}, declared = {}) {
  const agent = defineAgent({ name: "one", handlers: [on(Asked, handler)], ...declared });
  return new TestHost(options).handle(agent, Asked, { name: "Ada" });
}

test("the manifest says what was declared, and what follows from it", () => {
  const agent = defineAgent({
    name: "greeter",
    kind: "tool",
    description: "Greets.",
    version: "1.2.3",
    handlers: [answers(Asked, Answered, nothing)],
    grants: ["working", "knowledge:read"],
    calls: true,
    settings: { timeoutMs: 1000, attempts: 2 },
  });
  assert.deepEqual(JSON.parse(agent.describe()), {
    name: "greeter",
    kind: "tool",
    description: "Greets.",
    version: "1.2.3",
    subscriptions: [
      { topic: "action-requests", type: "greet.requested", description: "Somebody asks.", schema: { type: "object" } },
    ],
    produces: [{ topic: "action-results", type: "greeting.ready" }],
    grants: ["events:publish", "events:call", "working:read", "working:write", "knowledge:read"],
    settings: { timeout_ms: 1000, attempts: 2 },
  });
});

test("grants and topics are those of the contract", async () => {
  const { GRANTS, TOPICS } = await import("../src/index.js");
  const schema = JSON.parse(readFileSync(new URL("../../../wit/manifest.schema.json", import.meta.url)));
  assert.deepEqual([...GRANTS], schema.properties.grants.items.anyOf[0].enum);
  assert.deepEqual([...TOPICS], schema.$defs.topic.enum);
});

test("a wrong declaration says what there is", () => {
  for (const [declare, words] of [
    [() => event("action-request", "a"), /no topic "action-request".*action-requests/],
    [() => event("action-requests", "a b"), /no type of event/],
    [() => on(Asked, undefined), /handler of `greet.requested` is not a function/],
    [() => on("greet.requested", nothing), /not a type of event/],
    [() => defineAgent({}), /needs a name/],
    [() => defineAgent({ name: "a", handler: [] }), /no "handler".*handlers/],
    [() => defineAgent({ name: "a", kind: "x" }), /no kind "x"/],
    [() => defineAgent({ name: "a", grants: ["memory"] }), /no grant "memory".*working:read/],
    [() => defineAgent({ name: "a", settings: { timeout_ms: 1 } }), /no setting "timeout_ms".*timeoutMs/],
    [() => defineAgent({ name: "a", handlers: [on(Asked, nothing), on(Asked, nothing)] }), /two handlers/],
  ]) assert.throws(declare, words);
});

test("how a handler throws is how its turn fails", () => {
  const check = (thrown, kind, words) => {
    const { ok, failure, error } = turn(() => { throw thrown; });
    assert.equal(ok, false);
    assert.equal(error, thrown);
    assert.equal(failure.kind, kind);
    assert.match(failure.reason, words);
  };
  check(new Reject("never"), "reject", /^never$/);
  check(new Retry("later", { afterMs: 5 }), "retry", /later/);
  check(new HostError("unavailable", "the store"), "retry", /unavailable: the store/);
  check(new HostError("exhausted", "events"), "retry", /exhausted/);
  check(new HostError("conflict", "x"), "other", /conflict: x/);
  check(new TypeError("boom"), "other", /TypeError: boom\n +at .*agent\.test\.js/);
  check(new Error("outer", { cause: new Error("inner") }), "other", /outer[^]*caused by Error: inner/);
  check("words", "other", /thrown: words/);
  check({ odd: 1 }, "other", /thrown: \{"odd":1\}/);
  check(undefined, "other", /thrown: undefined/);
});

test("a handler that is async is told so", () => {
  assert.match(turn(async () => 1).failure.reason, /returned a promise.*without async/);
});

test("an event without a handler, or without JSON, is rejected", () => {
  const agent = defineAgent({ name: "one", handlers: [on(Asked, nothing)] });
  const { failure } = new TestHost().handle(agent, Answered, 1);
  assert.deepEqual(failure, { kind: "reject", reason: "`one` has no handler for `greeting.ready` on action-results" });
});
