// What a host function throws when it does not do what was asked, and how a turn ends badly.
//
// Invariant: an error keeps the case of the contract as `kind`, so that an agent can decide on it.

/** Why a host function did not do what was asked. Nothing was done then, and the turn may go on. */
export class HostError extends Error {
  constructor(kind, message) {
    const reason = message ?? "";
    super(reason === "" || reason.startsWith(`${kind}:`) ? reason || kind : `${kind}: ${reason}`);
    this.name = "HostError";
    this.kind = kind;
    this.reason = reason;
  }
}

/** A value is not the JSON that was expected, or cannot be written as JSON. */
export class JsonError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "JsonError";
  }
}

/** Never try this event again: it goes to the dead letters with this reason. */
export class Reject extends Error {
  constructor(reason) {
    super(reason);
    this.name = "Reject";
  }
}

/** Try this event again: after so many milliseconds, or when the host's back-off says so. */
export class Retry extends Error {
  constructor(reason, { afterMs } = {}) {
    super(reason);
    this.name = "Retry";
    this.afterMs = afterMs;
  }
}

/** What may pass by itself is tried again; the rest is for people to look at. */
const PASSING = new Set(["exhausted", "unavailable"]);

/**
 * The contract's `failure` for whatever a handler threw, with words for the log where it has no place for them.
 * `stack` makes the text of an error's stack.
 */
export function failureOf(thrown, stack = (error) => error.stack) {
  if (thrown instanceof Reject) return { tag: "reject", val: thrown.message };
  if (thrown instanceof Retry) {
    return { tag: "retry", val: thrown.afterMs ?? null, words: thrown.message };
  }
  if (thrown instanceof HostError && PASSING.has(thrown.kind)) {
    return { tag: "retry", val: null, words: thrown.message };
  }
  return { tag: "other", val: textOf(thrown, stack) };
}

function textOf(thrown, stack) {
  if (!(thrown instanceof Error)) return `thrown: ${typeof thrown === "string" ? thrown : safely(thrown)}`;
  const head = `${thrown.name}: ${thrown.message}`;
  const frames = stack(thrown) ?? "";
  const cause = thrown.cause === undefined ? "" : `\ncaused by ${textOf(thrown.cause, stack)}`;
  const body = frames.startsWith(head) ? frames : `${head}\n${frames}`;
  return body.trimEnd() + cause;
}

function safely(value) {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/** Run a host function; what it throws becomes a `HostError`, however the toolchain wraps it. */
export function asked(host, ...args) {
  try {
    return host(...args);
  } catch (thrown) {
    const error = thrown?.payload ?? thrown;
    if (thrown instanceof HostError || typeof error?.tag !== "string") throw thrown;
    throw new HostError(error.tag, error.val);
  }
}
