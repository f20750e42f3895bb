"""Write Warren agents in Python.

An agent handles one event at a time. What it writes and publishes while it does takes effect when its handler returns, all
together, or not at all::

    from warren_agent import Agent, Context, Event, payload

    @payload("action-requests", "greet.requested")
    class Requested:
        name: str

    @payload("action-results", "greeted")
    class Greeted:
        text: str

    agent = Agent("greeter", description="Greets people.", produces=[Greeted])

    @agent.on(Requested)
    def greet(ctx: Context, event: Event[Requested]) -> None:
        ctx.publish(Greeted(text=f"Hello, {event.data.name}!"))

Invariant: nothing in this package but ``component`` imports a host function, so that the same agent runs in a component and
in unit tests (`warren_agent.testing`).
"""

from .agent import Agent
from .context import Budget, Context, Identity, Log, Registry
from .errors import (
    Conflict,
    Denied,
    Exhausted,
    HostError,
    Invalid,
    JsonError,
    NotFound,
    Reject,
    Retry,
    Unavailable,
)
from .event import Event
from .grants import GRANTS
from .memory import Entries, Episode, Episodes, Item, Knowledge, Procedure, Procedures, Working
from .payload import TOPICS, EventType, payload

__all__ = [
    "GRANTS",
    "TOPICS",
    "Agent",
    "Budget",
    "Conflict",
    "Context",
    "Denied",
    "Entries",
    "Episode",
    "Episodes",
    "Event",
    "EventType",
    "Exhausted",
    "HostError",
    "Identity",
    "Invalid",
    "Item",
    "JsonError",
    "Knowledge",
    "Log",
    "NotFound",
    "Procedure",
    "Procedures",
    "Registry",
    "Reject",
    "Retry",
    "Unavailable",
    "Working",
    "payload",
]
