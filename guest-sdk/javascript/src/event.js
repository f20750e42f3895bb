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

/** The event that a handler is given for one of the contract. Written out: this is on the way of every turn. */
export function received(wit) {
  const { replyTo, extensions } = wit;
  return {
    data: parse(wit.data, wit.eventType),
    id: wit.id,
    source: wit.source,
    type: wit.eventType,
    topic: wit.topic,
    time: wit.time,
    subject: wit.subject ?? undefined,
    schema: wit.schema ?? undefined,
    correlation: wit.correlation,
    trace: wit.trace,
    parent: wit.parent ?? undefined,
    session: wit.session ?? undefined,
    goal: wit.goal ?? undefined,
    plan: wit.plan ?? undefined,
    task: wit.task ?? undefined,
    customer: wit.customer ?? undefined,
    user: wit.user ?? undefined,
    replyTo: replyTo ? { topic: replyTo.topic, type: replyTo.eventType } : undefined,
    attempt: wit.attempt,
    deadline: wit.deadline,
    extensions: extensions?.length > 0 ? Object.fromEntries(extensions) : {},
  };
}
