"""The four kinds of memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Callable, Optional, Sequence, Union

from .errors import Conflict, Seconds, millis
from .payload import read, write

_KEYS_MAX = 1000
_EXACT_INTEGER_MAX = 2**53

Instant = Union[datetime, str]
"""A point in time: a `datetime`, taken as UTC if it names no zone, or RFC 3339 text."""


def instant(when: Optional[Instant]) -> Optional[str]:
    """An instant as the contract takes it."""
    if when is None or isinstance(when, str):
        return when
    zoned = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    utc = zoned.astimezone(timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}Z"


class Working:
    """JSON values under string keys, of the plan of the event being handled, else of this agent.

    Reads see this turn's own writes. What was read is checked at commit; if it changed meanwhile, the turn runs again: a
    read followed by a write never loses an update.
    """

    def __init__(self, host: Any) -> None:
        self._host = host.working

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or `default`."""
        text = self._host.get(key)
        return default if text is None else read(text, f"working memory `{key}`")

    def put(self, key: str, value: Any, *, ttl: Optional[Seconds] = None) -> None:
        """Set a value, forgotten after `ttl` if that is given. Keys are 1 to 512 bytes without control characters; values at
        most 256 KiB."""
        self._host.put(key, write(value, f"working memory `{key}`"), None if ttl is None else millis(ttl))

    def update(self, key: str, change: Callable[[Any], Any], default: Any = None) -> Any:
        """Read, change and write a value in one go, and return what was written."""
        value = change(self.get(key, default))
        self.put(key, value)
        return value

    def delete(self, key: str) -> bool:
        """Remove a value. Says whether there was one."""
        return self._host.delete(key)

    def keys(self, prefix: str = "", *, after: Optional[str] = None, limit: int = _KEYS_MAX) -> list[str]:
        """Keys that begin with `prefix`, in byte order."""
        return self._host.keys(prefix, after, limit)

    def increment(self, key: str, by: float = 1) -> float:
        """Add to a number and return the sum; a missing value counts as 0. `Conflict` if it is not a number."""
        return self._host.increment(key, float(by))

    def count(self, key: str) -> int:
        """Add one to a whole number and return it; a missing value counts as 0."""
        total = self.increment(key)
        if total != int(total) or not 1 <= total <= _EXACT_INTEGER_MAX:
            raise Conflict(f"`{key}` is {total - 1}, which is no count")
        return int(total)

    def append(self, key: str, value: Any) -> int:
        """Append to an array and return its new length; a missing value counts as empty. `Conflict` if it is no array."""
        return self._host.append(key, write(value, f"the item for `{key}`"))


@dataclass(frozen=True)
class Part:
    """Which chunk of a document an entry is."""

    document: str
    number: int
    of: int


@dataclass(frozen=True)
class Item:
    """An entry that was found or asked for."""

    id: str
    external_id: Optional[str]
    content: str
    metadata: dict
    tags: list[str]
    source: Optional[str]
    visibility: str
    """``private`` (the same user), ``customer`` (every user of it) or ``tenant`` (everybody)."""
    valid_from: Optional[str]
    valid_until: Optional[str]
    superseded_by: Optional[str]
    """The entry because of which it is no longer true."""
    part: Optional[Part]
    writer: str
    """The agent that wrote it, or ``client/<key>`` if somebody did over HTTP."""
    turn: Optional[str]
    derived_from: list[str]
    created: str
    updated: str
    score: float
    """0 to 1 in a search, 1 otherwise."""


@dataclass(frozen=True)
class Entries:
    """A page of a list; give `next` as `after` for the one that follows."""

    items: list[Item]
    next: Optional[str]


class Knowledge:
    """Semantic memory. Entries belong to the customer and user of the event being handled, whatever agent writes them."""

    def __init__(self, host: Any) -> None:
        self._host = host.knowledge

    def remember(
        self,
        content: str,
        *,
        external_id: Optional[str] = None,
        metadata: Optional[dict] = None,
        tags: Sequence[str] = (),
        source: Optional[str] = None,
        visibility: str = "private",
        ttl: Optional[Seconds] = None,
        valid_from: Optional[Instant] = None,
        valid_until: Optional[Instant] = None,
        supersedes: Optional[str] = None,
        derived_from: Sequence[str] = (),
        chunk_bytes: Optional[int] = None,
    ) -> str:
        """Remember 1 byte to 512 KiB of text and return the id of the entry.

        `external_id` is your own name for it: remembering the same one again replaces it; without one, equal content is the
        same entry. `supersedes` is the id of an entry that is no longer true because of this one.
        """
        return self._host.remember({
            "external_id": external_id,
            "content": content,
            "metadata": write(metadata or {}, "metadata"),
            "tags": list(tags),
            "source": source,
            "visibility": visibility,
            "ttl_seconds": None if ttl is None else millis(ttl) // 1000,
            "valid_from": instant(valid_from),
            "valid_until": instant(valid_until),
            "supersedes": supersedes,
            "derived_from": list(derived_from),
            "chunk_bytes": chunk_bytes,
        })

    def search(
        self,
        text: str,
        *,
        mode: str = "hybrid",
        limit: int = 10,
        offset: int = 0,
        tags: Sequence[str] = (),
        source: Optional[str] = None,
        metadata: Optional[dict] = None,
        since: Optional[Instant] = None,
        until: Optional[Instant] = None,
        as_of: Optional[Instant] = None,
        min_score: Optional[float] = None,
    ) -> list[Item]:
        """The best hits first. `mode` is ``hybrid``, ``keyword`` or ``vector``; all filters must match.

        What this turn remembered is found by `get` at once and here after commit.
        """
        query = {"text": text, "mode": mode, "limit": limit, "offset": offset, "min_score": min_score}
        return [_item(found) for found in self._host.search({**query, **_filters(tags, source, metadata, since, until, as_of)})]

    def list(
        self,
        *,
        tags: Sequence[str] = (),
        source: Optional[str] = None,
        metadata: Optional[dict] = None,
        since: Optional[Instant] = None,
        until: Optional[Instant] = None,
        as_of: Optional[Instant] = None,
        document: Optional[str] = None,
        limit: int = 50,
        after: Optional[str] = None,
    ) -> Entries:
        """Entries, the one first remembered last first."""
        query = {"document": document, "limit": limit, "after": after}
        page = self._host.list_entries({**query, **_filters(tags, source, metadata, since, until, as_of)})
        return Entries([_item(found) for found in page["items"]], page["next"])

    def get(self, id: str) -> Item:
        """The entry of this id, true or not."""
        return _item(self._host.get(id))

    def forget(self, id: str) -> bool:
        """Forget an entry; with a chunk, all of its document. Says whether there was one."""
        return self._host.forget(id)


