#!/usr/bin/env python3
"""Reads what `make demo` prints, on terminals of 80 and of 200 columns: boots, restarts, who decided, what is reduced, and
the exit code."""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
DEMO = os.path.join(HERE, "demo")
TERMINAL = os.path.join(HERE, "story", "terminal.py")
# A line that is drawn anew stands behind the sequence that erases the ones before it.
ERASED = re.compile(r".*\x1b\[J")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
RUNNING = re.compile(r" {7}[▸>] ")


class Shown:
    """A demonstration of one shape on a terminal, which runs until told() is asked."""

    def __init__(self, folder, shape, columns, program=None):
        self.shape, self.columns, self.folder = shape, columns, os.path.join(folder, "%s%d" % (shape, columns))
        self.screen = tempfile.TemporaryFile()
        env = dict(os.environ, LANG="C.UTF-8", TERM="xterm")
        env.pop("COLUMNS", None)
        if program:
            env["GN8V_BIN"] = program
        self.process = subprocess.Popen(
            [sys.executable, "-B", TERMINAL, "%d" % columns, sys.executable, "-B", DEMO, "--folder", self.folder, shape],
            stdin=subprocess.DEVNULL, stdout=self.screen, env=env)

    def told(self):
        """The exit code, and the lines that stay on the screen."""
        self.process.wait()
        with self.screen:
            self.screen.seek(0)
            text = self.screen.read().decode()
        lines = [COLOUR.sub("", ERASED.sub("", line)) for line in text.replace("\r", "").split("\n")]
        self.all = lines
        self.lines = [line for line in lines if not RUNNING.match(line)]
        return self.process.returncode

    def status(self):
        with open(os.path.join(self.folder, self.shape, "root/var/lib/gn8v/status.json"), encoding="utf-8") as f:
            return json.load(f)


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory(prefix="gn8v.", dir="/tmp")    # sockets lie below it
        cls.addClassCleanup(cls.place.cleanup)
        cls.shown = [Shown(cls.place.name, "single", 200), Shown(cls.place.name, "multi", 80)]
        cls.codes = [s.told() for s in cls.shown]

    def at(self, shown, pattern):
        """The number of the one line that matches."""
        found = [n for n, line in enumerate(shown.lines) if re.search(pattern, line)]
        self.assertEqual(len(found), 1, "%s: %s" % (pattern, "\n".join(shown.lines)))
        return found[0]

    def test_both_end_ready_with_exit_code_0(self):
        self.assertEqual(self.codes, [0, 0])
        for shown in self.shown:
            self.at(shown, '^  %s +"result": "ready"  after [0-9.]+ s and 1 restart, see' % shown.shape)

    def test_each_boot_has_its_heading_and_what_was_done_in_it(self):
        for shown in self.shown:
            places = [self.at(shown, pattern) for pattern in (
                r"^  boot 1$", r"✓ kernel-args ", r"restarting: gn8v goes on in the next boot", r"^  boot 2$",
                r"✓ driver +[0-9.]+ s  driver ", r"✓ attest ", r"^  found$", r"^  gn8v status$", r"━ result ━")]
            self.assertEqual(places, sorted(places))
            self.assertFalse([line for line in shown.lines if line.startswith("  boot 3")])
            self.assertEqual(shown.status()["restarts"], 1)

    def test_it_says_who_decided_and_what_is_reduced(self):
        for shown in self.shown:
            status = shown.status()
            self.assertEqual(status["attestation"]["decided_by"], "native")
            self.at(shown, "^    attestation +accepted, decided by gn8v itself$")
            self.assertEqual(status["reduced"], ["attest.device_root", "attest.rim_root"])
            self.at(shown, "^    reduced +attest.device_root, attest.rim_root: the")
        self.assertEqual(len([line for line in self.shown[1].lines if re.match(r" +(gpu|nvswitch) \d+ +accepted ", line)]), 12)
        self.assertEqual(len([line for line in self.shown[0].lines if re.match(r" +(gpu|nvswitch) \d+ +accepted ", line)]), 1)

    def test_no_line_is_wider_than_the_terminal(self):
        for shown in self.shown:
            self.assertEqual([line for line in shown.all if len(line) > shown.columns - 1], [])
        self.assertTrue([line for line in self.shown[0].lines if len(line) > 100], "200 columns are not used")

    def test_what_does_not_become_ready_is_exit_code_1(self):
        shown = Shown(self.place.name, "single", 100, "/bin/false")
        self.assertEqual(shown.told(), 1)
        self.at(shown, '^  single +"result": "none"  after [0-9.]+ s and 0 restarts, see')
        self.at(shown, "^    attestation +none, decided by nobody$")

    def test_an_unknown_shape_is_a_mistake(self):
        shown = Shown(self.place.name, "double", 80)
        self.assertEqual(shown.told(), 2)
        self.assertIn("double: the shapes are single and multi", "\n".join(shown.lines))


if __name__ == "__main__":
    unittest.main()
