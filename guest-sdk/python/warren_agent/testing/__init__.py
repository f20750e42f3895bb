"""Tests of agents without WebAssembly and without a host::

    turn = TestHost(working={"count": 41}).handle(agent, Requested(name="Ada"))
    assert turn.of(Greeted) == [Greeted(text="Hello, Ada!")]
    assert turn.working("count") == 42

Invariant: what a turn wrote is kept when its handler returns and gone when it raises, as on the real host; an agent has the
grants that it asks for and no others, so that a test shows a forgotten one. What is simpler here: times to live do not pass,
events for later come at once, searches count common words, schemas are not checked.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Callable, Iterable, Mapping, Optional

from ..agent import Agent
from ..errors import Failure, HostError, failure_of
from ..event import Event, received
from ..memory import instant
from ..payload import EventType, Typed, event_type, parts, write
from .fake import fake
from .world import LogLine, World

__all__ = ["LogLine", "Settled", "TestHost", "Turn"]

_TURNS_MAX = 1000
"""Turns after which agents go round in circles, rather than work."""


@dataclass
class Settings:
    """What a test told the host to be like."""

    now: str
    agents: list[Agent]
    answers: list[tuple[EventType, Callable[[Any], Any]]]
    violations: Mapping[str, list[dict]]
    config: Mapping[str, str]
    deny: Iterable[str]
    fail_call: Optional[tuple[int, HostError]]
    cancelled: bool


class TestHost:
    """A host for tests: keeps memory from turn to turn, and records what each turn does.

    `working` and `plan_working` are values in working memory, `knowledge` texts that are known, `procedures` dicts with
    `name` and `body`. `agents` are others of the tenant: the registry knows them, calls and `settle` reach them; `answers` are
    pairs of a type of request and a function from its data to the answer, in place of a tool. `violations` is what
    `registry.validate` finds, by schema. `deny` are grants that no agent gets; `fail_call` refuses the host call of that
    number, from 1, of each turn. The clock stands still at `now`.
    """

    __test__ = False  # Not a test case, whatever pytest thinks of its name.

    def __init__(
        self,
        *,
        working: Optional[Mapping[str, Any]] = None,
        plan_working: Optional[Mapping[str, Mapping[str, Any]]] = None,
        knowledge: Iterable[str] = (),
        procedures: Iterable[dict] = (),
        agents: Iterable[Agent] = (),
        answers: Iterable[tuple[Typed, Callable[[Any], Any]]] = (),
        violations: Optional[Mapping[str, list[dict]]] = None,
        config: Optional[Mapping[str, str]] = None,
        now: datetime | str = "2026-01-01T00:00:00.000Z",
        deny: Iterable[str] = (),
        fail_call: Optional[tuple[int, HostError]] = None,
        cancelled: bool = False,
    ) -> None:
        self._settings = Settings(
            now=instant(now) or "",
            agents=list(agents),
            answers=[(event_type(kind), answer) for kind, answer in answers],
            violations=violations or {},
            config=config or {},
            deny=list(deny),
            fail_call=fail_call,
            cancelled=cancelled,
        )
        self._world = World(self._settings.now)
        for key, value in (working or {}).items():
            self._world.seed(None, key, write(value, key))
        for plan, values in (plan_working or {}).items():
            for key, value in values.items():
                self._world.seed(plan, key, write(value, key))
        for content in knowledge:
            self._world.remember({"content": content}, "test")
        for procedure in procedures:
            self._world.put_procedure(procedure, "test")

    def handle(self, agent: Agent, payload: Any, **context: Any) -> Turn:
        """Run one turn. `context` is what the event says besides its payload: `plan`, `session`, `user`, `customer`,
        `attempt`, `id`, `subject`, `reply_to` (a type of event), `extensions`."""
        return self._turn(agent, self._event(payload, context))

    def working(self, agent: str, key: str, default: Any = None) -> Any:
        """A value of an agent's working memory, outside any plan."""
        return self._world.value(agent, None, key, default)

    def settle(self, payload: Any, **context: Any) -> Settled:
        """Publish an event and run the turns of `agents` until nothing is left to handle. A failed turn is not tried again."""
        waiting = deque([self._event(payload, context)])
        settled = Settled()
        turns = 0
        while waiting:
            wit = waiting.popleft()
            for agent in self._settings.agents:
                if not agent.handles(wit["topic"], wit["event_type"]):
                    continue
                turns += 1
                assert turns <= _TURNS_MAX, f"still busy after {_TURNS_MAX} turns"
                turn = self._turn(agent, wit)
                if turn.failure:
                    settled.failures.append((agent.name, turn.failure))
                waiting.extend(turn._published)
            settled.events.append(received(wit))
        return settled

    def _event(self, payload: Any, context: Mapping[str, Any]) -> dict:
        kind, data = parts(payload)
        return self._world.event(kind, write(data, f"the payload of `{kind.name}`"), context)

    def _turn(self, agent: Agent, wit: dict) -> Turn:
        before = self._world.begin()
        failure = error = None
        try:
            agent.handle(fake(self._world, self._settings, agent, wit, 0), wit)
        except Exception as raised:
            failure, error = failure_of(raised), raised
            self._world.roll_back(before)
        return Turn(agent, wit, self._world, failure, error)


class Turn:
    """What one turn did. Of one that failed only the failure, the log and the count of its host calls are left."""

    ok: bool
    failure: Optional[Failure]
    """How it failed: `kind` is ``retry``, ``reject`` or ``other``."""
    error: Optional[Exception]
    """What the handler raised."""
    published: list[Event]
    """All published events in order, the response included."""
    response: Any
    log: list[LogLine]
    host_calls: int

    def __init__(
        self, agent: Agent, wit: dict, world: World, failure: Optional[Failure], error: Optional[Exception]
    ) -> None:
        self._agent, self._plan, self._world = agent.name, wit["plan"], world
        self._published = list(world.turn.published)
        self.ok = failure is None
        self.failure = failure
        self.error = error
        self.published = [received(one) for one in self._published]
        self.response = world.turn.response
        self.log = list(world.turn.log)
        self.host_calls = world.turn.host_calls

    def of(self, kind: Typed) -> list[Any]:
        """Payloads of the published events of a type, in order."""
        wanted = event_type(kind)
        found = [event for event in self.published if (event.topic, event.type) == (wanted.topic, wanted.name)]
        return [wanted.read(event.data) for event in found]

    def working(self, key: str, default: Any = None) -> Any:
        """A value of working memory as the agent reads it now."""
        return self._world.value(self._agent, self._plan, key, default)


@dataclass
class Settled:
    """What became of an event and of all that it set off."""

    events: list[Event] = field(default_factory=list)
    failures: list[tuple[str, Failure]] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        """The types of all events, in order."""
        return [event.type for event in self.events]