@dataclass(frozen=True)
class Episode:
    """One thing that was said or done."""

    id: str
    role: str
    """``user``, ``assistant``, ``system`` or ``tool``."""
    content: str
    metadata: dict
    session: Optional[str]
    time: str


class Episodes:
    """Episodic memory: what was said and done, in order, for the user of the event. Each agent has its own."""

    def __init__(self, host: Any) -> None:
        self._host = host.episodes

    def add(self, role: str, content: str, metadata: Optional[dict] = None) -> str:
        """Add to the session of the event being handled: at most 64 KiB of text. Returns the id."""
        return self._host.add(role, content, write(metadata or {}, "metadata"))

    def recent(self, **filters: Any) -> list[Episode]:
        """The newest first. Filters: `session`, `role`, `since`, `until`, `limit` (20), `before` (an id)."""
        return _episodes(self._host.recent(_episode_filter(**filters)))

    def search(self, text: str, **filters: Any) -> list[Episode]:
        """By words, the best first, within what the filters leave."""
        return _episodes(self._host.search(text, _episode_filter(**filters)))

    def unconsolidated(self, limit: int = 50) -> list[Episode]:
        """Those that nobody has made into knowledge yet, the oldest first."""
        return _episodes(self._host.unconsolidated(limit))

    def consolidate(self, through: str) -> None:
        """Say that episodes up to this one are consolidated."""
        self._host.consolidate(through)


@dataclass(frozen=True)
class Procedure:
    """A version of a procedure."""

    name: str
    version: int
    kind: str
    """``prompt``, ``rule`` or ``skill``."""
    body: str
    triggers: list[str]
    metadata: dict
    writer: str
    created: str
    score: float
    """0 to 1 from `Procedures.matching`, 1 otherwise."""


class Procedures:
    """Procedural memory: named, versioned prompts, rules and skills of the tenant."""

    def __init__(self, host: Any) -> None:
        self._host = host.procedures

    def put(
        self,
        name: str,
        body: str,
        *,
        kind: str = "prompt",
        triggers: Sequence[str] = (),
        metadata: Optional[dict] = None,
    ) -> int:
        """Keep a new version and make it the current one. Returns its number."""
        return self._host.put({
            "name": name,
            "kind": kind,
            "body": body,
            "triggers": list(triggers),
            "metadata": write(metadata or {}, "metadata"),
        })

    def get(self, name: str, version: Optional[int] = None) -> Procedure:
        """This version, or the current one."""
        return _procedure(self._host.get(name, version))

    def activate(self, name: str, version: int) -> None:
        """Make a version current that is there already."""
        self._host.activate(name, version)

    def roll_back(self, name: str) -> int:
        """Make the version current that was so before the one that is, and return its number."""
        return self._host.roll_back(name)

    def matching(self, situation: str, limit: int = 10) -> list[Procedure]:
        """Current procedures whose triggers fit a situation, the best first; `limit` 1 to 50."""
        return [_procedure(found) for found in self._host.match_situation(situation, limit)]


def _filters(tags, source, metadata, since, until, as_of) -> dict:
    return {
        "tags": list(tags),
        "source": source,
        "metadata": None if metadata is None else write(metadata, "metadata"),
        "since": instant(since),
        "until": instant(until),
        "as_of": instant(as_of),
    }


def _episode_filter(*, session=None, role=None, since=None, until=None, limit=20, before=None) -> dict:
    times = {"since": instant(since), "until": instant(until)}
    return {"session": session, "role": role, **times, "limit": limit, "before": before}


def _item(found: dict) -> Item:
    part = found["part"]
    return Item(**{**_with_metadata(found), "part": None if part is None else Part(**part)})


def _episodes(found: list[dict]) -> list[Episode]:
    return [Episode(**_with_metadata(one)) for one in found]


def _procedure(found: dict) -> Procedure:
    return Procedure(**_with_metadata(found))


def _with_metadata(found: dict) -> dict:
    return {**found, "metadata": read(found["metadata"], "metadata")}
