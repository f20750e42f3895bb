import assert from "node:assert/strict";
import { test } from "node:test";

import { TestHost } from "warren-agent/testing";

import agent, { Broken, Greeted, Requested } from "../src/agent";

test("greetings are counted by name", () => {
  const host = new TestHost({ working: { "greeted/Ada": 1 } });
  const turn = host.handle(agent, Requested, { name: "Ada" });
  assert.deepEqual(turn.of(Greeted), [{ text: "Hello, Ada!", count: 2 }]);
  assert.deepEqual(turn.log.map(({ message, fields }) => [message, fields]), [["greeting Ada", { count: "2" }]]);
  assert.equal(turn.hostCalls, 4);
});

test("the word to greet with is a setting", () => {
  const turn = new TestHost({ config: { greeting: "Ahoy" } }).handle(agent, Requested, { name: "Alan" });
  assert.equal(turn.of(Greeted)[0]?.text, "Ahoy, Alan!");
});

test("nobody is not greeted", () => {
  const { failure } = new TestHost().handle(agent, Requested, {} as Requested);
  assert.equal(failure?.kind, "reject");
  assert.match(failure?.reason ?? "", /^name: /);
});

test("nothing is left of what went wrong", () => {
  const turn = new TestHost().handle(agent, Broken, {});
  assert.match(turn.failure?.reason ?? "", /broken on purpose[^]*agent\.ts/);
  assert.equal(turn.working("broken"), undefined);
});
