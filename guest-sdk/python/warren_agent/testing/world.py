"""The state of the test host: memory, what the turn at hand did so far, and counters.

Invariant: rolling back to a snapshot keeps the log and the counters, which a failed turn keeps on a real host too.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Mapping, Optional

from ..memory import instant
from ..payload import EventType, event_type, read
from .memory import Memory

_DEADLINE = timedelta(seconds=30)


@dataclass(frozen=True)
class LogLine:
    """A line of an agent's log."""

    agent: str
    level: str
    message: str
    fields: dict[str, str]


@dataclass
class Doings:
    """What the turn at hand did so far."""

    published: list[dict] = field(default_factory=list)
    response: Any = None
    responded: bool = False
    log: list[LogLine] = field(default_factory=list)
    host_calls: int = 0
    writes: int = 0


class World(Memory):
    def __init__(self, now: str) -> None:
        super().__init__()
        self.now = now
        self.turn = Doings()
        self._ids = 0

    def next_id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}_{self._ids}"

    def wrote(self) -> None:
        self.turn.writes += 1

    def begin(self) -> Any:
        """Forget what the last turn did, not what it left in memory; the snapshot."""
        self.turn = Doings()
        return self.snapshot()

    def snapshot(self) -> Any:
        return copy.deepcopy((self.kept, self.turn.published))

    def roll_back(self, before: Any) -> None:
        self.kept, self.turn.published = copy.deepcopy(before)
        self.turn.response, self.turn.responded = None, False

    def seed(self, plan: Optional[str], key: str, text: str) -> None:
        self.kept.working[("seed", None) if plan is None else ("plan", plan), key] = text

    def get(self, agent: str, plan: Optional[str], key: str) -> Optional[str]:
        space = _space(agent, plan)
        if (space, key) in self.kept.working or plan is not None:
            return self.kept.working.get((space, key))
        return self.kept.working.get((("seed", None), key))

    def put(self, agent: str, plan: Optional[str], key: str, text: Optional[str]) -> None:
        self.kept.working[_space(agent, plan), key] = text
        self.wrote()

    def keys(self, agent: str, plan: Optional[str]) -> list[str]:
        spaces = [_space(agent, plan), *([] if plan else [("seed", None)])]
        keys = {key for space, key in self.kept.working if space in spaces}
        return sorted((key for key in keys if self.get(agent, plan, key) is not None), key=str.encode)

    def value(self, agent: str, plan: Optional[str], key: str, default: Any = None) -> Any:
        text = self.get(agent, plan, key)
        return default if text is None else read(text, key)

    def event(self, kind: EventType, data: str, context: Mapping[str, Any]) -> dict:
        """An event of the contract as it would come from outside."""
        given = dict(context)
        id = given.pop("id", None) or self.next_id("evt")
        reply = given.pop("reply_to", None)
        answer = None if reply is None else event_type(reply)
        extensions = list(given.pop("extensions", {}).items())
        deadline = datetime.fromisoformat(self.now.replace("Z", "+00:00")) + _DEADLINE
        nothing = ("subject", "schema", "parent", "session", "goal", "plan", "task", "customer", "user")
        unknown = [name for name in given if name not in (*nothing, "attempt", "source")]
        if unknown:
            raise TypeError(f"an event has no {unknown[0]!r}")
        return {
            "id": id,
            "source": "client/test",
            "event_type": kind.name,
            "topic": kind.topic,
            "time": self.now,
            "data": data,
            "correlation": id,
            "trace": id,
            **dict.fromkeys(nothing),
            "attempt": 1,
            "deadline": instant(deadline),
            **given,
            "reply_to": None if answer is None else {"topic": answer.topic, "event_type": answer.name},
            "extensions": extensions,
        }


def _space(agent: str, plan: Optional[str]) -> tuple[str, Optional[str]]:
    return ("agent", agent) if plan is None else ("plan", plan)
