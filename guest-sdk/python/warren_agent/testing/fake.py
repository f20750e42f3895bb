"""The host of one turn of the test host, or of one nested call, in the words of the contract.

Invariant: a function refuses what the real one refuses: what was not granted, past the limits, not JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

from ..agent import Agent
from ..errors import HostError, failure_of
from ..payload import EventType, JsonError, read, write
from . import registry
from .memory import best_first, common
from .world import LogLine, World

if TYPE_CHECKING:
    from . import Settings

# As on the real host.
_EVENTS_MAX = 64
_DEPTH_MAX = 4
_KEY_BYTES_MAX = 512
_JSON_BYTES_MAX = 256 * 1024
_RANDOM_BYTES_MAX = 65_536


def fake(world: World, settings: Settings, agent: Agent, event: dict, depth: int) -> Any:
    """The contract's functions for a turn."""
    turn = _Turn(world, settings, agent, event, depth)
    interfaces = (_Events, _Working, _Knowledge, _Episodes, _Procedures, _Registry, _Context, _Log, _Clock, _Random)
    return _Named({interface.__name__[1:].lower(): interface(turn) for interface in interfaces})


class _Named:
    def __init__(self, members: dict) -> None:
        self.__dict__.update(members)


class _Turn:
    def __init__(self, world: World, settings: Settings, agent: Agent, event: dict, depth: int) -> None:
        self.world, self.settings, self.agent, self.event, self.depth = world, settings, agent, event, depth
        self.place = (agent.name, event["plan"])
        self.whose = (agent.name, event["user"])


class _Interface:
    def __init__(self, turn: _Turn) -> None:
        self.turn = turn
        self.world = turn.world


def _asks(grant: Optional[str] = None, *, can_fail: bool = True) -> Callable:
    """Count the call and see whether it goes through, then do it."""

    def around(function: Callable) -> Callable:
        def call(self: _Interface, *arguments: Any) -> Any:
            turn, doings = self.turn, self.world.turn
            doings.host_calls += 1
            fail = turn.settings.fail_call
            if can_fail and fail and fail[0] == doings.host_calls:
                raise fail[1]
            if grant and (grant not in turn.agent.grants or grant in turn.settings.deny):
                raise HostError.of("denied", f"`{turn.agent.name}` was not granted `{grant}`; ask for it in `grants`")
            return function(self, *arguments)

        return call

    return around


class _Events(_Interface):
    @_asks("events:publish")
    def publish(self, draft: dict) -> str:
        return self._stage(draft)

    @_asks("events:publish")
    def publish_later(self, draft: dict, _delay_ms: int) -> str:
        return self._stage(draft)

    @_asks("events:publish")
    def publish_at(self, draft: dict, _at: str) -> str:
        return self._stage(draft)

    @_asks("events:publish")
    def respond(self, data: str) -> str:
        address, doings = self.turn.event["reply_to"], self.world.turn
        if address is None:
            raise HostError.of("not-found")
        if doings.responded:
            raise HostError.of("conflict", "response: this turn has responded already")
        value = _json("data", data)
        id = self._stage({**address, "data": data}) if self.turn.depth == 0 else self.world.next_id("evt")
        doings.response, doings.responded = value, True
        return id

    @_asks("events:call")
    def call(self, name: str, data: str, timeout_ms: int) -> str:
        turn, world = self.turn, self.world
        if timeout_ms == 0:
            raise HostError.of("invalid", "timeout-ms: must be at least 1")
        for known, answer in turn.settings.answers:
            if known.name == name:
                return write(answer(_json("data", data)), "the answer")
        if turn.depth >= _DEPTH_MAX:
            raise HostError.of("exhausted", f"call_depth_max is {_DEPTH_MAX} nested calls, all used")
        tool = self._tool(name)
        before, outer = world.snapshot(), (world.turn.response, world.turn.responded)
        world.turn.response, world.turn.responded = None, False
        answer_type = EventType("action-results", name)
        inherited = {key: turn.event[key] for key in ("plan", "session", "user", "customer")}
        request = world.event(EventType("action-requests", name), data, {**inherited, "reply_to": answer_type})
        request.update(parent=turn.event["id"], trace=turn.event["trace"])
        reason = "ended without responding"
        try:
            tool.handle(fake(world, turn.settings, tool, request, turn.depth + 1), request)
            responded, response = world.turn.responded, world.turn.response
        except Exception as raised:
            responded, response, reason = False, None, failure_of(raised).reason
        if not responded:
            world.roll_back(before)
        world.turn.response, world.turn.responded = outer
        if responded:
            return write(response, "the answer")
        raise HostError.of("unavailable", f"tool: `{tool.name}` {reason}")

    def _stage(self, draft: dict) -> str:
        turn, doings = self.turn, self.world.turn
        _json("data", draft["data"])
        if len(doings.published) >= _EVENTS_MAX:
            raise HostError.of("exhausted", f"events_max is {_EVENTS_MAX} a turn, all used")
        made = self.world.event(EventType(draft["topic"], draft["event_type"]), draft["data"], {})
        cause = turn.event
        inherited = {key: draft.get(key) or cause[key] for key in ("correlation", "session", "goal", "plan", "task")}
        doings.published.append({
            **made,
            **inherited,
            **{key: draft.get(key) for key in ("subject", "schema", "reply_to")},
            **{key: cause[key] for key in ("trace", "customer", "user")},
            "source": f"agent/{turn.agent.name}",
            "parent": cause["id"],
            "extensions": draft.get("extensions", []),
        })
        return made["id"]

    def _tool(self, name: str) -> Agent:
        everyone = self.turn.settings.agents
        tools = [one for one in everyone if one.kind == "tool" and one.handles("action-requests", name)]
        if not tools:
            raise HostError.of("not-found")
        if len(tools) > 1:
            raise HostError.of("conflict", f"both `{tools[0].name}` and `{tools[1].name}` answer `{name}`")
        return tools[0]


