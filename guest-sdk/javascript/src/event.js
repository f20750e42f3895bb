// Types of events, and events as handlers receive them.

import { parse } from "./json.js";

/** The eight topics. */
export const TOPICS = Object.freeze([
  "action-requests",
  "action-results",
  "business-facts",
  "system-events",
  "notification-events",
  "billing-events",
  "plan-events",
  "task-events",
]);

const TYPE = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/** Name a type of event. */
export function event(topic, type, { description, schema } = {}) {
  if (!TOPICS.includes(topic)) {
    throw new TypeError(`there is no topic ${JSON.stringify(topic)}; there are: ${TOPICS.join(", ")}`);
  }
  if (typeof type !== "string" || !TYPE.test(type)) {
    throw new TypeError(`${JSON.stringify(type)} is no type of event: words of A-Za-z0-9_- joined by dots`);
  }
  return Object.freeze({ topic, type, description, schema });
}

/** How a type of event stands in the manifest. */
export function entryOf({ topic, type, description, schema }) {
  const entry = { topic, type };
  if (description) entry.description = description;
  if (schema !== undefined) entry.schema = schema;
  return entry;
}

/** The event that a handler is given for one of the contract. */
export function received(wit) {
  const { eventType, data, replyTo, extensions, ...rest } = wit;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== undefined));
  return {
    ...given,
    type: eventType,
    data: parse(data, `the payload of \`${eventType}\``),
    ...(replyTo ? { replyTo: { topic: replyTo.topic, type: replyTo.eventType } } : {}),
    extensions: Object.fromEntries(extensions ?? []),
  };
}
