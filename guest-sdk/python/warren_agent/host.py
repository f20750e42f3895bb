"""The contract's functions over plain values: records are dicts, enums are strings, errors are exceptions.

Invariant: one call in, one call out; nothing is decided here.
"""

from __future__ import annotations

import dataclasses
from enum import Enum
from types import SimpleNamespace

from componentize_py_types import Err
from wit_world.imports import (
    clock,
    context,
    episodes,
    events,
    knowledge,
    log,
    procedures,
    random,
    registry,
    types,
    working,
)

from .errors import Failure, HostError


_PLAIN = frozenset((str, int, float, bool, bytes))


def plain(value):
    """A value of the bindings without their types."""
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {name: plain(member) for name, member in vars(value).items()}
    return value


def failed(failure: Failure) -> Err:
    """What the contract's `handle` ends with."""
    if failure.kind == "retry":
        return Err(types.Failure_Retry(failure.after_ms))
    case = types.Failure_Reject if failure.kind == "reject" else types.Failure_Other
    return Err(case(failure.reason))


def _asked(function, *arguments):
    try:
        return function(*arguments)
    except Err as error:
        case = type(error.value).__name__.removeprefix("Error_")
        kind = {"NotFound": "not-found"}.get(case, case.lower())
        raise HostError.of(kind, getattr(error.value, "value", "")) from None


def _simple(function):
    """A function whose arguments are numbers, strings and lists of them."""
    return lambda *arguments: plain(_asked(function, *arguments))


def _draft(given: dict):
    reply = given["reply_to"]
    return types.Draft(**{**given, "reply_to": None if reply is None else types.ReplyAddress(**reply)})


def _enumerated(cases, word: str):
    try:
        return cases[word.upper()]
    except KeyError:
        words = ", ".join(case.name.lower() for case in cases)
        raise HostError.of("invalid", f"there is no {word!r}; there are: {words}") from None


def _entry(given: dict):
    return knowledge.Entry(**{**given, "visibility": _enumerated(knowledge.Visibility, given["visibility"])})


def _query(given: dict):
    return knowledge.Query(**{**given, "mode": _enumerated(knowledge.SearchMode, given["mode"])})


def _episode_filter(given: dict):
    role = given["role"]
    return episodes.Filter(**{**given, "role": None if role is None else _enumerated(episodes.Role, role)})


def _procedure(given: dict):
    return procedures.Draft(**{**given, "kind": _enumerated(procedures.ProcedureKind, given["kind"])})


_LEVELS = {level.name.lower(): level for level in log.Level}

HOST = SimpleNamespace(
    events=SimpleNamespace(
        publish=lambda draft: _asked(events.publish, _draft(draft)),
        publish_later=lambda draft, delay_ms: _asked(events.publish_later, _draft(draft), delay_ms),
        publish_at=lambda draft, at: _asked(events.publish_at, _draft(draft), at),
        respond=_simple(events.respond),
        call=_simple(events.call),
    ),
    working=SimpleNamespace(
        **{name: _simple(getattr(working, name)) for name in ("get", "put", "delete", "keys", "increment", "append")}
    ),
    knowledge=SimpleNamespace(
        remember=lambda entry: _asked(knowledge.remember, _entry(entry)),
        search=lambda query: plain(_asked(knowledge.search, _query(query))),
        list_entries=lambda given: plain(_asked(knowledge.list_entries, knowledge.Filter(**given))),
        get=_simple(knowledge.get),
        forget=_simple(knowledge.forget),
    ),
    episodes=SimpleNamespace(
        add=lambda role, content, metadata: _asked(episodes.add, _enumerated(episodes.Role, role), content, metadata),
        recent=lambda given: plain(_asked(episodes.recent, _episode_filter(given))),
        search=lambda text, given: plain(_asked(episodes.search, text, _episode_filter(given))),
        unconsolidated=_simple(episodes.unconsolidated),
        consolidate=_simple(episodes.consolidate),
    ),
    procedures=SimpleNamespace(
        put=lambda given: _asked(procedures.put, _procedure(given)),
        **{name: _simple(getattr(procedures, name)) for name in ("get", "activate", "roll_back", "match_situation")},
    ),
    registry=SimpleNamespace(
        find_agents=lambda query: plain(_asked(registry.find_agents, registry.AgentQuery(**query))),
        discover=lambda query: plain(_asked(registry.discover, registry.CatalogQuery(**query))),
        find_events=lambda query: plain(_asked(registry.find_events, registry.EventQuery(**query))),
        **{name: _simple(getattr(registry, name)) for name in ("get_agent", "get_schema", "validate")},
    ),
    context=SimpleNamespace(
        **{name: _simple(getattr(context, name)) for name in ("who", "remaining", "cancelled", "config")}
    ),
    log=SimpleNamespace(log=lambda level, message, fields: log.log(_LEVELS[level], message, fields)),
    clock=SimpleNamespace(now=clock.now, elapsed_ms=clock.elapsed_ms),
    random=SimpleNamespace(bytes=_simple(random.bytes)),
)
