// The registry of the test host: the agents that a test gave it.

import { parse, stringify } from "../json.js";
import { bestFirst, common } from "./memory.js";

export function agents(all, { name, kind, consumes, produces, capability, text, after, limit }) {
  const has = (entries, type) => !type || (entries ?? []).some((entry) => entry.type === type);
  const fits = (manifest) =>
    (!name || manifest.name.includes(name.toLowerCase())) &&
    (!kind || manifest.kind === kind) &&
    has(manifest.subscriptions, consumes) &&
    has(manifest.produces, produces) &&
    (!capability || (manifest.capabilities ?? []).some((one) => one.name === capability)) &&
    (!text || common(text, manifest.description) > 0) &&
    (!after || manifest.name > after);
  const found = all.filter((agent) => fits(agent.manifest())).map(info);
  return found.sort(by("name")).slice(0, limit);
}

/** The catalogue holds no services here: what lives elsewhere is not in a test. */
export function discover(all, query) {
  const { id, category, tags, task, owner, state, about, hosted, limit, kind, ...rest } = query;
  const fits = ({ manifest }) =>
    (!id || id.split(":")[0] === manifest.name) &&
    (!kind || kind === kindOf(manifest)) &&
    (!category || category === manifest.category) &&
    tags.every((tag) => manifest.tags?.includes(tag)) &&
    (!task || (manifest.capabilities ?? []).some((one) => one.tasks?.includes(task))) &&
    (!owner || owner === manifest.owner) &&
    (!state || state === "active") &&
    hosted !== false;
  const found = agents(all, { ...rest, limit: Infinity }).map(entryOf).filter(fits);
  const answers = about ? bestFirst(found, ({ description }) => common(about, description)) : found;
  return answers.slice(0, limit).map(({ manifest, ...entry }) => entry);
}

function kindOf({ kind }) {
  return kind === "tool" ? "tool" : "agent";
}

function entryOf({ name, description, manifest: text }) {
  const manifest = parse(text);
  return {
    name, kind: kindOf(manifest), hosted: true, state: "active", owner: manifest.owner ?? null, description, url: null, score: null,
    brief: `${name}: ${description}`, definition: text, manifest,
  };
}

export function info(agent) {
  const manifest = agent.manifest();
  const { name, kind, description } = manifest;
  return { name, kind, description, status: "active", digest: `sha256:${"0".repeat(64)}`, manifest: stringify(manifest) };
}

export function events(all, { eventType, topic, text, actionable, after, limit }) {
  const found = new Map();
  for (const agent of all) {
    const { name, subscriptions, produces } = agent.manifest();
    for (const entry of subscriptions) definition(found, entry).consumers.push(name);
    for (const entry of produces) definition(found, entry).producers.push(name);
  }
  const fits = (event) =>
    (!eventType || event.eventType.includes(eventType)) &&
    (!topic || topic === event.topic) &&
    (!text || common(text, event.description) > 0) &&
    (!actionable || event.actionable) &&
    (!after || event.eventType > after);
  const finished = [...found.values()].map((event) => ({ ...event, actionable: event.consumers.length > 0 }));
  return finished.filter(fits).sort(by("eventType")).slice(0, limit);
}

/** The schema of an event type that some agent declares. */
export function schema(all, name) {
  const entries = all.flatMap((agent) => [...agent.manifest().subscriptions, ...agent.manifest().produces]);
  return entries.find((entry) => entry.type === name && entry.schema !== undefined)?.schema;
}

function definition(found, { topic, type, description = "", schema: body }) {
  if (!found.has(type)) {
    found.set(type, {
      eventType: type, topic, description, schema: body === undefined ? null : type, consumers: [], producers: [],
    });
  }
  return found.get(type);
}

function by(member) {
  return (left, right) => (left[member] < right[member] ? -1 : 1);
}
