#!/usr/bin/env python3
"""Tests of tests/play.py: which failure is given a second try, and what is told of it."""
import contextlib
import fnmatch
import io
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import play         # noqa: E402

# $1 is a folder of the test's own; a program that fails the first time only leaves a mark there.
FAILS_ONCE = 'if [ -e "$1/mark" ]; then echo second; else echo first; : > "$1/mark"; exit 1; fi'


class Tries(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        before = os.environ.get("SECOND_TRIES")
        os.environ["SECOND_TRIES"] = os.path.join(self.folder, "tries")
        self.addCleanup(self.put_back, before)
        self.told, self.tests = [], []

    def put_back(self, before):
        del os.environ["SECOND_TRIES"]
        if before is not None:
            os.environ["SECOND_TRIES"] = before

    def add(self, name, script, timeout_s=300):
        own = self.own = tempfile.mkdtemp(dir=self.folder)
        self.tests.append(play.Test(name, ["sh", "-c", script, "sh", own], timeout_s))

    def play(self, jobs=2):
        """The exit code; what was printed is in self.said, and how each test ended in self.told."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = play.play("tests", self.tests, jobs, lambda p: self.told.append((p.test.name, p.code)))
            play.tell_second_tries()
        self.said = said.getvalue()
        return code

    def test_what_fails_once_is_played_again_and_named(self):
        self.add("story/odd", FAILS_ONCE)
        self.add("story/good", "exit 0")
        self.assertEqual(self.play(), 0)
        self.assertEqual(sorted(self.told), [("story/good", 0), ("story/odd", 0)])
        (name, path), = play.noted()
        self.assertEqual(name, "story/odd")
        with open(path, encoding="utf-8") as f:
            self.assertEqual(f.read(), "first\n")
        self.assertIn("needed a second try: story/odd (the log of the first: %s)" % path, self.said)
        self.assertIn("tests: 2 passed, 0 failed\n", self.said)

    def test_what_fails_twice_has_failed(self):
        self.add("story/bad", 'echo x >> "$1/tries"; exit 1')
        self.assertEqual(self.play(), 1)
        self.assertEqual(self.told, [("story/bad", 1)])
        self.assertEqual(play.noted(), [])
        self.assertEqual(self.tries(), 2)

    def test_the_second_try_is_alone_and_after_all_others(self):
        order = os.path.join(self.folder, "order")
        self.add("story/odd", FAILS_ONCE.replace("echo second", "echo odd >> " + order))
        for n in range(4):
            self.add("story/%d" % n, "echo %d >> %s" % (n, order))
        self.assertEqual(self.play(jobs=1), 0)
        with open(order, encoding="utf-8") as f:
            self.assertEqual(f.read().split(), ["0", "1", "2", "3", "odd"])

    def test_more_than_three_fail_the_run(self):
        for n in range(3):
            self.add("story/%d" % n, FAILS_ONCE)
        self.assertEqual(self.play(), 0)
        self.tests.clear()
        self.add("story/3", FAILS_ONCE)
        self.assertEqual(self.play(), 1)
        self.assertIn("4 tests needed a second try; more than 3 fail the run", self.said)

    def tries(self):
        """How often the last test was played that adds a line to its file."""
        with open(os.path.join(self.own, "tries"), encoding="utf-8") as f:
            return len(f.readlines())

    def once(self, name, script, code):
        """Such a failure counts at once."""
        self.tests.clear()
        self.add(name, 'echo x >> "$1/tries"; ' + script)
        self.assertEqual(self.play(), 1)
        self.assertEqual(self.told.pop(), (name, code))
        self.assertEqual(self.tries(), 1)

    def test_no_second_try_for_what_is_listed(self):
        for name in ("story/gate-mode", "story/native-8", "story/run-lock", "unit/test_verdict", "packaging/user-data"):
            self.once(name, "exit 1", 1)

    def test_no_second_try_for_a_crash(self):
        self.once("story/a", "kill -SEGV $$", 128 + 11)
        self.once("story/b", "exit 134", 134)
        for words in ("==7==ERROR: AddressSanitizer: heap-use-after-free", "a.c:3:1: runtime error: shift exponent 64",
                      "suite.h:27:E:plan:test:0: (after this point) Received signal 6 (Aborted)",
                      "FAILED: the exit code is 139, not 0", "error: worker-crashed"):
            self.once("story/c", "echo '%s'; exit 1" % words, 1)

    def test_what_hangs_is_ended_and_says_so(self):
        self.add("story/gate-hangs", "exec tail -f /dev/null", timeout_s=0.1)
        with contextlib.redirect_stdout(io.StringIO()):
            code = play.play("tests", self.tests, 1, lambda p: self.told.append((p.code, p.text())))
        self.assertEqual(code, 1)
        self.assertEqual(self.told, [(play.TIMED_OUT, "still running after 0.1 s\n")])

    def test_what_is_skipped_is_not_played_again(self):
        self.add("story/skipped", 'echo x >> "$1/tries"; exit 77')
        self.assertEqual(self.play(), 0)
        self.assertEqual(self.tries(), 1)
        self.assertEqual(self.told, [("story/skipped", play.SKIPPED)])
        self.assertIn("tests: 0 passed, 0 failed, 1 skipped", self.said)

    def test_every_pattern_of_the_list_is_of_a_test(self):
        def names(kind, folder, begin, end):
            return ["%s/%s" % (kind, n[:-len(end)]) for n in os.listdir(os.path.join(HERE, folder))
                    if n.startswith(begin) and n.endswith(end)]
        there = (names("story", "story", "", ".sh") + names("scene", "vm/nspawn/scenes", "", ".py") +
                 names("unit", "unit", "test_", ".c") + names("packaging", "packaging", "", ".sh"))
        for pattern in play.only_once():
            self.assertTrue(fnmatch.filter(there, pattern), "%s matches no test" % pattern)


if __name__ == "__main__":
    unittest.main()
