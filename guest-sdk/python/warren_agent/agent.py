"""The declaration of an agent: what it is, what it handles and with which function, what it asks for.

Invariant: manifest and dispatch come from one declaration, so an agent is never sent what it has no handler for.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, Iterable, Optional, TypeVar

from .context import Context
from .errors import JsonError, NotFound, Reject, Seconds, millis
from .event import Event, received
from .grants import grants_of
from .payload import EventType, Typed, event_type, fields_of, write

_KINDS = ("tool", "worker", "planner", "agent")

Handler = Callable[[Context, Event], Any]
H = TypeVar("H", bound=Handler)


class Agent:
    """An agent; the one of an agent's module is found by its type, whatever the name of the variable.

    `kind`: ``tool`` answers a request in one turn and may be called inside another agent's turn, ``worker`` carries a task
    over several turns, ``planner`` drives a plan, ``agent`` is anything else. `grants` are words such as ``working`` or
    ``knowledge:read``; `produces` asks for publishing and `calls` for calling by themselves. `timeout`, `concurrency` (turns
    at once) and `attempts` are the host's to choose where nothing is said.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: str = "agent",
        description: str = "",
        version: Optional[str] = None,
        category: Optional[str] = None,
        tags: Iterable[str] = (),
        owner: Optional[str] = None,
        produces: Iterable[Typed] = (),
        grants: Iterable[str] = (),
        calls: bool = False,
        capabilities: Iterable[dict] = (),
        timeout: Optional[Seconds] = None,
        concurrency: Optional[int] = None,
        attempts: Optional[int] = None,
    ) -> None:
        if kind not in _KINDS:
            raise ValueError(f"there is no kind {kind!r}; there are: {', '.join(_KINDS)}")
        self.name = name
        self.kind = kind
        self.description = description
        self.version = version
        self._found_by = {"category": category, "tags": list(tags), "owner": owner}
        self._produces = {_key(event_type(of)): event_type(of) for of in produces}
        self._wanted = [*grants_of(grants), *(["events:call"] if calls else [])]
        self._capabilities = list(capabilities)
        self._settings = {
            "timeout_ms": None if timeout is None else millis(timeout),
            "concurrency": concurrency,
            "attempts": attempts,
        }
        self._handlers: dict[tuple[str, str], tuple[EventType, Handler]] = {}

    def on(self, handled: Typed) -> Callable[[H], H]:
        """Handle events of a type with the function below. What it writes and publishes is kept if it returns."""
        kind = event_type(handled)

        def register(handler: H) -> H:
            self._add(kind, handler, handler)
            return handler

        return register

    def answers(self, request: Typed, answer: Typed) -> Callable[[H], H]:
        """Answer requests of a type with what the function below returns.

        The answer goes to whoever called, or to the reply address of the request; one that asks for no answer gets none.
        """
        kind, answered = event_type(request), event_type(answer)
        self._produces[_key(answered)] = answered

        def register(handler: H) -> H:
            def answering(ctx: Context, event: Event) -> None:
                value = _done(handler(ctx, event), kind)
                try:
                    ctx.respond(value)
                except NotFound:
                    pass  # Who asks for no answer gets none.

            self._add(kind, handler, answering)
            return handler

        return register

    @property
    def grants(self) -> list[str]:
        """The grants it asks for, in order."""
        return grants_of([*self._wanted, *(["events:publish"] if self._produces else [])])

    def manifest(self) -> dict:
        """What the host reads when it is pushed."""
        manifest: dict = {
            "name": self.name,
            "kind": self.kind,
            "description": self.description,
            "subscriptions": [kind.entry() for kind, _ in self._handlers.values()],
            "produces": [kind.entry() for kind in self._produces.values()],
            "grants": self.grants,
        }
        settings = {name: value for name, value in self._settings.items() if value is not None}
        optional = {"version": self.version, **self._found_by, "capabilities": self._capabilities, "settings": settings}
        return {**manifest, **{name: value for name, value in optional.items() if value}}

    def describe(self) -> str:
        """The manifest as JSON."""
        return write(self.manifest(), "the manifest")

    def handles(self, topic: str, name: str) -> bool:
        """Whether it handles events of this type on this topic."""
        return (topic, name) in self._handlers

    def handle(self, host: Any, wit: dict) -> None:
        """Run the handler of an event of the contract on a host. Raises what the handler raises."""
        topic, name = wit["topic"], wit["event_type"]
        if not self.handles(topic, name):
            raise Reject(f"`{self.name}` has no handler for `{name}` on {topic}")
        kind, handler = self._handlers[topic, name]
        try:
            event = received(wit, kind)
        except JsonError as error:
            # Trying again cannot make it fit.
            raise Reject(f"the payload of `{name}` does not fit: {error}") from error
        _done(handler(Context(host), event), kind)

    def _add(self, kind: EventType, given: Any, handler: Handler) -> None:
        if not callable(given):
            raise TypeError(f"the handler of `{kind.name}` is not a function")
        if self.handles(kind.topic, kind.name):
            raise ValueError(f"two handlers for `{kind.name}` on {kind.topic}")
        if kind.cls is not None:
            fields_of(kind.cls)
        self._handlers[_key(kind)] = (kind, handler)


def agent_of(module: Any) -> Agent:
    """The agent of a module."""
    agents = {id(value): value for value in vars(module).values() if isinstance(value, Agent)}
    if len(agents) != 1:
        raise TypeError(
            f"{module.__name__} has {len(agents)} agents at its top level, it must have one: agent = Agent(\"…\")"
        )
    return next(iter(agents.values()))


def _done(value: Any, kind: EventType) -> Any:
    """What a handler gave, if it is done: nobody runs what a coroutine has left to do."""
    if not inspect.iscoroutine(value):
        return value
    value.close()
    raise TypeError(
        f"the handler of `{kind.name}` is a coroutine: host functions answer at once, write it without async and await"
    )


def _key(kind: EventType) -> tuple[str, str]:
    return kind.topic, kind.name
