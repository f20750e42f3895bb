import unittest

from agent import Broken, Greeted, agent, Requested
from warren_agent import EventType
from warren_agent.testing import TestHost


class Hello(unittest.TestCase):
    def test_greetings_are_counted_by_name(self):
        turn = TestHost(working={"greeted/Ada": 1}).handle(agent, Requested("Ada"))
        self.assertEqual(turn.of(Greeted), [Greeted("Hello, Ada!", 2)])
        self.assertEqual([(line.message, line.fields) for line in turn.log], [("greeting Ada", {"count": "2"})])
        self.assertEqual(turn.host_calls, 4)

    def test_the_word_to_greet_with_is_a_setting(self):
        turn = TestHost(config={"greeting": "Ahoy"}).handle(agent, Requested("Alan"))
        self.assertEqual(turn.of(Greeted)[0].text, "Ahoy, Alan!")

    def test_nobody_is_not_greeted(self):
        untyped = EventType("action-requests", "hello.requested")
        failure = TestHost().handle(agent, untyped({})).failure
        self.assertEqual(failure.kind, "reject")
        self.assertIn("name", failure.reason)

    def test_nothing_is_left_of_what_went_wrong(self):
        turn = TestHost().handle(agent, Broken())
        self.assertRegex(turn.failure.reason, r"broken on purpose(.|\n)*agent\.py")
        self.assertIsNone(turn.working("broken"))


if __name__ == "__main__":
    unittest.main()