class _Working(_Interface):
    @_asks("working:read")
    def get(self, key: str) -> Optional[str]:
        return self.world.get(*self.turn.place, _key(key))

    @_asks("working:write")
    def put(self, key: str, value: str, _ttl_ms: Optional[int]) -> None:
        _json("value", value)
        self.world.put(*self.turn.place, _key(key), value)

    @_asks("working:write")
    def delete(self, key: str) -> bool:
        there = self.world.get(*self.turn.place, _key(key)) is not None
        if there:
            self.world.put(*self.turn.place, key, None)
        return there

    @_asks("working:read")
    def keys(self, prefix: str, after: Optional[str], limit: int) -> list[str]:
        _limit(limit, 1000)
        keys = [key for key in self.world.keys(*self.turn.place) if key.startswith(prefix)]
        return [key for key in keys if after is None or key.encode() > after.encode()][:limit]

    @_asks("working:write")
    def increment(self, key: str, by: float) -> float:
        old = self.world.value(*self.turn.place, _key(key), 0)
        if isinstance(old, bool) or not isinstance(old, (int, float)):
            raise HostError.of("conflict", f"the value of `{key}` is not a number")
        total = float(old) + by
        self.world.put(*self.turn.place, key, write(int(total) if total.is_integer() else total, key))
        return total

    @_asks("working:write")
    def append(self, key: str, value: str) -> int:
        old = self.world.value(*self.turn.place, _key(key), [])
        if not isinstance(old, list):
            raise HostError.of("conflict", f"the value of `{key}` is not an array")
        items = [*old, _json("value", value)]
        self.world.put(*self.turn.place, key, write(items, key))
        return len(items)


class _Knowledge(_Interface):
    @_asks("knowledge:write")
    def remember(self, entry: dict) -> str:
        if not entry["content"]:
            raise HostError.of("invalid", "content: must not be empty")
        if entry["visibility"] not in ("private", "customer", "tenant"):
            raise HostError.of("invalid", f"there is no {entry['visibility']!r}")
        _json("metadata", entry["metadata"])
        return self.world.remember(entry, f"agent/{self.turn.agent.name}")

    @_asks("knowledge:read")
    def search(self, query: dict) -> list[dict]:
        _limit(query["limit"], 100)
        return self.world.search(query)

    @_asks("knowledge:read")
    def list_entries(self, given: dict) -> dict:
        _limit(given["limit"], 100)
        return self.world.list_entries(given)

    @_asks("knowledge:read")
    def get(self, id: str) -> dict:
        return _there(self.world.item(id))

    @_asks("knowledge:write")
    def forget(self, id: str) -> bool:
        return self.world.forget(id)


class _Episodes(_Interface):
    @_asks("episodes:write")
    def add(self, role: str, content: str, metadata: str) -> str:
        if role not in ("user", "assistant", "system", "tool"):
            raise HostError.of("invalid", f"there is no {role!r}")
        _json("metadata", metadata)
        episode = {"role": role, "content": content, "metadata": metadata, "session": self.turn.event["session"]}
        return self.world.add_episode(self.turn.whose, episode)

    @_asks("episodes:read")
    def recent(self, given: dict) -> list[dict]:
        _limit(given["limit"], 100)
        return self.world.episodes(self.turn.whose, given)[: given["limit"]]

    @_asks("episodes:read")
    def search(self, text: str, given: dict) -> list[dict]:
        _limit(given["limit"], 100)
        best = best_first(self.world.episodes(self.turn.whose, given), lambda one: common(text, one["content"]))
        return [{key: value for key, value in one.items() if key != "score"} for one in best[: given["limit"]]]

    @_asks("episodes:read")
    def unconsolidated(self, limit: int) -> list[dict]:
        _limit(limit, 100)
        return self.world.unconsolidated(self.turn.whose, limit)

    @_asks("episodes:write")
    def consolidate(self, through: str) -> None:
        if not self.world.consolidate(self.turn.whose, through):
            raise HostError.of("not-found")


