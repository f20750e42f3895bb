// The two exports of a component around an agent. Imported by the entry that `build.js` writes, and by nothing else:
// the host's functions are there in a component only.
//
// Invariant: whatever a handler throws becomes the contract's `failure`; nothing of it is a trap.

import * as clock from "warren:agent/clock@0.1.0";
import * as context from "warren:agent/context@0.1.0";
import * as episodes from "warren:agent/episodes@0.1.0";
import * as events from "warren:agent/events@0.1.0";
import * as knowledge from "warren:agent/knowledge@0.1.0";
import * as log from "warren:agent/log@0.1.0";
import * as procedures from "warren:agent/procedures@0.1.0";
import * as random from "warren:agent/random@0.1.0";
import * as registry from "warren:agent/registry@0.1.0";
import * as working from "warren:agent/working@0.1.0";

import { failureOf } from "./errors.js";
import { install } from "./globals.js";
import { stackOf } from "./stack.js";

const host = { clock, context, episodes, events, knowledge, log, procedures, random, registry, working };

install(host);

/** `describe` and `handle` of an agent. */
export function component(agent) {
  if (typeof agent?.describe !== "function") {
    throw new TypeError("the agent's module must say `export default defineAgent({ … })`");
  }
  return { describe: () => agent.describe(), handle: (event) => handle(agent, event) };
}

function handle(agent, event) {
  try {
    agent.handle(host, event);
  } catch (thrown) {
    const { words, ...failure } = failureOf(thrown, stackOf);
    // The contract has no place for the reason of a retry.
    if (words) log.log("warn", words, []);
    throw failure;
  }
}
