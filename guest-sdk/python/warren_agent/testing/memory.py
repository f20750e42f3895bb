"""The long memories of the test host."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from ..payload import read, write

_PLAIN_ITEM = {
    "external_id": None, "tags": [], "source": None, "visibility": "private", "valid_from": None, "valid_until": None,
    "derived_from": [], "metadata": "{}",
}
_NOT_KEPT = ("ttl_seconds", "supersedes", "chunk_bytes")


@dataclass
class Kept:
    """What is left between turns."""

    working: dict = field(default_factory=dict)
    """By space and key; `None` is a value that was deleted, so that no seed shines through."""
    knowledge: list[dict] = field(default_factory=list)
    episodes: list[tuple[Any, dict]] = field(default_factory=list)
    marks: dict = field(default_factory=dict)
    procedures: list[dict] = field(default_factory=list)
    current: dict[str, list[int]] = field(default_factory=dict)


class Memory:
    now: str
    next_id: Callable[[str], str]
    wrote: Callable[[], None]

    def __init__(self) -> None:
        self.kept = Kept()

    def remember(self, entry: dict, writer: str) -> str:
        own = entry.get("external_id")
        same = [
            item for item in self.kept.knowledge
            if item["external_id"] == own and (own or item["content"] == entry["content"])
        ]
        id = same[0]["id"] if same else self.next_id("mem")
        for item in self.kept.knowledge:
            if entry.get("supersedes") == item["id"]:
                item["valid_until"] = entry.get("valid_from") or self.now
                item["superseded_by"] = id
        given = {name: value for name, value in entry.items() if name not in _NOT_KEPT}
        self.kept.knowledge = [item for item in self.kept.knowledge if item not in same]
        self.kept.knowledge.append({
            **_PLAIN_ITEM, **given, "id": id, "superseded_by": None, "part": None, "writer": writer, "turn": None,
            "created": same[0]["created"] if same else self.now, "updated": self.now, "score": 1.0,
        })
        self.wrote()
        return id

    def search(self, query: dict) -> list[dict]:
        hits = [item for item in self.kept.knowledge if self._fits(item, query)]
        best = best_first(hits, lambda item: common(query["text"], item["content"]))
        good = [item for item in best if item["score"] >= (query["min_score"] or 0)]
        return good[query["offset"]:][: query["limit"]]

    def list_entries(self, given: dict) -> dict:
        before = len(self.kept.knowledge) if given["after"] is None else int(given["after"])
        passing = [
            (at, item) for at, item in enumerate(self.kept.knowledge)
            if at < before and self._fits(item, given) and given["document"] in (None, item["id"])
        ][::-1]
        page = passing[: given["limit"]]
        return {"items": [item for _, item in page], "next": str(page[-1][0]) if len(passing) > len(page) else None}

    def item(self, id: str) -> Optional[dict]:
        return next((item for item in self.kept.knowledge if item["id"] == id), None)

    def forget(self, id: str) -> bool:
        before = len(self.kept.knowledge)
        self.kept.knowledge = [item for item in self.kept.knowledge if item["id"] != id]
        self.wrote()
        return len(self.kept.knowledge) < before

    def _fits(self, item: dict, query: dict) -> bool:
        at = query["as_of"] or self.now
        wanted = read(query["metadata"] or "{}", "metadata")
        has = read(item["metadata"], "metadata")
        return (
            (item["valid_from"] or at) <= at
            and (item["valid_until"] is None or at < item["valid_until"])
            and all(tag in item["tags"] for tag in query["tags"])
            and query["source"] in (None, item["source"])
            and item["updated"] >= (query["since"] or "")
            and (query["until"] is None or item["updated"] < query["until"])
            and all(name in has and has[name] == value for name, value in wanted.items())
        )

    def add_episode(self, of: Any, episode: dict) -> str:
        id = self.next_id("epi")
        self.kept.episodes.append((of, {"id": id, "time": self.now, **episode}))
        self.wrote()
        return id

    def episodes(self, of: Any, given: Optional[dict] = None) -> list[dict]:
        """The newest first."""
        found = [episode for whose, episode in self.kept.episodes if whose == of][::-1]
        if given is None:
            return found
        ids = [episode["id"] for episode in found]
        if given["before"] is not None:
            found = found[ids.index(given["before"]) + 1:] if given["before"] in ids else []
        return [
            episode for episode in found
            if given["session"] in (None, episode["session"])
            and given["role"] in (None, episode["role"])
            and episode["time"] >= (given["since"] or "")
            and (given["until"] is None or episode["time"] < given["until"])
        ]

    def unconsolidated(self, of: Any, limit: int) -> list[dict]:
        """The oldest first, after the last one that was consolidated."""
        return self.episodes(of)[::-1][self._place(of, self.kept.marks.get(of)) + 1:][:limit]

    def consolidate(self, of: Any, through: str) -> bool:
        """Says whether there is such an episode."""
        place = self._place(of, through)
        if place > self._place(of, self.kept.marks.get(of)):
            self.kept.marks[of] = through
        self.wrote()
        return place >= 0

    def _place(self, of: Any, id: Optional[str]) -> int:
        ids = [episode["id"] for episode in self.episodes(of)[::-1]]
        return ids.index(id) if id in ids else -1

    def put_procedure(self, given: dict, writer: str) -> int:
        version = sum(old["name"] == given["name"] for old in self.kept.procedures) + 1
        plain = {"kind": "prompt", "triggers": [], "metadata": "{}", **given}
        if not isinstance(plain["metadata"], str):
            plain["metadata"] = write(plain["metadata"], "metadata")
        self.kept.procedures.append({**plain, "version": version, "writer": writer, "created": self.now, "score": 1.0})
        self.kept.current.setdefault(given["name"], []).append(version)
        self.wrote()
        return version

    def procedure(self, name: str, version: Optional[int] = None) -> Optional[dict]:
        wanted = version or (self.kept.current.get(name) or [0])[-1]
        return next((one for one in self.kept.procedures if (one["name"], one["version"]) == (name, wanted)), None)

    def activate(self, name: str, version: int) -> bool:
        if self.procedure(name, version) is None:
            return False
        history = self.kept.current[name]
        if history[-1] != version:
            history.append(version)
        self.wrote()
        return True

    def roll_back_procedure(self, name: str) -> Optional[int]:
        """The version that is current now, if there was one before."""
        history = self.kept.current.get(name, [])
        if len(history) < 2:
            return None
        history.pop()
        self.wrote()
        return history[-1]

    def matching(self, situation: str, limit: int) -> list[dict]:
        current = [one for one in self.kept.procedures if self.procedure(one["name"]) is one]
        return best_first(
            current, lambda one: max((common(situation, trigger) for trigger in one["triggers"]), default=0.0)
        )[:limit]


def common(wanted: str, text: str) -> float:
    """The part of the words of `wanted` that are in `text`, 0 to 1: good enough to test what an agent does with hits."""
    some, there = re.findall(r"\w+", wanted.lower()), re.findall(r"\w+", text.lower())
    return sum(word in there for word in some) / len(some) if some else 0.0


def best_first(found: list[dict], score: Callable[[dict], float]) -> list[dict]:
    """The best first, with their scores; what has nothing in common is left out."""
    scored = [{**one, "score": score(one)} for one in found]
    return sorted((one for one in scored if one["score"] > 0), key=lambda one: -one["score"])
