"""The two exports of a component around an agent. Imported by the entry that `build` writes, and by nothing else: the host's
functions are there in a component only.

A component is a snapshot of a program that has started. Whatever Python has of its own would say the time of the build and
repeat the same random numbers in every turn; so this comes before the agent, and puts the host's in their place.

Invariant: whatever a handler raises becomes the contract's failure; nothing of it is a trap.
"""

from __future__ import annotations

from . import process  # noqa: F401  (first: it replaces what others import)
from .host import HOST, failed, plain
from .agent import Agent
from .errors import failure_of


def component(module):
    """The class that the toolchain looks for, around the agent of a module."""
    agents = {id(value): value for value in vars(module).values() if isinstance(value, Agent)}
    if len(agents) != 1:
        raise TypeError(
            f"{module.__name__} has {len(agents)} agents at its top level, it must have one: agent = Agent(\"…\")"
        )
    (agent,) = agents.values()

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
