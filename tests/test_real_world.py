#!/usr/bin/env python3
"""Every row of public trouble and of differences to the real world has a test, and every test that is named is there.

test_real_world.py --write puts the table into tests/README.md."""
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "story"), os.path.join(HERE, "twin")]
sys.dont_write_bytecode = True

import named        # noqa: E402
import compare      # noqa: E402

README = os.path.join(HERE, "README.md")
BEGIN, END = "<!-- real-world.table: tests/test_real_world.py --write -->\n", "<!-- end -->\n"

# What each row is about. real.A: interfaces that differ from what was assumed; case: trouble that others had in public.
ROWS = {
    "real.A1": "CUDA's version.json has a date in 12.x", "real.A2": "CUDA's runfile over a toolkit, whole or half",
    "real.A3": "the fabric needs a minute after Fabric Manager started", "real.A4": "grubby --default-index prints an empty line",
    "real.A5": "rpmkeys -Kv without a payload digest", "real.A6": "nvidia-persistenced ends well with a GPU that it could not open",
    "real.A7": "nvidia-persistenced takes minutes and must not be killed", "real.A8": "pip 22.3.1 reports hash, not hashes",
    "real.A9": "words of NVIDIA's verifier", "real.A10": "\"Could not fetch RIM file\" is said of every HTTP error",
    "real.A11": "nv-ppcie-verifier 3.x names no device", "real.A12": "spelling of dist-info folders",
    "real.A13": "names of Fabric Manager's and NSCQ's RPMs from 580 on", "real.A14": "somebody holds /dev/nvidia* while the driver is installed",
    "real.A15": "the installer's test load opens no GPU", "real.A16": "nvidia-installer and nouveau",
    "real.A17": "nvidia-installer ends with 1 after installing everything", "real.A18": "elfutils-libelf-devel for the module",
    "real.A19": "Fabric Manager's unit: start scripts, After=multi-user.target", "real.A20": "nvidia-cdi-refresh of toolkit 1.19.0 waits for multi-user.target",
    "real.A21": "nvidia-smi of 550 has no conf-compute -q", "real.A22": "--query-gpu=fabric.state is garbled in 550",
    "real.A23": "initramfs images without modules are never rebuilt", "real.A24": "the PPCIE option reaches nvidia.ko at udev time",
    "real.A25": "verifiers write logs into their working folder", "real.A26": "grubenv on the EFI partition",
    "case.01": "version.json of CUDA 11.8 to 12.9", "case.02": "RPMs renamed in 580", "case.03": "initramfs of a kernel that is gone",
    "case.04": "over 30 kernels", "case.06a": "nvidia-persistenced.service masked", "case.06b": "another unit of that name, or a drop-in",
    "case.08": "exclude=kernel*", "case.09": "broken rpm database", "case.11": "/tmp mounted noexec", "case.12": "metadata refuses the token step",
    "case.14": "chrony without rtcsync", "case.16": "debugfs shut off later", "case.17": "fabric Completed, links broken",
    "case.18": "an RPM driver is there", "case.19": "user-data encoded twice or not at all", "case.20": "mirror or lock away for a minute",
    "case.22": "the reason stands only in nvidia-installer.log", "case.23": "signatures of rpm 4.14", "case.24": "localpkg_gpgcheck=1",
    "case.26": "manifests behind a service key", "faults.7": "PCI that cannot be read is not \"no device\"",
    "faults.8": "copy_file_range across file systems", "compat.D3": "requests wait for each other's first answer",
    "case.10": "spellings of nvidia-smi", "case.13": "grubby that changes nothing", "case.15": "quotes on the command line",
    "case.21": "no saved_entry and a newer kernel", "case.25": "the agent run again on a ready machine",
}
# Rows that nothing in the program hangs on, so that no test can show them: "none: harmless, " and why, in the place of a test.
HARMLESS = {"real.A15", "real.A24"}
NONE = "none: harmless, "


def table():
    """{row: [cells]} of real-world.table, in the order of its lines."""
    rows = {}
    for line in named.read("tests/real-world.table").splitlines():
        if line and not line.startswith("#"):
            row, tab, cell = line.partition("\t")
            rows.setdefault(row, []).append(cell if tab else "")
    return rows


