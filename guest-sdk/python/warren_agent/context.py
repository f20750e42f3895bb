"""What a handler may do.

Invariant: nothing here keeps state of its own. `host` has the contract's functions over plain values (a record is a dict);
in a component they are the imports, in a test those of the fake host.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Optional, Union

from .errors import Seconds, millis
from .memory import Episodes, Instant, Knowledge, Procedures, Working, instant
from .payload import EventType, Typed, event_type, fitted, parts, read, write

_CALL_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Identity:
    """Who runs, and for whom."""

    agent: str
    digest: str
    """The SHA-256 digest of the component that runs."""
    turn: str
    """This turn: the same on every attempt at the same event, so it can name work done outside."""
    attempt: int
    customer: Optional[str]
    user: Optional[str]
    depth: int
    """How deep in nested calls: 0 in a turn of its own."""


@dataclass(frozen=True)
class Budget:
    """What is left of the turn."""

    time_ms: int
    cpu_ms: int
    host_calls: int
    events: int
    writes: int
    output_bytes: int


class Context:
    """What a handler may do. It is handed to every handler and is of no use after it."""

    working: Working
    """Working memory: what the work at hand has to keep in mind."""
    knowledge: Knowledge
    """Semantic memory: what is known, found again by meaning and by words."""
    episodes: Episodes
    """Episodic memory: what was said and done, in order, for this user."""
    procedures: Procedures
    """Procedural memory: prompts, rules and skills of the tenant."""
    registry: Registry
    """Who can do what, in this tenant."""
    log: Log
    """The agent's log, kept with the turn, failed turns included. `print` writes there too."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self.working = Working(host)
        self.knowledge = Knowledge(host)
        self.episodes = Episodes(host)
        self.procedures = Procedures(host)
        self.registry = Registry(host)
        self.log = Log(host)

    def publish(
        self,
        payload: Any,
        *,
        subject: Optional[str] = None,
        schema: Optional[str] = None,
        correlation: Optional[str] = None,
        session: Optional[str] = None,
        goal: Optional[str] = None,
        plan: Optional[str] = None,
        task: Optional[str] = None,
        reply_to: Optional[Typed] = None,
        extensions: Optional[dict[str, str]] = None,
        after: Optional[Seconds] = None,
        at: Optional[Instant] = None,
    ) -> str:
        """Publish an event when this turn commits, and return the id it will have. At most 64 a turn.

        `correlation` to `task` are those of the event being handled unless given; `reply_to` asks for an answer of that
        type; `after` (seconds or a timedelta) and `at` publish it later.
        """
        kind, data = parts(payload)
        answer = None if reply_to is None else event_type(reply_to)
        draft = {
            "topic": kind.topic,
            "event_type": kind.name,
            "data": write(data, f"the payload of `{kind.name}`"),
            "subject": subject,
            "schema": schema,
            "correlation": correlation,
            "session": session,
            "goal": goal,
            "plan": plan,
            "task": task,
            "reply_to": None if answer is None else {"topic": answer.topic, "event_type": answer.name},
            "extensions": [(name, str(value)) for name, value in (extensions or {}).items()],
        }
        if at is not None:
            return self._host.events.publish_at(draft, instant(at))
        if after is not None:
            return self._host.events.publish_later(draft, millis(after))
        return self._host.events.publish(draft)

    def respond(self, data: Any) -> str:
        """Answer the event being handled. `NotFound` if it asks for no answer, `Conflict` the second time."""
        return self._host.events.respond(write(data, "the response"))

    def call(self, request: Any, *, timeout: Seconds = _CALL_TIMEOUT_SECONDS, answer: Any = None) -> Any:
        """Call a tool agent inside this turn and wait for its answer, `timeout` seconds at most.

        What the tool writes and publishes joins this turn, all or nothing. `answer` is the type to read the answer as.
        """
        kind, data = parts(request)
        text = self._host.events.call(kind.name, write(data, f"the request `{kind.name}`"), millis(timeout))
        value = read(text, f"the answer to `{kind.name}`")
        if answer is None or isinstance(answer, EventType):
            return value
        return fitted(value, answer, f"the answer to `{kind.name}`")

    def identity(self) -> Identity:
        """Who runs, and for whom."""
        return Identity(**self._host.context.who())

    def budget(self) -> Budget:
        """What is left of this turn."""
        return Budget(**self._host.context.remaining())

    def cancelled(self) -> bool:
        """Whether the host would like this turn to end: it is shutting down or the caller has gone."""
        return self._host.context.cancelled()

    def config(self, key: str, default: Optional[str] = None) -> Optional[str]:
        """A configuration value that the tenant set for this agent."""
        value = self._host.context.config(key)
        return default if value is None else value

    def now(self) -> datetime:
        """The wall clock, in UTC; `datetime.now` is the same."""
        return datetime.fromisoformat(self._host.clock.now().replace("Z", "+00:00"))

    def elapsed_ms(self) -> int:
        """Milliseconds since the turn began."""
        return self._host.clock.elapsed_ms()

    def random_bytes(self, length: int) -> bytes:
        """Random bytes from the operating system, at most 65,536; `random` and `secrets` draw from there too."""
        return bytes(self._host.random.bytes(length))


@dataclass(frozen=True)
class AgentInfo:
    """An agent as the registry knows it."""

    name: str
    kind: str
    description: str
    status: str
    """``active``, ``paused`` or ``quarantined``."""
    digest: str
    manifest: dict


