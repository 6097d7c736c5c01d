#!/usr/bin/env python3
"""Every fake, payload and fixture says whom it plays.

At the head of a fake, in its first comment, stand three lines, each with as many more as it needs:
    Plays PROGRAM VERSION      the real one; where a version is not known, that is said
    Source: ...                where its behaviour was seen: a public program, page or repository, or a fixture in tests/fixtures/real
    Simplified: ...            what is left out
A fixture has a row in tests/fixtures/real/INDEX.md."""
import glob
import os
import re
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
REAL = os.path.join(HERE, "fixtures/real")
# Where everything plays something, but for these.
FOLDERS = {
    "twin/fakes": {"FAULTS", "LIST", "selftest.sh", "twinlib.py", "twinreal.py"},
    "twin/payload": set(),
    "vm/payload": set(),
    "packaging/fakes": {"limited", "passes", "record"},
    # Parts of what server.py, the libraries and twin-systemd are, and the harness around them.
    "twin": {"README.md", "agent.py", "assets.py", "commands.py", "daemons.py", "instance.py", "ledger.py", "looks.py", "packages.py",
             "server.py", "twin", "watch.py", "web.py"},
    "twin/devices": {"answer.c", "check.h", "device.c", "device.h", "issue.c", "issue.h", "main.c", "manifest.h", "measure.c",
                     "measure.h", "responder.h", "twin.c", "twin.h"},
    "twin/systemd": {"base.c", "base.h", "bus.c", "bus.h", "definition.c", "guard.c", "guard.h", "install.c", "install.h", "job.c",
                     "job.h", "login.c", "login.h", "manager.c", "manager.h", "objects.c", "path.c", "path.h", "presence.c",
                     "presence.h", "preset.c", "preset.h", "proc.c", "proc.h", "reboot.c", "reboot.h", "selftest.sh", "service.c",
                     "service.h", "signals.c", "signals.h", "twin.c", "twin.h", "unit.c", "unit.h"},
}
LINES = ("Plays ", "Source: ", "Simplified: ")
PAGES = {"INDEX.md", "PROTOCOL.md", "UNKNOWN.md"}


def head(text):
    """The first comment, without its marks: a docstring, a C comment, or lines that begin with #."""
    text = re.sub(r"\A#!.*\n", "", text)
    found = re.match(r'"""(.*?)"""|/\*(.*?)\*/|((?:#[^\n]*\n)+)', text, re.S)
    if not found:
        return ""
    inside = next(group for group in found.groups() if group is not None)
    return re.sub(r"^(?: \*|#)? ?", "", inside, flags=re.M)


def complaints(text):
    """Why this is no head; [] when it is one."""
    text = head(text)
    at = [re.search("^" + re.escape(line), text, re.M) for line in LINES]
    wrong = ["no line begins with \"%s\"" % line.strip() for line, found in zip(LINES, at) if not found]
    if wrong:
        return wrong
    if [found.start() for found in at] != sorted(found.start() for found in at):
        wrong.append("Plays, Source and Simplified stand in another order")
    plays = text[at[0].end():at[1].start()]
    if not re.search(r"\d|version not known|\bany version\b", plays):
        wrong.append("no version in \"Plays %s\"" % plays.strip())
    for line, found in zip(LINES, at):
        if not re.match(r"\w", text[found.end():]):
            wrong.append("nothing after \"%s\"" % line.strip())
    if re.search(r"\.\./shared|facts/real\.md|/work/|/root/|\bids? \d{6}", text):
        wrong.append("a source that is not there for others")
    return wrong


def of_folder(folder, names, others):
    wrong = ["%s/%s is not there: no exception is needed" % (folder, name) for name in sorted(others - set(names))]
    for name in sorted(set(names) - others):
        with open(os.path.join(HERE, folder, name), encoding="utf-8") as f:
            wrong += ["%s/%s: %s" % (folder, name, text) for text in complaints(f.read())]
    return wrong


