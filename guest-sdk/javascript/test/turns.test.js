// What handlers do and what comes of it, on the test host.

import assert from "node:assert/strict";
import { test } from "node:test";

import { answers, defineAgent, event, HostError, on } from "../src/index.js";
import { TestHost } from "../src/testing.js";

const Go = event("action-requests", "go");
const Done = event("action-results", "done");
const Double = event("action-requests", "double");
const Doubled = event("action-results", "doubled");
const EVERYTHING = ["events", "registry", "working", "knowledge", "episodes", "procedures"];

function agentOf(handler, more = {}) {
  return defineAgent({ name: "one", handlers: [on(Go, handler)], grants: EVERYTHING, ...more });
}

function run(handler, options, context) {
  const turn = new TestHost(options).handle(agentOf(handler), Go, {}, context);
  if (turn.error) throw turn.error;
  return turn;
}

/** The kind of the host's refusal. */
function refused(act) {
  try {
    act();
  } catch (error) {
    if (error instanceof HostError) return error.kind;
    throw error;
  }
  return undefined;
}

test("working memory keeps what a turn leaves, by agent or by plan", () => {
  const seen = [];
  const host = new TestHost({ working: { seeded: 41 }, planWorking: { p: { n: 7 } } });
  const agent = agentOf((ctx) => {
    const { working } = ctx;
    seen.push([working.get("none"), working.increment("n"), working.increment("n", 2), working.get("seeded")]);
    working.put("list", [1]);
    seen.push([working.append("list", { b: 2n ** 60n }), working.get("list"), working.keys("l"), working.keys("", { after: "list", limit: 1 })]);
    seen.push([working.update("u", (old = 0) => old + 1), working.delete("u"), working.delete("u"), working.get("u")]);
  });
  assert.ok(host.handle(agent, Go, {}).ok);
  assert.deepEqual(seen, [
    [undefined, 1, 3, 41],
    [2, [1, { b: 2n ** 60n }], ["list"], ["n"]],
    [1, true, false, undefined],
  ]);
  assert.equal(host.working("one", "n"), 3);
  assert.equal(host.handle(agent, Go, {}, { plan: "p" }).working("n"), 10);
  assert.equal(host.handle(agent, Go, {}).working("n"), 6);
});

test("events carry what was said and inherit the rest", () => {
  const turn = run((ctx, { plan }) => {
    ctx.publish(Done, { n: 1 }, { subject: "s", session: "other", replyTo: Doubled, extensions: { tenantx: 1 } });
    ctx.publish(Done, plan, { afterMs: 10 });
    ctx.publish(Done, null, { at: new Date(0) });
  }, {}, { session: "mine", plan: "p", user: "u" });
  const [first, second, third] = turn.published;
  assert.deepEqual(
    [first.data, first.subject, first.session, first.replyTo, first.extensions, first.user, first.source],
    [{ n: 1 }, "s", "other", { topic: "action-results", type: "doubled" }, { tenantx: "1" }, "u", "agent/one"],
  );
  assert.deepEqual([second.session, second.plan, third.data], ["mine", "p", null]);
  assert.deepEqual(turn.of(Done), [{ n: 1 }, "p", null]);
});

test("nothing is left of a turn that throws after any of its host calls, but its log", () => {
  const agent = agentOf((ctx) => {
    ctx.log.info("begin");
    ctx.working.put("a", 1);
    ctx.publish(Done, {});
    ctx.knowledge.remember("fact");
    ctx.working.put("b", 1);
  });
  const calls = new TestHost().handle(agent, Go, {}).hostCalls;
  assert.equal(calls, 5);
  for (let call = 2; call <= calls; call += 1) {
    const host = new TestHost({ failCall: { call, error: new HostError("unavailable", "x") } });
    const turn = host.handle(agent, Go, {});
    assert.deepEqual([turn.failure.kind, turn.published, turn.working("a"), turn.hostCalls], ["retry", [], undefined, call]);
    assert.equal(turn.log[0].message, "begin");
  }
});

