// What an agent imports. The types, and what each thing means, are in `index.d.ts`.
//
// Invariant: nothing below here imports a host function: those come with `component.js`, so that the same
// agent runs in a component and under `node --test`.

export { defineAgent, on, answers } from "./agent.js";
export { event, TOPICS } from "./event.js";
export { GRANTS } from "./grants.js";
export { HostError, JsonError, Reject, Retry } from "./errors.js";
