"""Plays tests beside each other, each a program of its own, and decides which failure is given a second try.

A test that failed is played once more, alone, after all others. If it passes then, it counts as passed; the log of its first
try is kept and its name is told at the end. More than SECOND_TRIES_MAX of these fail the run. There is no second try for what
tests/no-second-try lists, nor where the log has a sanitizer's report, an abort or a signal.

    tests/play.py        print which tests of this run needed a second try; exit code 1 when they are too many

The folder that the environment variable SECOND_TRIES names holds the list and the logs. Who sets it owns the run: `.ci/run`,
`tests/summary`, or the one runner that was started by hand."""

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

SKIPPED, TIMED_OUT = 77, 124
SECOND_TRIES_MAX = 3
TELLING_S = 120       # for a test that is ended to tell where it was, and to clean up
# What no test may hide: reports of AddressSanitizer and UBSan, Check's word for a test that a signal ended, a worker of the
# agent that crashed, and exit codes of SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE and SIGSEGV.
CRASH = re.compile(rb"Sanitizer|: runtime error: |Received signal|worker-crashed|core dumped|core-dump"
                   rb"|exit code(?: is|:)? (?:13[2-6]|139)\b")


class Test:
    """NAME is kind/name, as tests/no-second-try has it."""

    def __init__(self, name, argv, timeout_s=600):
        self.name, self.argv, self.timeout_s = name, argv, timeout_s


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

    def may_try_again(self):
        return not (self.code > 128 or CRASH.search(self.output) or any(
            fnmatch.fnmatch(self.test.name, p) for p in only_once()))

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
    mark = {0: "ok", SKIPPED: "skip"}.get(player.code, "FAIL")
    print("%-4s %-24s %5.1f  %s" % (mark, player.test.name.partition("/")[2], player.seconds, words), flush=True)
    if shown:
        show_log(player, shown)


def play(what, tests, jobs, tell):
    """Play all of them, which are WHAT, JOBS at a time; tell(player) prints how a test ended that is not played again. 0 when every test passed."""
    failed = passed = skipped = 0

    def judge(player):
        nonlocal failed, passed, skipped
        passed += player.code == 0
        skipped += player.code == SKIPPED
        failed += player.code not in (0, SKIPPED)
        tell(player)
    first_tries = []
    for player in side_by_side(tests, jobs):
        if player.code not in (0, SKIPPED) and player.may_try_again():
            first_tries.append(player)
            print("     %s failed, exit code %d: it is played once more, alone, at the end" % (player.test.name, player.code),
                  flush=True)
        else:
            judge(player)
    for first in first_tries:
        print("     the first try of %s:" % first.test.name)
        show_log(first)
        for second in side_by_side([first.test], 1):
            if second.code == 0:
                keep(first)
            judge(second)
    print("%s: %d passed, %d failed%s" % (what, passed, failed, ", %d skipped" % skipped if skipped else ""), flush=True)
    return 1 if failed or not passed + skipped or too_many() else 0


def show_log(player, last=80):
    """The last lines of what a test printed; indented, so that no line of it counts as a result."""
    print("".join("     | %s\n" % line for line in player.text().splitlines()[-last:]), end="", flush=True)


def nothing(what):
    """No test matches. In a larger run another runner may have it; here it is a mistake."""
    print("%s: none has such a name" % what, flush=True)
    return 0 if "SECOND_TRIES" in os.environ else 1


# --- the tests of this run that needed a second try ---------------------------------------------------------------------------

def noted():
    """[(name of the test, where the log of its first try is)]"""
    try:
        with open(os.path.join(os.environ["SECOND_TRIES"], "list"), encoding="utf-8") as f:
            return [tuple(line.split()) for line in f]
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


def too_many():
    return len(noted()) > SECOND_TRIES_MAX


def tell_second_tries():
    for name, path in noted():
        print("needed a second try: %s (the log of the first: %s)" % (name, path))
    if too_many():
        print("%d tests needed a second try; more than %d fail the run" % (len(noted()), SECOND_TRIES_MAX))
    sys.stdout.flush()


@contextlib.contextmanager
def run_of_tests():
    """Around all that one run plays: who sets SECOND_TRIES begins with an empty list, and tells it at the end."""
    if "SECOND_TRIES" in os.environ:
        yield
        return
    os.environ["SECOND_TRIES"] = os.path.join(os.path.dirname(HERE), "build", "second-tries")
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
    return 1 if too_many() else 0


if __name__ == "__main__":
    sys.exit(main())
