"""What handlers do and what comes of it, on the test host."""

import unittest
from datetime import datetime, timedelta, timezone

import warren_agent as w
from warren_agent import Agent, EventType
from warren_agent.testing import TestHost

Go = EventType("action-requests", "go")
Done = EventType("action-results", "done")
Double = EventType("action-requests", "double")
Doubled = EventType("action-results", "doubled")
EVERYTHING = ["events", "registry", "working", "knowledge", "episodes", "procedures"]


def agent_of(handler, **more):
    agent = Agent("one", **{"grants": EVERYTHING, **more})
    agent.on(Go)(handler)
    return agent


def tool(name, handler):
    made = Agent(name, kind="tool", description="Doubles.", grants=["working"])
    made.answers(Double, Doubled)(handler)
    return made


class Turns(unittest.TestCase):
    def run_turn(self, handler, context=None, **options):
        turn = TestHost(**options).handle(agent_of(handler), Go({}), **(context or {}))
        if turn.error:
            raise turn.error
        return turn

    def refused(self, function, *arguments, **options):
        with self.assertRaises(w.HostError) as raised:
            function(*arguments, **options)
        return raised.exception.kind

    def test_working_memory_keeps_what_a_turn_leaves_by_agent_or_by_plan(self):
        seen = []

        def handler(ctx, event):
            memory = ctx.working
            seen.append([memory.get("none"), memory.count("n"), memory.increment("n", 2), memory.get("seeded", 0)])
            memory.put("list", [1], ttl=timedelta(seconds=9))
            seen.append([memory.append("list", {"b": 2**60}), memory.get("list"), memory.keys("l"), memory.keys(after="list", limit=1)])
            seen.append([memory.update("u", lambda old: old + 1, 0), memory.delete("u"), memory.delete("u"), memory.get("u")])

        host = TestHost(working={"seeded": 41}, plan_working={"p": {"n": 7}})
        agent = agent_of(handler)
        self.assertTrue(host.handle(agent, Go({})).ok)
        self.assertEqual(seen, [[None, 1, 3, 41], [2, [1, {"b": 2**60}], ["list"], ["n"]], [1, True, False, None]])
        self.assertEqual(host.working("one", "n"), 3)
        self.assertEqual(host.handle(agent, Go({}), plan="p").working("n"), 10)
        self.assertEqual(host.handle(agent, Go({})).working("n"), 6)

    def test_events_carry_what_was_said_and_inherit_the_rest(self):
        def handler(ctx, event):
            ctx.publish(Done({"n": 1}), subject="s", session="other", reply_to=Doubled, extensions={"tenantx": 1})
            ctx.publish(Done(event.plan), after=0.01)
            ctx.publish(Done(None), at=datetime(2026, 1, 1))

        turn = self.run_turn(handler, {"session": "mine", "plan": "p", "user": "u"})
        first, second, third = turn.published
        self.assertEqual(
            (first.data, first.subject, first.session, first.reply_to, first.extensions, first.user, first.source),
            ({"n": 1}, "s", "other", Doubled, {"tenantx": "1"}, "u", "agent/one"),
        )
        self.assertEqual((second.session, second.plan, third.data), ("mine", "p", None))
        self.assertEqual(turn.of(Done), [{"n": 1}, "p", None])

    def test_nothing_is_left_of_a_turn_that_raises_after_any_of_its_host_calls_but_its_log(self):
        def handler(ctx, event):
            ctx.log.info("begin")
            ctx.working.put("a", 1)
            ctx.publish(Done({}))
            ctx.knowledge.remember("fact")
            ctx.working.put("b", 1)

        agent = agent_of(handler)
        calls = TestHost().handle(agent, Go({})).host_calls
        self.assertEqual(calls, 5)
        for call in range(2, calls + 1):
            turn = TestHost(fail_call=(call, w.Unavailable("x"))).handle(agent, Go({}))
            left = (turn.failure.kind, turn.published, turn.working("a"), turn.host_calls, turn.log[0].message)
            self.assertEqual(left, ("retry", [], None, call, "begin"))

    def test_a_tool_answers_a_call_inside_the_turn_and_what_a_failed_one_did_is_gone(self):
        def doubling(ctx, event):
            ctx.working.put("last", event.data)
            return event.data * 2

        def failing(ctx, event):
            ctx.working.put("last", 1)
            raise ValueError("no")

        caller = agent_of(lambda ctx, _: ctx.publish(Done([ctx.call(Double(4)), ctx.call(Double(5), timeout=1)])))
        host = TestHost(agents=[tool("double", doubling)])
        self.assertEqual(host.handle(caller, Go({})).of(Done), [[8, 10]])
        self.assertEqual(host.working("double", "last"), 5)
        told = TestHost(answers=[(Double, lambda data: data + 1)])
        self.assertEqual(told.handle(caller, Go({})).of(Done), [[5, 6]])
        kinds = []
        careful = agent_of(lambda ctx, _: kinds.append(self.refused(ctx.call, Double(1))))
        failed = TestHost(agents=[tool("failing", failing)])
        for host in (failed, TestHost(), TestHost(agents=[tool("a", doubling), tool("b", doubling)])):
            self.assertTrue(host.handle(careful, Go({})).ok)
        self.assertEqual(kinds, ["unavailable", "not-found", "conflict"])
        self.assertIsNone(failed.working("failing", "last"))

    def test_an_answer_goes_to_who_asks_for_one(self):
        double = tool("t", lambda ctx, event: event.data * 2)
        asked = TestHost().handle(double, Double(2), reply_to=Doubled)
        self.assertEqual((asked.response, asked.of(Doubled)), (4, [4]))
        self.assertTrue(TestHost().handle(double, Double(2)).ok)

    def test_knowledge(self):
        def handler(ctx, event):
            known = ctx.knowledge
            first = known.remember("the sky is blue", tags=["fact"], metadata={"n": 1})
            second = known.remember("the sky is grey", external_id="sky", supersedes=first)
            self.assertEqual(known.remember("the sky is black", external_id="sky"), second)
            self.assertEqual([item.content for item in known.search("sky")], ["the sky is black"])
            then = known.search("sky blue", as_of="2025-01-01T00:00:00.000Z", tags=["fact"], metadata={"n": 1})
            self.assertEqual([(item.metadata, item.superseded_by) for item in then], [({"n": 1}, second)])
            self.assertEqual([item.id for item in known.list().items], [second])
            self.assertEqual(known.get(first).content, "the sky is blue")
            self.assertEqual((known.forget(first), known.forget(first)), (True, False))
            self.assertEqual(self.refused(known.get, first), "not-found")
            self.assertEqual(self.refused(known.remember, "x", visibility="all"), "invalid")

        self.run_turn(handler)

    def test_episodes_and_procedures(self):
        def handler(ctx, event):
            said = ctx.episodes
            ids = [said.add("user", text, {"text": text}) for text in ("hello", "good day", "hello again")]
            self.assertEqual([one.id for one in said.recent(limit=2)], [ids[2], ids[1]])
            self.assertEqual([one.metadata for one in said.recent(before=ids[1])], [{"text": "hello"}])
            self.assertEqual([one.id for one in said.search("hello again")], [ids[2], ids[0]])
            said.consolidate(ids[1])
            self.assertEqual([one.id for one in said.unconsolidated()], [ids[2]])

            ways = ctx.procedures
            self.assertEqual(ways.put("greet", "Say hello.", triggers=["somebody says hello"]), 1)
            self.assertEqual(ways.put("greet", "Say hi.", kind="rule"), 2)
            self.assertEqual((ways.get("greet").body, ways.get("greet", 1).kind), ("Say hi.", "prompt"))
            self.assertEqual(ways.roll_back("greet"), 1)
            self.assertEqual([(one.version, one.score) for one in ways.matching("hello")], [(1, 1.0)])
            self.assertEqual(self.refused(ways.roll_back, "greet"), "conflict")
            ways.activate("greet", 2)
            self.assertEqual(ways.get("greet").version, 2)

        self.run_turn(handler, {"user": "u"})

    def test_the_registry_the_clock_and_the_rest(self):
        def handler(ctx, event):
            found = ctx.registry.find_agents(consumes="double")
            self.assertEqual([(one.name, one.manifest["kind"]) for one in found], [("other", "tool")])
            self.assertEqual([one.name for one in ctx.registry.discover("who doubles?")], ["other"])
            self.assertEqual(ctx.registry.discover(tags=["odd"]), [])
            self.assertEqual(ctx.registry.get_agent("other").status, "active")
            types = ctx.registry.find_events(actionable=True)
            self.assertEqual([(one.event_type, one.consumers) for one in types], [("double", ["other"])])
            self.assertEqual(self.refused(ctx.registry.get_schema, "double"), "not-found")
            self.assertEqual(ctx.registry.validate("order", {})[0].pointer, "/a")
            self.assertEqual(ctx.now(), datetime(2026, 5, 5, tzinfo=timezone.utc))
            self.assertEqual((ctx.elapsed_ms(), ctx.cancelled(), ctx.config("a"), ctx.config("b", "x")), (0, True, "1", "x"))
            self.assertEqual((ctx.identity().agent, ctx.budget().events, len(ctx.random_bytes(4))), ("one", 64, 4))
            ctx.log.with_fields(order=7).warn("odd", more=True)

        turn = self.run_turn(
            handler, agents=[tool("other", lambda ctx, event: 1)], cancelled=True, config={"a": "1"},
            violations={"order": [{"pointer": "/a", "message": "missing"}]}, now=datetime(2026, 5, 5),
        )
        line = turn.log[0]
        self.assertEqual((line.level, line.message, line.fields), ("warn", "odd", {"order": "7", "more": "True"}))

    def test_what_was_not_asked_for_is_denied_and_limits_are_the_hosts(self):
        put = agent_of(lambda ctx, _: ctx.working.put("a", 1), grants=[])
        self.assertRegex(TestHost().handle(put, Go({})).failure.reason, "denied: .*was not granted `working:write`")
        granted = agent_of(lambda ctx, _: ctx.working.put("a", 1))
        self.assertIsInstance(TestHost(deny=["working:write"]).handle(granted, Go({})).error, w.Denied)

        def handler(ctx, event):
            for refused in (
                lambda: ctx.working.get(""),
                lambda: ctx.working.put("k" * 513, 1),
                lambda: ctx.working.put("k", "v" * 256 * 1024),
                lambda: ctx.working.keys(limit=1001),
                lambda: ctx.random_bytes(65_537),
            ):
                self.assertEqual(self.refused(refused), "invalid")
            self.assertEqual(self.refused(ctx.respond, 1), "not-found")
            for at in range(64):
                ctx.publish(Done(at))
            self.assertEqual(self.refused(ctx.publish, Done(64)), "exhausted")

        self.run_turn(handler)

    def test_settling_runs_what_was_set_off_until_nothing_is_left(self):
        def fail(ctx, event):
            raise ValueError("no")

        second = Agent("second")
        second.on(Double)(fail)
        settled = TestHost(agents=[agent_of(lambda ctx, _: ctx.publish(Double(1))), second]).settle(Go({}))
        self.assertEqual(settled.types, ["go", "double"])
        self.assertEqual([(agent, failure.kind) for agent, failure in settled.failures], [("second", "other")])


if __name__ == "__main__":
    unittest.main()
