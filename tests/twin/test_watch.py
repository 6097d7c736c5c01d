#!/usr/bin/env python3
"""Tests of what tells the processes that an agent left behind from those of the twin's companions."""
import os
import signal
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import agent        # noqa: E402
import watch        # noqa: E402

# A child after the other that lives about as long as a look at all processes takes, and one that stays.
COMPANION = "sleep 1000 & echo runs; while :; do sleep 0.005; done"
# Ends, and leaves a process in a session of its own and one below that, which is what it shall be once it has written: until
# then it may be the shell's fork.
LEAVER = "setsid sh -c 'tail -n 1 -f test_watch.py & wait' &"


def setUpModule():
    watch.become_subreaper()


class Rest(unittest.TestCase):
    def setUp(self):
        self.companion = subprocess.Popen(["sh", "-c", COMPANION], stdout=subprocess.PIPE,
                                          preexec_fn=watch.tie(signal.SIGKILL, subreaper=True))
        self.addCleanup(self.end_companion)
        self.companion.stdout.readline()

    def end_companion(self):
        below = watch.descendants(self.companion.pid)
        self.companion.kill()
        watch.kill_all(below)
        self.companion.communicate()

    def rest(self):
        return agent.kill_rest([self.companion.pid])

    def test_what_ends_below_a_companion_is_not_left(self):
        for _ in range(200):
            self.assertEqual(self.rest(), [])
        self.assertIsNone(self.companion.poll())

    def test_what_is_left_is_named_and_killed(self):
        leaver = subprocess.Popen(["sh", "-c", LEAVER], cwd=HERE, stdout=subprocess.PIPE)
        self.addCleanup(leaver.stdout.close)
        leaver.stdout.readline()
        leaver.wait()
        pids, names = zip(*(name.split(" ", 1) for name in self.rest()))
        self.assertEqual(sorted(names), ["sh -c tail -n 1 -f test_watch.py & wait", "tail -n 1 -f test_watch.py"])
        self.assertEqual([watch.start_time(int(pid)) for pid in pids], [None, None])
        self.assertEqual(self.rest(), [])


if __name__ == "__main__":
    unittest.main()
