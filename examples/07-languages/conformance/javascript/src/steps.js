// What each step does: one call of the host.

const contents = (found) => found.map(({ content }) => content);
const names = (found) => found.map(({ name }) => name);

export const STEPS = {
  echo: (_, { value }) => value,
  event: (_, __, { type, topic, subject, session, plan, user, customer, attempt, extensions }) => ({
    type,
    topic,
    subject: subject ?? null,
    session: session ?? null,
    plan: plan ?? null,
    user: user ?? null,
    customer: customer ?? null,
    attempt,
    extensions,
  }),
  publish: (ctx, { topic, type, data, subject, after_ms: afterMs, at, times = 1 }) => {
    let id;
    // Not by `event`: whether the host refuses a type is what is asked here.
    for (let time = 0; time < times; time += 1) id = ctx.publish({ topic, type }, data, { subject, afterMs, at });
    return id;
  },
  respond: (ctx, { data }) => ctx.respond(data),
  call: (ctx, { type, data, timeout_ms: timeoutMs }) => ctx.call(type, data, { timeoutMs }),

  "working.get": ({ working }, { key }) => working.get(key),
  "working.put": ({ working }, { key, value, ttl_ms: ttlMs }) => working.put(key, value, { ttlMs }),
  "working.delete": ({ working }, { key }) => working.delete(key),
  "working.keys": ({ working }, { prefix, after, limit }) => working.keys(prefix, { after, limit }),
  "working.increment": ({ working }, { key, by }) => working.increment(key, by),
  "working.append": ({ working }, { key, value }) => working.append(key, value),

  "knowledge.remember": ({ knowledge }, { content, external_id: externalId, metadata, tags }) =>
    knowledge.remember({ content, externalId, metadata, tags }),
  "knowledge.get": ({ knowledge }, { id }) => {
    const { content, metadata, tags, externalId } = knowledge.get(id);
    return { content, metadata, tags, external_id: externalId ?? null };
  },
  "knowledge.forget": ({ knowledge }, { id }) => knowledge.forget(id),
  "knowledge.search": ({ knowledge }, { text, limit }) => contents(knowledge.search(text, { limit })),
  "knowledge.list": ({ knowledge }, { limit }) => contents(knowledge.list({ limit }).items),

  "episodes.add": ({ episodes }, { role, content, metadata }) => episodes.add(role, content, metadata),
  "episodes.recent": ({ episodes }, { limit, role }) => contents(episodes.recent({ limit, role })),
  "episodes.search": ({ episodes }, { text, limit }) => contents(episodes.search(text, { limit })),
  "episodes.unconsolidated": ({ episodes }, { limit }) => contents(episodes.unconsolidated(limit)),
  "episodes.consolidate": ({ episodes }, { through }) => episodes.consolidate(through),

  "procedures.put": ({ procedures }, { name, kind, body, triggers, metadata }) =>
    procedures.put({ name, kind, body, triggers, metadata }),
  "procedures.get": ({ procedures }, { name, version: wanted }) => {
    const { body, version, kind } = procedures.get(name, wanted);
    return { body, version, kind };
  },
  "procedures.activate": ({ procedures }, { name, version }) => procedures.activate(name, version),
  "procedures.roll-back": ({ procedures }, { name }) => procedures.rollBack(name),
  "procedures.match": ({ procedures }, { situation, limit }) => names(procedures.matching(situation, limit)),

  "registry.find-agents": ({ registry }, { name }) => names(registry.findAgents({ name })),
  "registry.discover": ({ registry }, { name: part }) =>
    registry.discover({ name: part }).map(({ name, kind, hosted }) => ({ name, kind, hosted })),
  "registry.get-agent": ({ registry }, { name: wanted }) => {
    const { name, kind, status } = registry.getAgent(wanted);
    return { name, kind, status };
  },
  "registry.find-events": ({ registry }, { type }) => registry.findEvents({ type }).map((event) => event.type),
  "registry.get-schema": ({ registry }, { name, version }) => registry.getSchema(name, version).body,
  "registry.validate": ({ registry }, { schema, value }) =>
    registry.validate(schema, value).map(({ pointer }) => pointer),

  who: (ctx) => {
    const { agent, attempt, depth, user } = ctx.identity();
    return { agent, attempt, depth, user: user ?? null };
  },
  remaining: (ctx) => {
    const { timeMs, cpuMs, hostCalls, events, writes, outputBytes } = ctx.budget();
    return { time_ms: timeMs, cpu_ms: cpuMs, host_calls: hostCalls, events, writes, output_bytes: outputBytes };
  },
  cancelled: (ctx) => ctx.cancelled(),
  config: (ctx, { key }) => ctx.config(key),
  log: ({ log }, { level, message, fields }) => log[level](message, fields),
  now: (ctx) => ctx.now().toISOString(),
  elapsed: (ctx) => ctx.elapsedMs(),
  random: (ctx, { len }) => ctx.randomBytes(len).length,
};