def order(row):
    """Numbers as numbers: A2 before A10; the interfaces first."""
    return not row.startswith("real."), [int(part) if part.isdigit() else part for part in re.split("([0-9]+)", row)]


def complaints(row, cell):
    """Why a row does not tell of tests that are there."""
    if cell.startswith("none:"):
        allowed = row in HARMLESS and cell.startswith(NONE) and len(cell) > len(NONE)
        return [] if allowed else ["a row without a test is one of HARMLESS, and says why"]
    return named.complaints(cell)


def printed():
    lines = ["| row | what | test |", "| --- | --- | --- |"]
    for row, cells in sorted(table().items(), key=lambda pair: order(pair[0])):
        lines.append("| %s | %s | %s |" % (row, ROWS.get(row, ""), "; ".join(cells).replace("|", "/")))
    return "".join(line + "\n" for line in lines)


def halves():
    """What is before and behind the table in the README, and the table."""
    before, begin, rest = named.read("tests/README.md").partition(BEGIN)
    inside, end, behind = rest.partition(END)
    if not begin or not end:
        raise ValueError("tests/README.md has no place for the table")
    return before + begin, inside, end + behind


class RealWorld(unittest.TestCase):
    def test_what_the_table_names_is_there(self):
        wrong = ["%s: %s" % (row, text) for row, cells in table().items() for cell in cells for text in complaints(row, cell)]
        self.assertEqual(wrong, [])

    def test_every_row_has_a_test(self):
        missing = sorted(set(ROWS) - set(table()))
        if missing and not os.environ.get("CI"):
            self.skipTest("rows without a test, which fails under CI=1: " + " ".join(missing))
        self.assertEqual(missing, [])

    def test_the_readme_has_the_table(self):
        self.assertEqual(halves()[1], printed(), "type: tests/test_real_world.py --write")

    def test_every_row_of_the_procedure_is_covered(self):
        self.assertEqual(compare.table_complaints(), [])

    def test_the_code_behind_each_unknown_is_there(self):
        missing, rows = [], 0
        for line in named.read("tests/fixtures/real/UNKNOWN.md").splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) != 4 or ":" not in cells[1]:
                continue
            rows += 1
            path, _, names = cells[1].partition(":")
            text = named.read(path) or ""
            missing += ["%s: %s" % (path, name.strip()) for name in names.split(",")
                        if not re.search(r"(^|[^\w])%s($|[^\w])" % re.escape(name.strip()), text)]
        self.assertGreater(rows, 30)
        if missing and not os.environ.get("CI"):
            self.skipTest("not in this tree, which fails under CI=1: " + "; ".join(missing))
        self.assertEqual(missing, [])

    def test_a_test_that_is_not_there_is_noticed(self):
        for cell in ("story/no-such", "unit/test_no_such: x", "unit/test_smi: no_such_claim", "unit/test_smi: the default", "somewhere/x", "",
                     "story/single, story/no-such", "unit/test_smi: what_is_not_understood_is_never_off, no_such_claim", "check-nothing",
                     "story/single: no such words", "scene/multi: no such words", "packaging/mime: no such words", "none: harmless, words"):
            self.assertTrue(named.complaints(cell), cell)
        for cell in ("story/single; story/multi", "unit/test_smi: what_is_not_understood_is_never_off; story/single: expect_ready, all_is_well",
                     "packaging/user-data: local_packages_must_be_signed", "fakes/selftest", "twin/fakes/selftest", "scene/multi", "tests/test_play", "check-twin: words",
                     "story/single, make lint-symbols"):
            self.assertEqual(named.complaints(cell), [])

    def test_only_a_row_that_nothing_hangs_on_goes_without_a_test(self):
        self.assertEqual(complaints("real.A15", "none: harmless, words"), [])
        for row, cell in (("real.A16", "none: harmless, words"), ("real.A15", "none: harmless, "), ("real.A15", "none: words")):
            self.assertTrue(complaints(row, cell), cell)


def main():
    if sys.argv[1:] != ["--write"]:
        return unittest.main()
    before, _, behind = halves()
    with open(README, "w", encoding="utf-8") as f:
        f.write(before + printed() + behind)
    return None


if __name__ == "__main__":
    main()
