#!/usr/bin/env python3
"""Tests of tests/play.py: which failure is given a second try, and what is told of it."""
import contextlib
import fnmatch
import importlib.machinery
import importlib.util
import io
import os
import re
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import play         # noqa: E402

# Signs of a crash, as the programs that print them do.
CRASHES = """\
==7==ERROR: AddressSanitizer: heap-use-after-free
a.c:3:1: runtime error: shift exponent 64
suite.h:27:E:plan:test:0: (after this point) Received signal 6 (Aborted)
suite.h:27:E:log:test:0: (after this point) Early exit with return value 1
status --wait ended with 139, not 6: Segmentation fault
lib.sh: line 9: 7 Aborted
*** stack smashing detected ***: terminated
*** buffer overflow detected ***: terminated
free(): double free detected in tcache 2
test_x: a.c:3: f: Assertion `n > 0' failed.
died with <Signals.SIGSEGV: 11>.
gn8v-agent.service: Main process exited, code=killed, status=11/SEGV
gn8v-agent.service did not end well: it ended with core-dump
twin-answer rim: exit -11
FAILED: the exit code is 139, not 0
error: worker-crashed
FAILED: no ready instance could be made
"""
# Stories that look at the gate or the verdict, or kill the agent, on the way to something else.
ABOUT_OTHERS = "story/fault-boot story/fault-rpm story/run-by-hand story/run-host story/status-results story/status-wait".split()
PROMISES = re.compile(r"expect_gate_closed|expect_closed|signalled KILL|judged_as|attestation-rejected|attestation\.verdict")

# $1 is a folder of the test's own; a program that fails the first time only leaves a mark there.
FAILS_ONCE = 'if [ -e "$1/mark" ]; then echo second; else echo first; : > "$1/mark"; exit 1; fi'


