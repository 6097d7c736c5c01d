#!/usr/bin/env python3
"""Plays tests beside each other, each a program of its own, and decides which failure is given a second try.

A test that failed is played once more, alone, after all others. If it passes then, it counts as passed; the log of its first
try is kept and its name is printed at the end. Where more than SECOND_TRIES_MAX of a run would need that, they have failed.
There is no second try for what tests/no-second-try lists, nor where the log has a sanitizer's report, an abort or a signal.

    tests/play.py        print which tests of this run needed a second try

The folder that the environment variable SECOND_TRIES names holds the list and the logs. Whoever sets it empties the folder
first and prints the list at the end: .ci/run, tests/summary, or a runner that was started by hand."""

import contextlib
import fnmatch
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "twin"))
sys.dont_write_bytecode = True

import watch                                                          # noqa: E402

SKIPPED, REPORTED, TIMED_OUT = 77, 99, 124    # REPORTED: it passed, but a sanitizer had something to report
SECOND_TRIES_MAX = 3
BUILD = os.path.join(os.path.dirname(HERE), "build")
TELLING_S = 120       # for a test that is ended to tell where it was, and to clean up
# Reports of AddressSanitizer and UBSan.
SANITIZER = re.compile(rb"Sanitizer|: runtime error: ")
# Other signs of a program that crashed: the words of Check, of the shell, of glibc, of Python's subprocess, of systemd, of the
# agent about its worker, and of the harness about exit codes of SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE and SIGSEGV.
CRASH = re.compile(
    rb"Received signal|Early exit with return value|Segmentation fault|\bAborted\b|Bus error|Illegal instruction|core dumped"
    rb"|core-dump|stack smashing detected|buffer overflow detected|double free or corruption|free\(\): |malloc\(\): |Assertion `"
    rb"|<Signals\.SIG(?:ILL|TRAP|ABRT|BUS|FPE|SEGV)|status=\d+/(?:ILL|TRAP|ABRT|BUS|FPE|SEGV)|worker-crashed"
    rb"|exit -(?:4|5|6|7|8|11)\b|(?:exit code|exit status)(?: is|:)? (?:13[2-6]|139)\b|ended with (?:13[2456]|139)\b"
    rb"|instance could be made")    # a shared instance of stories or scenes: a whole provisioning


class Test:
    """NAME is kind/name, as tests/no-second-try has it. MAY_SKIP: exit code 77 means that it was skipped."""

    def __init__(self, name, argv, timeout_s=600, may_skip=False):
        self.name, self.argv, self.timeout_s, self.may_skip = name, argv, timeout_s, may_skip


class Player:
    """One try of a test."""

    def __init__(self, test):
        self.test, self.begun = test, time.monotonic()
        self.code = self.seconds = None
        self.log = tempfile.TemporaryFile()
        # close_fds: make hands its job server down by open files.
        self.process = subprocess.Popen(test.argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        close_fds=False, preexec_fn=watch.tie(signal.SIGTERM))
        self.fd = os.pidfd_open(self.process.pid)

    def time_left(self):
        return max(0, self.begun + self.test.timeout_s - time.monotonic())

    def end(self):
        """It tells where it is, and ends; or is ended."""
        self.process.terminate()
        try:
            self.process.wait(TELLING_S)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def over(self, timed_out):
        """Take down how it ended; what it left behind may still have the log open."""
        if timed_out:
            self.end()
            os.write(self.log.fileno(), b"still running after %g s\n" % self.test.timeout_s)
        self.code = self.process.wait()
        if timed_out:
            self.code = TIMED_OUT
        elif self.code < 0:
            self.code = 128 - self.code
        os.close(self.fd)
        self.seconds = time.monotonic() - self.begun
        self.log.seek(0)
        self.output = self.log.read()
        self.log.close()
        if self.code == 0 and SANITIZER.search(self.output):
            self.code = REPORTED

    def skipped(self):
        return self.code == SKIPPED and self.test.may_skip

    def failed(self):
        return self.code != 0 and not self.skipped()

    def may_try_again(self):
        return self.code <= 128 and not SANITIZER.search(self.output) and not CRASH.search(self.output) and not any(
            fnmatch.fnmatch(self.test.name.partition("@")[0], p) for p in only_once())

    def text(self):
        return self.output.decode("utf-8", "replace")


def only_once():
    """The patterns of tests/no-second-try."""
    with open(os.path.join(HERE, "no-second-try"), encoding="utf-8") as f:
        return [line.split()[0] for line in f if line.strip() and not line.startswith("#")]