class _Procedures(_Interface):
    @_asks("procedures:write")
    def put(self, procedure: dict) -> int:
        return self.world.put_procedure(procedure, f"agent/{self.turn.agent.name}")

    @_asks("procedures:read")
    def get(self, name: str, version: Optional[int]) -> dict:
        return _there(self.world.procedure(name, version))

    @_asks("procedures:write")
    def activate(self, name: str, version: int) -> None:
        if not self.world.activate(name, version):
            raise HostError.of("not-found")

    @_asks("procedures:write")
    def roll_back(self, name: str) -> int:
        _there(self.world.procedure(name))
        version = self.world.roll_back_procedure(name)
        if version is None:
            raise HostError.of("conflict", f"`{name}` has nothing to go back to")
        return version

    @_asks("procedures:read")
    def match_situation(self, situation: str, limit: int) -> list[dict]:
        _limit(limit, 50)
        return self.world.matching(situation, limit)


class _Registry(_Interface):
    @_asks("registry:read")
    def find_agents(self, query: dict) -> list[dict]:
        _limit(query["limit"], 100)
        return registry.agents(self.turn.settings.agents, query)

    @_asks("registry:read")
    def discover(self, query: dict) -> list[dict]:
        _limit(query["limit"], 100)
        return registry.discover(self.turn.settings.agents, query)

    @_asks("registry:read")
    def get_agent(self, name: str) -> dict:
        return registry.info(_there(next((one for one in self.turn.settings.agents if one.name == name), None)))

    @_asks("registry:read")
    def find_events(self, query: dict) -> list[dict]:
        _limit(query["limit"], 100)
        return registry.events(self.turn.settings.agents, query)

    @_asks("registry:read")
    def get_schema(self, name: str, version: Optional[int]) -> dict:
        body = registry.schema(self.turn.settings.agents, name) if version in (None, 1) else None
        return {"name": name, "version": 1, "body": write(_there(body), "the schema")}

    @_asks("registry:read")
    def validate(self, schema: str, _value: str) -> list[dict]:
        if schema not in self.turn.settings.violations:
            raise HostError.of(
                "unavailable", f"the test host checks no schemas; say what it finds: violations={{{schema!r}: []}}"
            )
        return self.turn.settings.violations[schema]


class _Context(_Interface):
    @_asks(can_fail=False)
    def who(self) -> dict:
        turn = self.turn
        return {
            "agent": turn.agent.name,
            "digest": "sha256:" + "0" * 64,
            "turn": f"trn_{turn.event['id']}_{turn.agent.name}",
            **{key: turn.event[key] for key in ("attempt", "customer", "user")},
            "depth": turn.depth,
        }

    @_asks(can_fail=False)
    def remaining(self) -> dict:
        doings = self.world.turn
        return {
            "time_ms": 30_000,
            "cpu_ms": 1000,
            "host_calls": 10_000 - doings.host_calls,
            "events": _EVENTS_MAX - len(doings.published),
            "writes": 1000 - doings.writes,
            "output_bytes": 1024 * 1024,
        }

    @_asks(can_fail=False)
    def cancelled(self) -> bool:
        return self.turn.settings.cancelled

    @_asks()
    def config(self, key: str) -> Optional[str]:
        return self.turn.settings.config.get(key)


class _Log(_Interface):
    @_asks(can_fail=False)
    def log(self, level: str, message: str, fields: list[tuple[str, str]]) -> None:
        self.world.turn.log.append(LogLine(self.turn.agent.name, level, message, dict(fields)))


class _Clock(_Interface):
    @_asks(can_fail=False)
    def now(self) -> str:
        return self.world.now

    @_asks(can_fail=False)
    def elapsed_ms(self) -> int:
        return 0


class _Random(_Interface):
    @_asks()
    def bytes(self, length: int) -> bytes:
        if length > _RANDOM_BYTES_MAX:
            raise HostError.of("invalid", f"len: {length} is more than {_RANDOM_BYTES_MAX}")
        # The same in every run, and other bytes at every call.
        return bytes((self.world.turn.host_calls * 31 + at * 167) % 256 for at in range(length))


def _there(value: Any) -> Any:
    if value is None:
        raise HostError.of("not-found")
    return value


def _limit(got: int, most: int) -> None:
    if not 1 <= got <= most:
        raise HostError.of("invalid", f"limit: {got} is not between 1 and {most}")


def _key(key: str) -> str:
    size = len(key.encode())
    if 1 <= size <= _KEY_BYTES_MAX and not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in key):
        return key
    raise HostError.of("invalid", f"key: must be 1 to {_KEY_BYTES_MAX} bytes without control characters, has {size}")


def _json(field: str, text: str) -> Any:
    size = len(text.encode())
    if size > _JSON_BYTES_MAX:
        raise HostError.of("invalid", f"{field}: {size} bytes, the limit is {_JSON_BYTES_MAX}")
    try:
        return read(text, field)
    except JsonError as error:
        raise HostError.of("invalid", str(error)) from None