class Tries(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.set_environment(SECOND_TRIES=os.path.join(self.folder, "tries"))
        self.told, self.tests = [], []

    def set_environment(self, **values):
        """Until the end of the test."""
        environment = mock.patch.dict(os.environ, values)
        environment.start()
        self.addCleanup(environment.stop)

    def add(self, name, script, timeout_s=300, may_skip=False):
        own = self.own = tempfile.mkdtemp(dir=self.folder)
        self.tests.append(play.Test(name, ["sh", "-c", script, "sh", own], timeout_s, may_skip))

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

    def test_second_tries_are_alone_and_after_all_others(self):
        order = os.path.join(self.folder, "order")
        for name in ("odd", "strange"):
            self.add("story/" + name, FAILS_ONCE.replace("echo second", "echo %s begins >> %s; sleep 0.05; echo %s ends >> %s"
                                                         % (name, order, name, order)))
        for n in range(4):
            self.add("story/%d" % n, "echo other >> %s" % order)
        self.assertEqual(self.play(jobs=2), 0)
        with open(order, encoding="utf-8") as f:
            lines = f.read().split("\n")[:-1]
        self.assertEqual(lines[:4], ["other"] * 4)
        self.assertIn(lines[4:], [["odd begins", "odd ends", "strange begins", "strange ends"],
                                  ["strange begins", "strange ends", "odd begins", "odd ends"]])

    def test_what_is_skipped_at_the_second_try_has_failed(self):
        self.add("story/odd", FAILS_ONCE.replace("echo second", "exit 77"), may_skip=True)
        self.assertEqual(self.play(), 1)
        self.assertEqual(self.told, [("story/odd", 1)])

    def test_no_line_of_a_first_try_counts_as_a_result(self):
        self.add("unit/odd", FAILS_ONCE.replace("echo first", "echo '0%: Checks: 3, Failures: 3, Errors: 0'; echo FAIL x"))
        self.assertEqual(self.play(), 0)
        loader = importlib.machinery.SourceFileLoader("summary", os.path.join(HERE, "summary"))
        summary = importlib.util.module_from_spec(importlib.util.spec_from_loader("summary", loader))
        loader.exec_module(summary)
        counts = summary.Counts()
        for line in self.said.splitlines():
            counts.take(line)
        self.assertEqual(counts.failed, 0)
        self.assertIn("Checks: 3", self.said)

    def test_more_than_three_fail_the_run(self):
        for n in range(3):
            self.add("story/%d" % n, FAILS_ONCE)
        self.assertEqual(self.play(), 0)
        self.tests.clear()
        self.add("story/3", FAILS_ONCE)
        self.assertEqual(self.play(), 1)
        self.assertIn("more than 3 tests of this run would need a second try: they have failed", self.said)
        self.assertEqual(self.told[3:], [("story/3", 1)])

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
        for words in CRASHES.splitlines():
            self.once("story/c", "cat << 'END'; exit 1\n%s\nEND" % words, 1)
        self.once("unit/test_plan@build-asan", "exit 1", 1)

    def test_a_sanitizers_report_fails_what_passed(self):
        self.once("story/a", "echo '==7==ERROR: AddressSanitizer: heap-use-after-free'", play.REPORTED)

    def test_more_failures_than_second_tries_are_not_played_again(self):
        for n in range(4):
            self.add("story/%d" % n, 'echo x >> "$1/tries"; exit 1')
        self.assertEqual(self.play(), 1)
        self.assertEqual(self.tries(), 1)
        self.assertIn("tests: 0 passed, 4 failed", self.said)

    def test_a_run_of_nothing_has_failed(self):
        self.assertEqual(self.play(), 1)

    def test_a_name_without_a_test_is_a_mistake_except_below_summary(self):
        with contextlib.redirect_stdout(io.StringIO()):
            self.set_environment(MAY_BE_EMPTY="1")
            self.assertEqual(play.nothing("stories"), 0)
            del os.environ["MAY_BE_EMPTY"]
            self.assertEqual(play.nothing("stories"), 1)

    def test_a_run_begins_with_an_empty_list(self):
        self.set_environment(SECOND_TRIES=os.path.join(self.folder, "second-tries"))
        self.add("story/odd", FAILS_ONCE)
        self.assertEqual(self.play(), 0)
        self.assertEqual(len(play.noted()), 1)
        del os.environ["SECOND_TRIES"]
        with mock.patch.object(play, "BUILD", self.folder), play.run_of_tests():
            self.assertEqual(play.noted(), [])

    def test_what_hangs_is_ended_and_says_so(self):
        self.add("story/gate-hangs", "exec tail -f /dev/null", timeout_s=0.1)
        with contextlib.redirect_stdout(io.StringIO()):
            code = play.play("tests", self.tests, 1, lambda p: self.told.append((p.code, p.text())))
        self.assertEqual(code, 1)
        self.assertEqual(self.told, [(play.TIMED_OUT, "still running after 0.1 s\n")])

    def test_what_is_skipped_is_not_played_again(self):
        self.add("story/skipped", 'echo x >> "$1/tries"; exit 77', may_skip=True)
        self.assertEqual(self.play(), 0)
        self.assertEqual(self.tries(), 1)
        self.assertEqual(self.told, [("story/skipped", play.SKIPPED)])
        self.assertIn("tests: 0 passed, 0 failed, 1 skipped", self.said)

    def test_only_what_may_be_skipped_is(self):
        self.add("unit/skipped", 'echo x >> "$1/tries"; exit 77')
        self.assertEqual(self.play(), 1)
        self.assertEqual(self.told, [("unit/skipped", 77)])


def there():
    """{name: path} of the tests that tests/no-second-try may name."""
    found = {}
    for kind, folder, begin, end in (("story", "story", "", ".sh"), ("scene", "vm/nspawn/scenes", "", ".py"),
                                     ("unit", "unit", "test_", ".c"), ("packaging", "packaging", "", ".sh")):
        for name in os.listdir(os.path.join(HERE, folder)):
            if name.startswith(begin) and name.endswith(end) and name != "lib.sh":
                found["%s/%s" % (kind, name[:-len(end)])] = os.path.join(HERE, folder, name)
    return found


class List(unittest.TestCase):
    def test_every_pattern_is_of_a_test(self):
        for pattern in play.only_once():
            self.assertTrue(fnmatch.filter(there(), pattern), "%s matches no test" % pattern)

    def test_what_asks_for_gate_or_verdict_is_in_it(self):
        for name, path in there().items():
            with open(path, encoding="utf-8") as f:
                asks = name.startswith(("story/", "scene/")) and PROMISES.search(f.read())
            listed = any(fnmatch.fnmatch(name, pattern) for pattern in play.only_once())
            self.assertTrue(not asks or listed or name in ABOUT_OTHERS, "%s is not in tests/no-second-try" % name)


class Programs(unittest.TestCase):
    def test_the_list_is_printed_by_the_program_alone(self):
        """As .ci/run does at its end."""
        with tempfile.TemporaryDirectory() as tries:
            with open(os.path.join(tries, "list"), "w", encoding="utf-8") as f:
                f.write("story/odd 1.story.odd.log\n")
            said = subprocess.run([os.path.join(HERE, "play.py")], env=dict(os.environ, SECOND_TRIES=tries),
                                  capture_output=True, text=True, check=False)
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        self.assertEqual(said.stdout, "needed a second try: story/odd (the log of the first: 1.story.odd.log)\n")

    def test_what_may_be_executed_names_its_interpreter(self):
        """Else a shell takes it for its own language, documentation included."""
        for top, folders, names in os.walk(os.path.dirname(HERE)):
            folders[:] = [name for name in folders if name not in (".git", "build", "__pycache__")]
            for path in (os.path.join(top, name) for name in names):
                if os.path.isfile(path) and os.access(path, os.X_OK):
                    with open(path, "rb") as f:
                        self.assertEqual(f.read(2), b"#!", "%s is executable and has no #! line" % path)


if __name__ == "__main__":
    unittest.main()
