"""What a host function raises when it does not do what was asked, and how a turn ends badly.

Invariant: an error keeps the case of the contract as its class and as `kind`, so that an agent can decide on it.
"""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import Optional, Union

Seconds = Union[timedelta, int, float]
"""A duration: a `timedelta`, or a number of seconds."""


class HostError(Exception):
    """A host function did not do what was asked. Nothing was done then, and the turn may go on."""

    kind = "other"
    """The case of the contract: ``denied``, ``not-found``, ``invalid``, ``conflict``, ``exhausted``, ``unavailable``, ``other``."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        if not self.reason or self.reason.startswith(f"{self.kind}:"):
            return self.reason or self.kind
        return f"{self.kind}: {self.reason}"

    @staticmethod
    def of(kind: str, reason: str = "") -> HostError:
        """The error of this kind."""
        return _BY_KIND.get(kind, HostError)(reason)


class Denied(HostError):
    """The agent was not granted this. The reason names the grant it would take."""

    kind = "denied"


class NotFound(HostError):
    """There is nothing of that name."""

    kind = "not-found"


class Invalid(HostError):
    """The input cannot be used. The reason names the field, the value and the rule."""

    kind = "invalid"


class Conflict(HostError):
    """It contradicts what is there. The reason says how."""

    kind = "conflict"


class Exhausted(HostError):
    """A limit would be passed. The reason names the limit, its value and what was asked."""

    kind = "exhausted"


class Unavailable(HostError):
    """It cannot be done right now; the same call may work later."""

    kind = "unavailable"


_BY_KIND = {error.kind: error for error in (Denied, NotFound, Invalid, Conflict, Exhausted, Unavailable)}


class JsonError(ValueError):
    """A value is not the JSON that was expected, or cannot be written as JSON."""


class Reject(Exception):
    """Raise it to never try this event again: it goes to the dead letters with this reason."""


class Retry(Exception):
    """Raise it to try this event again: after so long, or when the host's back-off says so."""

    def __init__(self, reason: str, after: Optional[Seconds] = None) -> None:
        super().__init__(reason)
        self.after_ms = None if after is None else millis(after)


@dataclass(frozen=True)
class Failure:
    """How a turn failed."""

    kind: str
    """``retry``, ``reject`` or ``other``."""
    reason: str
    """What was raised, with its traceback if it was neither `Retry` nor `Reject`."""
    after_ms: Optional[int] = None


def failure_of(raised: BaseException) -> Failure:
    """What may pass by itself is tried again; the rest is for people to look at."""
    if isinstance(raised, Reject):
        return Failure("reject", str(raised))
    if isinstance(raised, Retry):
        return Failure("retry", str(raised), raised.after_ms)
    if isinstance(raised, (Exhausted, Unavailable)):
        return Failure("retry", str(raised))
    return Failure("other", _text(raised))


def _text(raised: BaseException) -> str:
    """What was raised, and the traceback without the frames of this package and of importing: what is left is the agent's."""
    whole = traceback.TracebackException.from_exception(raised)
    link: Optional[traceback.TracebackException] = whole
    while link is not None:
        link.stack = traceback.StackSummary.from_list([_line(frame) for frame in link.stack if _is_own(frame.filename)])
        link = link.__cause__ or link.__context__
    head = f"{type(raised).__name__}: {raised}"
    frames = "".join(whole.format()).rstrip()
    return head if frames in (head, "") or not whole.stack else f"{head}\n{frames}"


def _line(frame: traceback.FrameSummary) -> traceback.FrameSummary:
    """Without columns: to mark them Python parses the line again, and where that fails it looks for a file; in a component
    that is a trap."""
    # The component was built from directories that have a number in place of their names.
    file = re.sub(r"^/\d+/", "", frame.filename)
    return traceback.FrameSummary(file, frame.lineno, frame.name, line=frame.line)


def _is_own(file: str) -> bool:
    parts = PurePath(file).parts
    return __package__ not in parts and "importlib" not in parts and "<frozen importlib" not in file


def millis(duration: Seconds) -> int:
    """A duration as the contract takes it."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    return round(seconds * 1000)