test("a tool answers a call inside the turn, and what a failed one did is gone", () => {
  const tool = (name, handler) => defineAgent({ name, kind: "tool", handlers: [answers(Double, Doubled, handler)], grants: ["working"] });
  const caller = (ctx) => ctx.publish(Done, [ctx.call(Double, 4), ctx.call("double", 5, { timeoutMs: 5 })]);
  const doubling = tool("double", (ctx, { data }) => {
    ctx.working.put("last", data);
    return data * 2;
  });
  const host = new TestHost({ agents: [doubling] });
  assert.deepEqual(host.handle(agentOf(caller), Go, {}).of(Done), [[8, 10]]);
  assert.equal(host.working("double", "last"), 5);
  assert.deepEqual(run(caller, { answers: [[Double, (data) => data + 1]] }).of(Done), [[5, 6]]);

  const failing = tool("failing", (ctx) => {
    ctx.working.put("last", 1);
    throw new Error("no");
  });
  const kinds = [];
  const careful = (ctx) => {
    kinds.push(refused(() => ctx.call(Double, 1)));
  };
  const after = new TestHost({ agents: [failing] });
  assert.ok(after.handle(agentOf(careful), Go, {}).ok);
  assert.equal(after.working("failing", "last"), undefined);
  run(careful);
  run(careful, { agents: [doubling, tool("other", () => 1)] });
  assert.deepEqual(kinds, ["unavailable", "not-found", "conflict"]);
});

test("an answer goes to who asks for one", () => {
  const tool = defineAgent({ name: "t", handlers: [answers(Double, Doubled, (_, { data }) => data * 2)] });
  const asked = new TestHost().handle(tool, Double, 2, { replyTo: Doubled });
  assert.deepEqual([asked.response, asked.of(Doubled)], [4, [4]]);
  assert.equal(new TestHost().handle(tool, Double, 2).ok, true);
});

test("knowledge, episodes and procedures", () => {
  run((ctx) => {
    const { knowledge, episodes, procedures } = ctx;
    const first = knowledge.remember({ content: "the sky is blue", tags: ["fact"], metadata: { n: 1 } });
    const second = knowledge.remember({ content: "the sky is grey", externalId: "sky", supersedes: first });
    assert.equal(knowledge.remember({ content: "the sky is black", externalId: "sky" }), second);
    assert.deepEqual(knowledge.search("sky").map(({ content }) => content), ["the sky is black"]);
    const then = knowledge.search({ text: "sky blue", asOf: "2025-01-01T00:00:00.000Z", tags: ["fact"], metadata: { n: 1 } });
    assert.deepEqual(then.map(({ metadata, supersededBy }) => [metadata, supersededBy]), [[{ n: 1 }, second]]);
    assert.deepEqual(knowledge.list().items.map(({ id }) => id), [second]);
    assert.equal(knowledge.get(first).content, "the sky is blue");
    assert.deepEqual([knowledge.forget(first), knowledge.forget(first)], [true, false]);
    assert.equal(refused(() => knowledge.get(first)), "not-found");

    const ids = ["hello", "good day", "hello again"].map((text) => episodes.add("user", text, { text }));
    assert.deepEqual(episodes.recent({ limit: 2 }).map(({ id }) => id), [ids[2], ids[1]]);
    assert.deepEqual(episodes.recent({ before: ids[1] }).map(({ metadata }) => metadata), [{ text: "hello" }]);
    assert.deepEqual(episodes.search("hello again").map(({ id }) => id), [ids[2], ids[0]]);
    episodes.consolidate(ids[1]);
    assert.deepEqual(episodes.unconsolidated().map(({ id }) => id), [ids[2]]);

    assert.equal(procedures.put({ name: "greet", body: "Say hello.", triggers: ["somebody says hello"] }), 1);
    assert.equal(procedures.put({ name: "greet", kind: "rule", body: "Say hi." }), 2);
    assert.deepEqual([procedures.get("greet").body, procedures.get("greet", 1).kind], ["Say hi.", "prompt"]);
    assert.equal(procedures.rollBack("greet"), 1);
    assert.deepEqual(procedures.matching("hello").map(({ version, score }) => [version, score]), [[1, 1]]);
    assert.equal(refused(() => procedures.rollBack("greet")), "conflict");
    procedures.activate("greet", 2);
    assert.equal(procedures.get("greet").version, 2);
  }, {}, { user: "u" });
});

