"""Declarations, payloads, and how turns end."""

import json
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

import warren_agent as w
from warren_agent import Agent, EventType, JsonError, Reject, Retry, payload
from warren_agent.testing import TestHost

Asked = EventType("action-requests", "greet.requested", "Somebody asks.", {"type": "object"})
Answered = EventType("action-results", "greeting.ready")
WIT = Path(__file__).parents[3] / "wit"


@dataclass
class Line:
    article: str
    price: float = 0.0


@payload("business-facts", "order.placed")
class Placed:
    order: str
    lines: List[Line]
    note: Optional[str] = None
    number: int = 1


def turn(handler, **options):
    agent = Agent("one")
    agent.on(Asked)(handler)
    return TestHost(**options).handle(agent, Asked({"name": "Ada"}))


def raising(error):
    def handler(_ctx, _event):
        raise error

    return handler


class Declarations(unittest.TestCase):
    def test_the_manifest_says_what_was_declared_and_what_follows_from_it(self):
        agent = Agent(
            "greeter", kind="tool", description="Greets.", version="1.2.3", grants=["working", "knowledge:read"], calls=True,
            timeout=1, attempts=2,
        )

        @agent.answers(Asked, Answered)
        def greet(ctx, event):
            pass

        self.assertEqual(json.loads(agent.describe()), {
            "name": "greeter",
            "kind": "tool",
            "description": "Greets.",
            "version": "1.2.3",
            "subscriptions": [{
                "topic": "action-requests", "type": "greet.requested", "description": "Somebody asks.", "schema": {"type": "object"},
            }],
            "produces": [{"topic": "action-results", "type": "greeting.ready"}],
            "grants": ["events:publish", "events:call", "working:read", "working:write", "knowledge:read"],
            "settings": {"timeout_ms": 1000, "attempts": 2},
        })

    def test_grants_and_topics_are_those_of_the_contract(self):
        schema = json.loads((WIT / "manifest.schema.json").read_text())
        self.assertEqual(list(w.GRANTS), schema["properties"]["grants"]["items"]["anyOf"][0]["enum"])
        self.assertEqual(list(w.TOPICS), schema["$defs"]["topic"]["enum"])

    def test_a_wrong_declaration_says_what_there_is(self):
        agent = Agent("a")
        agent.on(Asked)(raising(None))
        for declare, words in [
            (lambda: EventType("action-request", "a"), "no topic 'action-request'.*action-requests"),
            (lambda: EventType("action-requests", "a b"), "no type of event"),
            (lambda: agent.on("greet.requested"), "no type of event"),
            (lambda: agent.on(Answered)(None), "not a function"),
            (lambda: agent.on(Asked)(raising(None)), "two handlers"),
            (lambda: Agent("a", kind="x"), "no kind 'x'"),
            (lambda: Agent("a", grants=["memory"]), "no grant 'memory'.*working:read"),
            (lambda: Agent("a", grants="working"), "a list of words"),
        ]:
            with self.assertRaisesRegex((TypeError, ValueError), words):
                declare()


class Payloads(unittest.TestCase):
    def test_json_becomes_the_class_and_the_class_json(self):
        seen = []
        agent = Agent("one", produces=[Placed])

        @agent.on(Placed)
        def again(ctx, event):
            seen.append(event.data)
            ctx.publish(event.data)

        placed = Placed("A7", [Line("tea", 2)], number=2**70)
        published = TestHost().handle(agent, placed)
        self.assertEqual((seen, published.of(Placed)), ([placed], [placed]))

    def test_what_does_not_fit_is_rejected_and_named(self):
        fits = EventType("business-facts", "order.placed")
        agent = Agent("one")
        agent.on(Placed)(raising(AssertionError("not reached")))
        for data, words in [
            ({"lines": []}, "Placed: it lacks `order`"),
            ({"order": 7, "lines": []}, "Placed.order: 7 is not a string"),
            ({"order": "A", "lines": [{"price": 1}]}, r"Placed.lines\[0\]: it lacks `article`"),
            ({"order": "A", "lines": [], "number": True}, "Placed.number: True is not a whole number"),
            ({"order": "A", "lines": [], "note": 1}, "Placed.note: 1 is not a string"),
            ([], r"Placed: \[\] is not an object"),
        ]:
            failure = TestHost().handle(agent, fits(data)).failure
            self.assertEqual(failure.kind, "reject")
            self.assertRegex(failure.reason, "the payload of `order.placed` does not fit: " + words)

    def test_what_is_no_json_is_an_error_that_names_it(self):
        for value in ({1, 2}, float("nan"), object()):
            with self.assertRaisesRegex(JsonError, "the value has no form in JSON"):
                w.payload.__globals__["write"](value, "the value")


class Endings(unittest.TestCase):
    def test_how_a_handler_raises_is_how_its_turn_fails(self):
        for error, kind, words in [
            (Reject("never"), "reject", "^never$"),
            (Retry("later", after=0.005), "retry", "later"),
            (w.Unavailable("the store"), "retry", "unavailable: the store"),
            (w.Exhausted("events"), "retry", "exhausted"),
            (w.Conflict("x"), "other", "Conflict: conflict: x"),
            (ValueError("boom"), "other", r"ValueError: boom\n(.*\n)*.*test_agent.py"),
        ]:
            ended = turn(raising(error))
            self.assertEqual((ended.ok, ended.error, ended.failure.kind), (False, error, kind))
            self.assertRegex(ended.failure.reason, words)

    def test_the_traceback_is_the_agents_own(self):
        def handler(ctx, event):
            try:
                ctx.working.get("key")
            except w.Denied as error:
                raise RuntimeError("outer") from error

        reason = turn(handler).failure.reason
        self.assertNotIn("fake.py", reason)
        self.assertIn("Denied: denied: `one` was not granted `working:read`", reason)
        self.assertIn('ctx.working.get("key")', reason)

    def test_a_handler_that_is_async_is_told_so(self):
        async def handler(ctx, event):
            pass

        self.assertRegex(turn(handler).failure.reason, "is a coroutine.*without async")

    def test_an_event_without_a_handler_is_rejected(self):
        failure = TestHost().handle(Agent("one"), Answered(1)).failure
        self.assertEqual(failure.reason, "`one` has no handler for `greeting.ready` on action-results")


if __name__ == "__main__":
    unittest.main()
