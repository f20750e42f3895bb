"""Types of events, and the Python types of what they carry."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Callable, Generic, Optional, TypeVar, Union

from .errors import JsonError

TOPICS = (
    "action-requests",
    "action-results",
    "business-facts",
    "system-events",
    "notification-events",
    "billing-events",
    "plan-events",
    "task-events",
)
"""The eight topics."""

_TYPE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_MARK = "__warren_event_type__"

D = TypeVar("D")
C = TypeVar("C", bound=type)


@dataclass(frozen=True)
class Payload(Generic[D]):
    """Data together with the type of event that it travels in."""

    event_type: EventType
    data: D


@dataclass(frozen=True)
class EventType:
    """A type of event whose payload is plain data (dicts, lists, strings, numbers)::

        Placed = EventType("business-facts", "order.placed")
        ctx.publish(Placed({"order": "A7"}))
    """

    topic: str
    name: str
    description: str = ""
    schema: Optional[dict] = None
    cls: Optional[type] = None
    """The class of its payloads, if `payload` made it from one."""

    def __post_init__(self) -> None:
        if self.topic not in TOPICS:
            raise ValueError(f"there is no topic {self.topic!r}; there are: {', '.join(TOPICS)}")
        if not _TYPE.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no type of event: words of A-Za-z0-9_- joined by dots")

    def __call__(self, data: D) -> Payload[D]:
        return Payload(self, data)

    def entry(self) -> dict:
        """How it stands in the manifest."""
        entry: dict = {"topic": self.topic, "type": self.name}
        if self.description:
            entry["description"] = self.description
        if self.schema is not None:
            entry["schema"] = self.schema
        return entry

    def read(self, data: Any) -> Any:
        """What a handler is given for JSON data."""
        return data if self.cls is None else fitted(data, self.cls, self.cls.__name__)


_transform = getattr(typing, "dataclass_transform", lambda: lambda function: function)


@_transform()
def payload(
    topic: str, name: str, *, description: str = "", schema: Optional[dict] = None
) -> Callable[[C], C]:
    """Make a class the payload of a type of event. It becomes a dataclass if it is none::

        @payload("business-facts", "order.placed")
        class Placed:
            order: str
            total: float = 0.0

    An event whose payload lacks a field, or has one of another type, is rejected before the handler. `schema` (a JSON
    schema) and `description` go to the manifest.
    """

    def mark(cls: C) -> C:
        made = cls if "__dataclass_fields__" in cls.__dict__ else dataclass(cls)
        setattr(made, _MARK, EventType(topic, name, description, schema, made))
        return made  # type: ignore[return-value]

    return mark


Typed = Union[EventType, type]
"""A type of event: an `EventType`, or a class that `payload` marked."""


def event_type(of: Any) -> EventType:
    """The type of event of a class, or itself."""
    found = of if isinstance(of, EventType) else getattr(of, _MARK, None)
    if found is None or (not isinstance(of, (EventType, type))):
        raise TypeError(f"{of!r} is no type of event: give an EventType, or a class under @payload(topic, type)")
    return found


def parts(published: Any) -> tuple[EventType, Any]:
    """The type of event and the data of what is published or asked."""
    if isinstance(published, Payload):
        return published.event_type, published.data
    found = getattr(type(published), _MARK, None)
    if found is None:
        raise TypeError(
            f"{published!r} is no payload: give an instance of a class under @payload(topic, type), or an EventType called with data"
        )
    return found, published


def write(value: Any, what: str) -> str:
    """JSON text; `what` names the value in errors. Whole numbers of any size stay whole."""
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError) as error:
        raise JsonError(f"{what} has no form in JSON: {error}") from error


def read(text: str, what: str) -> Any:
    """The value of JSON text."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise JsonError(f"{what} is not JSON: {error}") from error


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} is not JSON")


_ENCODER = json.JSONEncoder(default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))

_SIMPLE = {str: "a string", bool: "true or false", int: "a whole number", float: "a number", dict: "an object", list: "an array"}


def fitted(value: Any, wanted: Any, place: str) -> Any:
    """JSON data as a value of a type: dataclasses, `Optional`, lists and dicts of them, and the simple types. What the
    type does not say is taken as it is; members that it does not know are left out.

    Raises `JsonError` that says what does not fit and where.
    """
    if type(value) is wanted:
        return value
    if hasattr(wanted, "__dataclass_fields__"):
        return _record(value, wanted, place)
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Union and type(None) in inner:
        rest = [one for one in inner if one is not type(None)]
        return None if value is None or len(rest) != 1 else fitted(value, rest[0], place)
    plain = origin or wanted
    if plain in _SIMPLE:
        fits = isinstance(value, (int, float) if plain is float else plain)
        if not fits or (isinstance(value, bool) and plain in (int, float)):
            raise JsonError(f"{place}: {value!r} is not {_SIMPLE[plain]}")
    if origin is list and inner:
        return [fitted(item, inner[0], f"{place}[{at}]") for at, item in enumerate(value)]
    if origin is dict and len(inner) == 2:
        return {key: fitted(item, inner[1], f"{place}.{key}") for key, item in value.items()}
    return value


def _record(value: Any, wanted: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise JsonError(f"{place}: {value!r} is not an object")
    given = {}
    for name, kind, needed in fields_of(wanted):
        if name in value:
            given[name] = fitted(value[name], kind, f"{place}.{name}")
        elif needed:
            raise JsonError(f"{place}: it lacks `{name}`")
    return wanted(**given)


@lru_cache(maxsize=None)
def fields_of(cls: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Names and types of the fields of a dataclass, and whether they have no default. Looked up once: a component is
    frozen after it has started, with what was looked up."""
    types, missing = typing.get_type_hints(cls), dataclasses.MISSING
    return tuple(
        (field.name, types[field.name], field.default is missing and field.default_factory is missing)
        for field in dataclasses.fields(cls)
    )