def side_by_side(tests, jobs):
    """Play them, so many at a time; yield each player when it has ended."""
    waiting, playing = list(tests), []
    try:
        while waiting or playing:
            while waiting and len(playing) < jobs:
                playing.append(Player(waiting.pop(0)))
            ended = select.select([p.fd for p in playing], [], [], min(p.time_left() for p in playing))[0]
            for player in [p for p in playing if p.fd in ended or not p.time_left()]:
                playing.remove(player)
                player.over(player.fd not in ended)
                yield player
    finally:
        for player in playing:
            player.end()


def tell_line(player, words, shown):
    """How a test ended, on one line; of its log the last SHOWN lines."""
    mark = "FAIL" if player.failed() else "skip" if player.skipped() else "ok"
    print("%-4s %-24s %5.1f  %s" % (mark, player.test.name.partition("/")[2], player.seconds, words), flush=True)
    if shown:
        show_log(player, shown)


def play(what, tests, jobs, tell):
    """Play TESTS, which are WHAT, JOBS at a time, and second tries after them. tell(player) prints each final result.
    Returns 0 when all passed."""
    final, first_tries = [], []

    def judge(player):
        final.append(player)
        tell(player)
    for player in side_by_side(tests, jobs):
        if player.failed() and player.may_try_again():
            first_tries.append(player)
            print("     %s failed, exit code %d; it may be played again at the end" % (player.test.name, player.code), flush=True)
        else:
            judge(player)
    too_many = len(noted()) + len(first_tries) > SECOND_TRIES_MAX
    if too_many:
        print("     more than %d tests of this run would need a second try: they have failed" % SECOND_TRIES_MAX)
    for first in first_tries:
        judge(first if too_many else second_try(first))
    failed, skipped = sum(p.failed() for p in final), sum(p.skipped() for p in final)
    print("%s: %d passed, %d failed%s" % (what, len(final) - failed - skipped, failed,
                                          ", %d skipped" % skipped if skipped else ""), flush=True)
    return 1 if failed or not final else 0


def second_try(first):
    """Play it once more; the player that counts."""
    print("     the first try of %s:" % first.test.name)
    show_log(first)
    second, = side_by_side([first.test], 1)
    if second.skipped():
        return first
    if not second.failed():
        keep(first)
    return second


def show_log(player, last=80):
    """The last lines of what a test printed; indented, so that no line of it counts as a result."""
    print("".join("     | %s\n" % line for line in player.text().splitlines()[-last:]), end="", flush=True)


def nothing(what):
    """No test has the name that was asked for. Of the runners below tests/summary another may have it."""
    print("%s: none has such a name" % what, flush=True)
    return 0 if "MAY_BE_EMPTY" in os.environ else 1


def matching(what, names, patterns):
    """The names that one of the patterns matches, all without any; a pattern of several that matches none is a mistake."""
    for pattern in patterns:
        if len(patterns) > 1 and not fnmatch.filter(names, pattern):
            sys.exit("no %s is called %s" % (what, pattern))
    return [n for n in names if not patterns or any(fnmatch.fnmatch(n, p) for p in patterns)]


# --- the tests of this run that needed a second try ---------------------------------------------------------------------------

def noted():
    """[(name of the test, where the log of its first try is)]"""
    try:
        with open(os.path.join(os.environ["SECOND_TRIES"], "list"), encoding="utf-8") as f:
            return [tuple(line.rstrip("\n").split(" ", 1)) for line in f]
    except FileNotFoundError:
        return []


def keep(player):
    folder = os.environ["SECOND_TRIES"]
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "%d.%s.log" % (len(noted()) + 1, player.test.name.replace("/", ".")))
    with open(path, "wb") as f:
        f.write(player.output)
    with open(os.path.join(folder, "list"), "a", encoding="utf-8") as f:
        f.write("%s %s\n" % (player.test.name, path))


def tell_second_tries():
    for name, path in noted():
        print("needed a second try: %s (the log of the first: %s)" % (name, path))
    sys.stdout.flush()


@contextlib.contextmanager
def run_of_tests():
    """Around all that one run plays: who sets SECOND_TRIES begins with an empty list, and tells it at the end."""
    if "SECOND_TRIES" in os.environ:
        yield
        return
    os.environ["SECOND_TRIES"] = os.path.join(BUILD, "second-tries")
    shutil.rmtree(os.environ["SECOND_TRIES"], ignore_errors=True)
    try:
        yield
    finally:
        tell_second_tries()


def interruptible():
    """SIGTERM and Ctrl-C end the runner once it has ended what it plays."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda n, _: sys.exit(128 + n))


def main():
    if "SECOND_TRIES" not in os.environ:
        sys.exit("play.py: SECOND_TRIES is not set: no run of tests")
    tell_second_tries()


if __name__ == "__main__":
    main()
