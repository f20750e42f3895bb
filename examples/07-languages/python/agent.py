"""Greets people and counts how often; ``../README.md`` is what it is held to."""

from warren_agent import Agent, Context, Event, payload


@payload("action-requests", "hello.requested")
class Requested:
    """Somebody would like to be greeted."""

    name: str


@payload("action-requests", "hello.broken")
class Broken:
    """Something is to go wrong."""


@payload("action-results", "hello.greeted")
class Greeted:
    """Somebody was greeted."""

    text: str
    count: int


agent = Agent("hello", description="Greets people and counts how often.", grants=["working"], produces=[Greeted])


@agent.on(Requested)
def greet(ctx: Context, event: Event[Requested]) -> None:
    name = event.data.name
    word = ctx.config("greeting", "Hello")
    count = ctx.working.count(f"greeted/{name}")
    ctx.log.info(f"greeting {name}", count=count)
    ctx.publish(Greeted(text=f"{word}, {name}!", count=count))


@agent.on(Broken)
def fail(ctx: Context, event: Event[Broken]) -> None:
    ctx.working.put("broken", True)
    raise RuntimeError("broken on purpose")
