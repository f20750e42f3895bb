"""Time, randomness and standard output of the process, from the host; and errors in place of what there is not.

Before the first turn, while the component is built, there is no host: what the machine has of its own is used then. In a turn
every way to the machine that is left is a trap without words, which is why files are guarded here, too.
"""

from __future__ import annotations

import builtins
import datetime
import errno
import io
import linecache
import os
import posix
import random
import sys
import time

from .host import HOST

_turns = False
_elapsed_at_begin = 0


def begin_turn() -> None:
    """From here on there is a host."""
    global _turns
    _turns = True


def keep_sources() -> None:
    """Read the sources of the agent, so that tracebacks can quote them when there are no files any more."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not file.endswith(".py") or _is_library(file):
            continue
        lines = linecache.getlines(file)
        # Without a time of change nobody looks whether the file has changed.
        linecache.cache[file] = (sum(map(len, lines)), None, lines, file)


def _is_library(file: str) -> bool:
    return f"/{__package__}/" in file or "/python3." in file or file.startswith("/python/")


def _unix_ns() -> int:
    then = _Datetime.fromisoformat(HOST.clock.now().replace("Z", "+00:00"))
    return (then - _EPOCH) // datetime.timedelta(microseconds=1) * 1000


def _replace(module, name: str, during_turns) -> None:
    own = getattr(module, name)
    setattr(module, name, lambda *arguments: during_turns(*arguments) if _turns else own(*arguments))


def _absent(name: str, *arguments, **options):
    raise FileNotFoundError(errno.ENOENT, "an agent has no files in a turn; what it needs is read when its module starts", *arguments[:1])


def _guard(module, name: str) -> None:
    own = getattr(module, name, None)
    if own is not None:
        setattr(module, name, lambda *a, **o: _absent(name, *a, **o) if _turns else own(*a, **o))


def _broken_down(name: str) -> None:
    """`gmtime` and its like take the time of day if they are given none."""
    own = getattr(time, name)
    setattr(time, name, lambda seconds=None: own(time.time() if seconds is None else seconds))


def _formatted(name: str, fixed: int) -> None:
    """`strftime` and `asctime` take the time of day if they are given none."""
    own = getattr(time, name)
    setattr(time, name, lambda *given: own(*given) if len(given) > fixed else own(*given, time.gmtime()))


def _sleep(_seconds: float) -> None:
    raise RuntimeError("an agent cannot sleep: publish an event for later with ctx.publish(…, after=seconds)")


class _DatetimeType(type(datetime.datetime)):
    def __instancecheck__(cls, value) -> bool:
        return isinstance(value, _Datetime)


_Datetime = datetime.datetime
_Date = datetime.date
_EPOCH = _Datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class _HostDatetime(_Datetime, metaclass=_DatetimeType):
    @classmethod
    def now(cls, tz=None):
        now = cls.fromtimestamp(time.time(), datetime.timezone.utc)
        return now.replace(tzinfo=None) if tz is None else now.astimezone(tz)

    @classmethod
    def utcnow(cls):
        return cls.now()

    @classmethod
    def today(cls):
        return cls.now()


class _DateType(type(datetime.date)):
    def __instancecheck__(cls, value) -> bool:
        return isinstance(value, _Date)


class _HostDate(_Date, metaclass=_DateType):
    @classmethod
    def today(cls):
        now = datetime.datetime.now()
        return cls(now.year, now.month, now.day)


class _TurnRandom(random.Random):
    """Seeded by the host at the first use in a turn, unless the agent has seeded it."""

    _own = False

    def seed(self, a=None, version=2) -> None:
        self._own = a is not None or _turns
        super().seed(int.from_bytes(os.urandom(32), "little") if a is None and _turns else a or 0, version)

    def _ready(self) -> None:
        if _turns and not self._own:
            self.seed()

    def random(self) -> float:
        self._ready()
        return super().random()

    def getrandbits(self, k: int) -> int:
        self._ready()
        return super().getrandbits(k)


class _LogWriter:
    """Standard output and error: a line of log for each line."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, level: str, own) -> None:
        self._level, self._own, self._rest = level, own, ""

    def write(self, text: str) -> int:
        if not _turns:
            return self._own.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            HOST.log.log(self._level, line, [])
        return len(text)

    def flush(self) -> None:
        if not _turns:
            self._own.flush()
        elif self._rest:
            HOST.log.log(self._level, self._rest, [])
            self._rest = ""

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True


for _unit in ("", "_ns"):
    _scale = 1 if _unit else 1_000_000_000
    _replace(time, f"time{_unit}", lambda scale=_scale: _unix_ns() if scale == 1 else _unix_ns() / scale)
    for _clock in ("monotonic", "perf_counter", "process_time"):
        _replace(
            time,
            f"{_clock}{_unit}",
            lambda scale=_scale: HOST.clock.elapsed_ms() * 1_000_000 if scale == 1 else HOST.clock.elapsed_ms() / 1000,
        )
_replace(time, "sleep", _sleep)
for _name in ("gmtime", "localtime", "ctime"):
    _broken_down(_name)
_formatted("strftime", 1)
_formatted("asctime", 0)
for _name in ("open", "stat", "lstat", "listdir", "scandir", "mkdir", "rmdir", "remove", "unlink", "rename", "getcwd", "access"):
    _guard(posix, _name)
    _guard(os, _name)
_guard(builtins, "open")
_guard(io, "open")
_replace(linecache, "updatecache", lambda *_arguments: [])
sys.stdin = io.StringIO("")
_replace(os, "urandom", lambda length: bytes(HOST.random.bytes(length)))
random._urandom = os.urandom
random._inst = _TurnRandom()
for _name in [name for name in random.__all__ if name[0].islower() and hasattr(random._inst, name)]:
    setattr(random, _name, getattr(random._inst, _name))
datetime.datetime, datetime.date = _HostDatetime, _HostDate
_HostDatetime.__name__, _HostDate.__name__ = "datetime", "date"
_HostDatetime.__qualname__, _HostDate.__qualname__ = "datetime", "date"
sys.stdout, sys.stderr = _LogWriter("info", sys.stdout), _LogWriter("warn", sys.stderr)