def files_of(folder):
    return [name for name in os.listdir(os.path.join(HERE, folder))
            if os.path.isfile(os.path.join(HERE, folder, name)) and not re.fullmatch(r"test_.*\.py", name)]


def expand(name):
    """Of a{b,c}d: abd and acd."""
    found = re.search(r"\{([^{}]*)\}", name)
    if not found:
        return [name]
    return [full for part in found.group(1).split(",") for full in expand(name[:found.start()] + part + name[found.end():])]


def rows(index):
    """(names of files, the other cells) of each row of a table."""
    for line in index.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or cells[0] == "file" or not cells[0].strip("- "):
            continue
        yield [full for name in re.split(r",\s+", cells[0]) for full in expand(name)], cells[1:]


def index_complaints(index, files):
    """What INDEX.md says of files that are not there, and files of which it does not say where they were seen."""
    named, wrong = [], []
    for names, cells in rows(index):
        named += names
        if len(cells) != 2 or not all(cells):
            wrong.append("%s: whom it plays and where that was seen are two cells" % names[0])
    wrong += ["%s has a row and is not there" % name for name in sorted(set(named) - set(files))]
    wrong += ["%s has no row" % name for name in sorted(set(files) - set(named))]
    return wrong + ["%s has two rows" % name for name in sorted(set(named)) if named.count(name) > 1]


GOOD = '#!/bin/sh\n# dracut, slowly.\n#\n# Plays dracut 049.\n# Source: dracut.sh of 049.\n# Simplified: all of it.\nset -u\n'


class Heads(unittest.TestCase):
    def test_every_fake_says_whom_it_plays(self):
        self.assertEqual([text for folder, others in FOLDERS.items() for text in of_folder(folder, files_of(folder), others)], [])

    def test_a_head_that_lacks_something_is_noticed(self):
        self.assertEqual(complaints(GOOD), [])
        for old, new in (("Plays", "plays"), ("Plays dracut 049", "Plays dracut"), ("# Source: dracut.sh of 049.\n", ""),
                         ("# Simplified: all of it.\n", ""), ("# Simplified", "set -u\n# Simplified"), ("all of it.", ""),
                         ("dracut.sh of 049", "facts/real.md A23"), ("dracut.sh of 049", "../shared/real/dracut")):
            self.assertTrue(complaints(GOOD.replace(old, new)), old)
        self.assertTrue(complaints(""))
        self.assertTrue(complaints("set -u\n"))

    def test_a_new_fake_without_a_head_and_an_exception_for_nobody_are_noticed(self):
        with tempfile.NamedTemporaryFile("w", dir=os.path.join(HERE, "twin/payload"), prefix=".new-") as f:
            self.assertTrue(of_folder("twin/payload", [os.path.basename(f.name)], set()))
        self.assertTrue(of_folder("twin/payload", [], {"no-such"}))

    def test_every_fixture_has_a_row(self):
        files = [os.path.relpath(path, REAL) for path in glob.glob(REAL + "/**", recursive=True) if os.path.isfile(path)]
        with open(REAL + "/INDEX.md", encoding="utf-8") as f:
            index = f.read()
        self.assertEqual(index_complaints(index, set(files) - PAGES), [])
        self.assertGreater(len(list(rows(index))), 20)

    def test_a_file_without_a_row_and_a_row_without_a_file_are_noticed(self):
        index = "| file | whom it plays | source |\n| --- | --- | --- |\n| a/x.{1,2}, b | cat 8.30 | cat(1) |\n"
        self.assertEqual(index_complaints(index, {"a/x.1", "a/x.2", "b"}), [])
        for files in ({"a/x.1", "b"}, {"a/x.1", "a/x.2", "b", "c"}):
            self.assertTrue(index_complaints(index, files))
        self.assertTrue(index_complaints(index.replace("cat(1)", ""), {"a/x.1", "a/x.2", "b"}))
        self.assertTrue(index_complaints(index + "| b | cat 8.30 | cat(1) |\n", {"a/x.1", "a/x.2", "b"}))


if __name__ == "__main__":
    sys.exit(unittest.main())
