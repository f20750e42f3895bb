// The conformance agent in JavaScript: does what a list of steps says and answers with what came of each.

import { defineAgent, event, HostError, on, Reject, Retry } from "warren-agent";

import { STEPS } from "./steps.js";

const Run = event("action-requests", "conformance.run");
const Raw = event("action-requests", "conformance.raw");
const Said = event("business-facts", "conformance.said");

export default defineAgent({
  name: "conformance",
  kind: "tool",
  description: "Does what a list of steps says.",
  grants: ["events", "registry", "working", "knowledge", "episodes", "procedures"],
  produces: [Said],
  handlers: [
    on(Raw, (ctx, { data }) => ctx.respond({ results: [{ ok: JSON.stringify(data) }] })),
    on(Run, run),
  ],
});

function run(ctx, received) {
  const { steps } = received.data;
  if (!Array.isArray(steps)) throw new Reject("steps: must be a list");
  const results = [];
  for (const step of steps) results.push(result(ctx, received, resolved(step, results)));
  ctx.respond({ results });
}

function result(ctx, received, step) {
  try {
    return { ok: done(ctx, received, step) ?? null };
  } catch (error) {
    if (error instanceof HostError) return { error: error.kind, message: error.reason };
    throw error;
  }
}

function done(ctx, received, step) {
  const found = STEPS[step.do];
  if (found) return found(ctx, step, received);
  if (!step.do.startsWith("end.")) throw new Reject(`there is no step ${step.do}`);
  if (step.until !== undefined && received.attempt >= step.until) return null;
  return ended(step);
}

function ended({ do: end, reason, after_ms: afterMs }) {
  if (end === "end.reject") throw new Reject(reason);
  if (end === "end.retry") throw new Retry(reason, { afterMs });
  if (end === "end.spin") for (;;);
  throw new Error(reason ?? "a trap, as far as there is one");
}

/** The step with the values of earlier results where it names them. */
function resolved(step, results) {
  const value = (given) => (given !== null && typeof given === "object" && "$" in given ? results[given.$].ok : given);
  return Object.fromEntries(Object.entries(step).map(([name, given]) => [name, value(given)]));
}
