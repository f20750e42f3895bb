"""What each step does: one call of the host."""

from warren_agent import Context, Event, EventType, Invalid


def contents(found) -> list:
    return [one.content for one in found]


def names(found) -> list:
    return [one.name for one in found]


def seconds(milliseconds):
    return None if milliseconds is None else milliseconds / 1000


def told(_ctx: Context, event: Event) -> dict:
    words = ("type", "topic", "subject", "session", "plan", "user", "customer", "attempt", "extensions")
    return {word: getattr(event, word) for word in words}


def publish(ctx: Context, _event, topic, type, data, subject=None, after_ms=None, at=None, times=1):
    try:
        kind = EventType(topic, type)
    except ValueError as error:
        # The SDK knows as well as the host what a type looks like.
        raise Invalid(str(error)) from error
    for _ in range(times):
        id = ctx.publish(kind(data), subject=subject, after=seconds(after_ms), at=at)
    return id


def call(ctx: Context, _event, type, data, timeout_ms):
    return ctx.call(EventType("action-requests", type)(data), timeout=timeout_ms / 1000)


def known(ctx: Context, _event, id):
    item = ctx.knowledge.get(id)
    return {word: getattr(item, word) for word in ("content", "metadata", "tags", "external_id")}


def procedure(ctx: Context, _event, name, version=None):
    found = ctx.procedures.get(name, version)
    return {word: getattr(found, word) for word in ("body", "version", "kind")}


def discovered(ctx: Context, _event, name):
    return [{word: getattr(entry, word) for word in ("name", "kind", "hosted")} for entry in ctx.registry.discover(name=name)]


def agent(ctx: Context, _event, name):
    found = ctx.registry.get_agent(name)
    return {word: getattr(found, word) for word in ("name", "kind", "status")}


def who(ctx: Context, _event):
    found = ctx.identity()
    return {word: getattr(found, word) for word in ("agent", "attempt", "depth", "user")}


STEPS = {
    "echo": lambda ctx, event, value: value,
    "event": told,
    "publish": publish,
    "respond": lambda ctx, event, data: ctx.respond(data),
    "call": call,
    "working.get": lambda ctx, event, key: ctx.working.get(key),
    "working.put": lambda ctx, event, key, value, ttl_ms=None: ctx.working.put(key, value, ttl=seconds(ttl_ms)),
    "working.delete": lambda ctx, event, key: ctx.working.delete(key),
    "working.keys": lambda ctx, event, prefix, limit, after=None: ctx.working.keys(prefix, after=after, limit=limit),
    "working.increment": lambda ctx, event, key, by: ctx.working.increment(key, by),
    "working.append": lambda ctx, event, key, value: ctx.working.append(key, value),
    "knowledge.remember": lambda ctx, event, content, **given: ctx.knowledge.remember(content, **given),
    "knowledge.get": known,
    "knowledge.forget": lambda ctx, event, id: ctx.knowledge.forget(id),
    "knowledge.search": lambda ctx, event, text, limit: contents(ctx.knowledge.search(text, limit=limit)),
    "knowledge.list": lambda ctx, event, limit: contents(ctx.knowledge.list(limit=limit).items),
    "episodes.add": lambda ctx, event, role, content, metadata: ctx.episodes.add(role, content, metadata),
    "episodes.recent": lambda ctx, event, limit, role=None: contents(ctx.episodes.recent(limit=limit, role=role)),
    "episodes.search": lambda ctx, event, text, limit: contents(ctx.episodes.search(text, limit=limit)),
    "episodes.unconsolidated": lambda ctx, event, limit: contents(ctx.episodes.unconsolidated(limit)),
    "episodes.consolidate": lambda ctx, event, through: ctx.episodes.consolidate(through),
    "procedures.put": lambda ctx, event, name, body, **given: ctx.procedures.put(name, body, **given),
    "procedures.get": procedure,
    "procedures.activate": lambda ctx, event, name, version: ctx.procedures.activate(name, version),
    "procedures.roll-back": lambda ctx, event, name: ctx.procedures.roll_back(name),
    "procedures.match": lambda ctx, event, situation, limit: names(ctx.procedures.matching(situation, limit)),
    "registry.find-agents": lambda ctx, event, name: names(ctx.registry.find_agents(name=name)),
    "registry.discover": discovered,
    "registry.get-agent": agent,
    "registry.find-events": lambda ctx, event, type: [one.event_type for one in ctx.registry.find_events(event_type=type)],
    "registry.get-schema": lambda ctx, event, name, version=None: ctx.registry.get_schema(name, version).body,
    "registry.validate": lambda ctx, event, schema, value: [one.pointer for one in ctx.registry.validate(schema, value)],
    "who": who,
    "remaining": lambda ctx, event: vars(ctx.budget()),
    "cancelled": lambda ctx, event: ctx.cancelled(),
    "config": lambda ctx, event, key: ctx.config(key),
    "log": lambda ctx, event, level, message, fields: getattr(ctx.log, level)(message, **fields),
    "now": lambda ctx, event: ctx.now().isoformat(),
    "elapsed": lambda ctx, event: ctx.elapsed_ms(),
    "random": lambda ctx, event, **given: len(ctx.random_bytes(given["len"])),
}
