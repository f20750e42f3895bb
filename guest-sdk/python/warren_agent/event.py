"""An event as a handler receives it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Optional, TypeVar

from .payload import EventType, read

D = TypeVar("D")


@dataclass
class Event(Generic[D]):
    """An event with its payload and the context of the work it belongs to."""

    data: D
    """The payload."""
    id: str
    """Unique in the tenant."""
    source: str
    """Who published it: ``agent/<name>`` or ``client/<key name>``."""
    type: str
    """What happened, for example ``order.placed``."""
    topic: str
    time: str
    """When the host accepted it: RFC 3339."""
    correlation: str
    """Shared by a request and all that answers it."""
    trace: str
    """Shared by everything that one first event set off."""
    attempt: int
    """1 on the first delivery to this agent."""
    deadline: str
    """When this turn ends whether the agent is ready or not."""
    subject: Optional[str] = None
    """What it is about, for example an order number."""
    schema: Optional[str] = None
    """The name of the JSON schema that the payload follows."""
    parent: Optional[str] = None
    """The event in whose turn this one was published."""
    session: Optional[str] = None
    """The conversation."""
    goal: Optional[str] = None
    plan: Optional[str] = None
    """The plan this is part of. Working memory belongs to the plan where there is one."""
    task: Optional[str] = None
    customer: Optional[str] = None
    """The tenant's customer on whose behalf this happens."""
    user: Optional[str] = None
    """The end user on whose behalf this happens. Memory is scoped by it."""
    reply_to: Optional[EventType] = None
    """Where `Context.respond` sends its answer."""
    extensions: dict[str, str] = field(default_factory=dict)
    """CloudEvents extension attributes that have no field here."""


def received(wit: dict, kind: Optional[EventType] = None) -> Event:
    """The event that a handler is given for one of the contract; `kind` says what its payload is."""
    given = dict(wit)
    given["type"] = name = given.pop("event_type")
    data = read(given["data"], f"the payload of `{name}`")
    given["data"] = data if kind is None else kind.read(data)
    reply = given["reply_to"]
    if reply is not None:
        given["reply_to"] = EventType(reply["topic"], reply["event_type"])
    given["extensions"] = dict(given["extensions"])
    return Event(**given)