@dataclass(frozen=True)
class CatalogEntry:
    """An agent of this host, or a service that lives elsewhere."""

    name: str
    kind: str
    hosted: bool
    state: str
    """``active``, ``degraded``, ``unhealthy``, ``paused`` or ``offline``."""
    owner: Optional[str]
    description: str
    url: Optional[str]
    """Where it is, if it lives elsewhere."""
    score: Optional[float]
    """How well it answers the question, 0 to 1, if one was asked."""
    brief: str
    """It in a few lines for a language model: what it can do, what to send, what comes back."""
    definition: dict
    """All that it says of itself, events written out with their schemas."""


_NO_FILTER = (
    "id", "name", "kind", "category", "capability", "task", "consumes", "produces", "owner", "state", "text", "hosted", "after",
)
_CATALOG: dict[str, Any] = {**dict.fromkeys(_NO_FILTER), "tags": [], "include_expired": False, "limit": 100}


@dataclass(frozen=True)
class EventInfo:
    """An event type that somebody declared."""

    event_type: str
    topic: str
    description: str
    schema: Optional[str]
    actionable: bool
    """Whether some active agent consumes it."""
    consumers: list[str]
    producers: list[str]


@dataclass(frozen=True)
class Schema:
    """A JSON schema under a name and a version."""

    name: str
    version: int
    body: Any


@dataclass(frozen=True)
class Violation:
    """Where and why a value breaks a schema."""

    pointer: str
    message: str


class Registry:
    """Who can do what. All that is given to a query must match."""

    def __init__(self, host: Any) -> None:
        self._host = host.registry

    def find_agents(
        self,
        *,
        name: Optional[str] = None,
        kind: Optional[str] = None,
        consumes: Optional[str] = None,
        produces: Optional[str] = None,
        capability: Optional[str] = None,
        text: Optional[str] = None,
        limit: int = 100,
        after: Optional[str] = None,
    ) -> list[AgentInfo]:
        """Agents that match, by name."""
        query = {
            "name": name, "kind": kind, "consumes": consumes, "produces": produces, "capability": capability, "text": text,
            "limit": limit, "after": after,
        }
        return [_agent(found) for found in self._host.find_agents(query)]

    def discover(self, about: Optional[str] = None, **filters: Any) -> list[CatalogEntry]:
        """Agents of this host and services that live elsewhere, by name; or, if a question is asked, what answers it best
        first: ``discover("who can summarise a web page?")``.

        Filters, all of which must match: `id` (the name, or ``name:version``), `name` (a part), `kind` (``agent``, ``tool``,
        ``service``, ``api``, ``device``, ``node``), `category`, `tags` (all of them), `capability`, `task`, `consumes`, `produces`,
        `owner`, `state`, `text`, `hosted`, `include_expired`, `limit`, `after`.
        """
        unknown = [name for name in filters if name not in _CATALOG]
        if unknown:
            raise TypeError(f"there is no filter {unknown[0]!r}; there are: {', '.join(_CATALOG)}")
        query = {**_CATALOG, **filters, "tags": list(filters.get("tags", ())), "about": about}
        return [_entry(found) for found in self._host.discover(query)]

    def get_agent(self, name: str) -> AgentInfo:
        """The agent of this name."""
        return _agent(self._host.get_agent(name))

    def find_events(
        self,
        *,
        event_type: Optional[str] = None,
        topic: Optional[str] = None,
        text: Optional[str] = None,
        actionable: bool = False,
        limit: int = 100,
        after: Optional[str] = None,
    ) -> list[EventInfo]:
        """Event types that match, by name; `actionable`: only those that some active agent consumes."""
        query = {
            "event_type": event_type, "topic": topic, "text": text, "actionable": actionable, "limit": limit, "after": after,
        }
        return [EventInfo(**found) for found in self._host.find_events(query)]

    def get_schema(self, name: str, version: Optional[int] = None) -> Schema:
        """A registered schema: this version, or the latest."""
        found = self._host.get_schema(name, version)
        return Schema(**{**found, "body": read(found["body"], f"the schema `{name}`")})

    def validate(self, schema: str, value: Any) -> list[Violation]:
        """Check a value against a registered schema. Empty when it fits; at most 32."""
        return [Violation(**found) for found in self._host.validate(schema, write(value, "the value"))]


def _entry(found: dict) -> CatalogEntry:
    definition = read(found["definition"], f"the definition of `{found['name']}`")
    return CatalogEntry(**{**found, "definition": definition})


def _agent(found: dict) -> AgentInfo:
    return AgentInfo(**{**found, "manifest": read(found["manifest"], f"the manifest of `{found['name']}`")})


class Log:
    """A line is at most 8 KiB, all of a turn at most 64 KiB; the rest is cut."""

    def __init__(self, host: Any, fields: Union[dict, None] = None) -> None:
        self._host = host
        self._fields = fields or {}

    def with_fields(self, **fields: Any) -> Log:
        """The log with these fields on every line."""
        return Log(self._host, {**self._fields, **fields})

    def trace(self, message: str, **fields: Any) -> None:
        """Steps, for whoever looks closely."""
        self._write("trace", message, fields)

    def debug(self, message: str, **fields: Any) -> None:
        """What was decided and why."""
        self._write("debug", message, fields)

    def info(self, message: str, **fields: Any) -> None:
        """What was done."""
        self._write("info", message, fields)

    def warn(self, message: str, **fields: Any) -> None:
        """What is odd but was dealt with."""
        self._write("warn", message, fields)

    warning = warn

    def error(self, message: str, **fields: Any) -> None:
        """What went wrong."""
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict) -> None:
        given = {**self._fields, **fields}
        self._host.log.log(level, str(message), [(name, str(value)) for name, value in given.items()])
