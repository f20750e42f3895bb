"""The conformance agent in Python: does what a list of steps says and answers with what came of each."""

import json

from steps import STEPS
from warren_agent import Agent, Context, Event, EventType, HostError, Reject, Retry, payload

Raw = EventType("action-requests", "conformance.raw")
Said = EventType("business-facts", "conformance.said")

agent = Agent(
    "conformance",
    kind="tool",
    description="Does what a list of steps says.",
    grants=["events", "registry", "working", "knowledge", "episodes", "procedures"],
    produces=[Said],
)


@payload("action-requests", "conformance.run")
class Script:
    steps: list


@agent.on(Raw)
def raw(ctx: Context, event: Event) -> None:
    text = json.dumps(event.data, ensure_ascii=False)
    ctx.respond({"results": [{"ok": text}]})


@agent.on(Script)
def run(ctx: Context, event: Event[Script]) -> None:
    results: list = []
    for step in event.data.steps:
        results.append(result(ctx, event, resolved(step, results)))
    ctx.respond({"results": results})


def result(ctx: Context, event: Event, step: dict) -> dict:
    try:
        return {"ok": done(ctx, event, step)}
    except HostError as error:
        return {"error": error.kind, "message": error.reason}


def done(ctx: Context, event: Event, step: dict):
    name = step.pop("do")
    if name in STEPS:
        return STEPS[name](ctx, event, **step)
    if not name.startswith("end."):
        raise Reject(f"there is no step {name}")
    if event.attempt >= step.get("until", event.attempt + 1):
        return None
    return ended(name, step)


def ended(name: str, step: dict):
    reason = step.get("reason", "a trap, as far as there is one")
    if name == "end.reject":
        raise Reject(reason)
    if name == "end.retry":
        raise Retry(reason, after=step["after_ms"] / 1000)
    while name == "end.spin":
        pass
    raise RuntimeError(reason)


def resolved(step: dict, results: list) -> dict:
    """The step with the values of earlier results where it names them."""

    def value(given):
        return results[given["$"]]["ok"] if isinstance(given, dict) and "$" in given else given

    return {name: value(given) for name, given in step.items()}
