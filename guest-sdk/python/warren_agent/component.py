"""The two exports of a component around an agent. Imported by the entry that `build` writes, and by nothing else: the host's
functions are there in a component only.

A component is a snapshot of a program that has started. Whatever Python has of its own would say the time of the build and
repeat the same random numbers in every turn; so this comes before the agent, and puts the host's in their place.

Invariant: whatever a handler raises becomes the contract's failure; nothing of it is a trap.
"""

from __future__ import annotations

from . import process  # noqa: F401  (first: it replaces what others import)
from .host import HOST, failed, plain
from .agent import agent_of
from .errors import failure_of


def component(module):
    """The class that the toolchain looks for, around the agent of a module."""
    agent = agent_of(module)
    process.keep_sources()

    class WitWorld:
        def describe(self) -> str:
            return agent.describe()

        def handle(self, event) -> None:
            process.begin_turn()
            try:
                agent.handle(HOST, plain(event))
            except BaseException as raised:
                failure = failure_of(raised)
                if failure.kind == "retry":
                    # The contract has no place for the reason of a retry.
                    HOST.log.log("warn", failure.reason, [])
                raise failed(failure) from None

    return WitWorld