test("the registry, the clock and the rest", () => {
  const other = defineAgent({ name: "other", kind: "tool", description: "Doubles.", handlers: [answers(Double, Doubled, () => 1)] });
  const turn = run((ctx) => {
    const { registry } = ctx;
    assert.deepEqual(registry.findAgents({ consumes: "double" }).map(({ name, manifest }) => [name, manifest.kind]), [["other", "tool"]]);
    assert.deepEqual(registry.discover("who doubles?").map(({ name, definition }) => [name, definition.kind]), [["other", "tool"]]);
    assert.deepEqual(registry.discover({ tags: ["odd"] }), []);
    assert.equal(registry.getAgent("other").status, "active");
    assert.deepEqual(registry.findEvents({ actionable: true }).map(({ type, consumers }) => [type, consumers]), [["double", ["other"]]]);
    assert.equal(refused(() => registry.getSchema("double")), "not-found");
    assert.deepEqual(registry.validate("order", {}), [{ pointer: "/a", message: "missing" }]);
    assert.equal(ctx.now().toISOString(), "2026-05-05T00:00:00.000Z");
    assert.deepEqual([ctx.elapsedMs(), ctx.cancelled(), ctx.config("a"), ctx.config("b")], [0, true, "1", undefined]);
    assert.equal(ctx.identity().agent, "one");
    assert.equal(ctx.budget().events, 64);
    assert.equal(ctx.randomBytes(4).length, 4);
    ctx.log.with({ order: 7 }).warn("odd", { more: true });
  }, {
    agents: [other], violations: { order: [{ pointer: "/a", message: "missing" }] },
    now: new Date("2026-05-05T00:00:00Z"), cancelled: true, config: { a: "1" },
  });
  assert.deepEqual(turn.log, [{ agent: "one", level: "warn", message: "odd", fields: { order: "7", more: "true" } }]);
});

test("what was not asked for is denied, and limits are the host's", () => {
  const without = defineAgent({ name: "one", handlers: [on(Go, (ctx) => ctx.working.put("a", 1))] });
  const { failure } = new TestHost().handle(without, Go, {});
  assert.match(failure.reason, /denied: .*was not granted `working:write`/);
  assert.equal(new TestHost({ deny: ["working:write"] }).handle(agentOf((ctx) => ctx.working.put("a", 1)), Go, {}).ok, false);
  run((ctx) => {
    const kinds = [
      () => ctx.working.get(""),
      () => ctx.working.put("k".repeat(513), 1),
      () => ctx.working.put("k", "v".repeat(256 * 1024)),
      () => ctx.working.keys("", { limit: 1001 }),
      () => ctx.respond(1),
      () => ctx.randomBytes(65_537),
    ].map(refused);
    assert.deepEqual(kinds, ["invalid", "invalid", "invalid", "invalid", "not-found", "invalid"]);
    for (let at = 0; at < 64; at += 1) ctx.publish(Done, at);
    assert.equal(refused(() => ctx.publish(Done, 64)), "exhausted");
  });
});

test("settling runs what was set off until nothing is left", () => {
  const first = defineAgent({ name: "first", handlers: [on(Go, (ctx) => ctx.publish(Double, 1))], grants: ["events:publish"] });
  const second = defineAgent({ name: "second", handlers: [on(Double, () => { throw new Error("no"); })] });
  const settled = new TestHost({ agents: [first, second] }).settle(Go, {});
  assert.deepEqual(settled.types, ["go", "double"]);
  assert.deepEqual(settled.failures.map(({ agent, kind }) => [agent, kind]), [["second", "other"]]);
});
