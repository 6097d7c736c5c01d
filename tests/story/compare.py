"""compare.py DIR: hold what happened in a twin against procedure.table, which describes its own form.
compare.py --table: is each row of the procedure in the table, and is each test that it names there?"""

import fnmatch
import os
import re
import shlex
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "twin"), os.path.dirname(HERE)]

from instance import Twin, read_jsonl, read_text                      # noqa: E402

PROXIED = ("https_proxy", "HTTPS_PROXY")
LAST_ROW = 25   # of the guide
METADATA = re.compile(r"^(100\.100\.100\.200|127\.0\.0\.1)(:\d+)?$")


class Row:
    def __init__(self, line):
        self.id, self.shape, boot, after, kind, self.what = (p.strip() for p in line.split("|"))
        self.boot = 0 if boot == "-" else int(boot)
        self.after = [] if after == "-" else after.split()
        self.kind, _, self.condition = kind.partition(" ")
        self.words = [] if self.kind == "test" else shlex.split(self.what)
        self.lines = []         # of a file


def load_table(shape=None):
    """The rows of a shape (None: of all), and the additions as lists of patterns."""
    rows, additions = [], []
    text = read_text(os.path.join(HERE, "procedure.table"))
    table, _, extra = text.partition("\n[additions]\n")
    row = None
    for line in table.splitlines():
        if line.startswith("    ") or (row and row.kind == "file" and not line):
            row.lines.append(line[4:])
        elif line and not line.startswith("#"):
            row = Row(line)
            rows.append(row)
    for line in extra.splitlines():
        if line and not line.startswith("#"):
            additions.append(shlex.split(line.partition("|")[0]))
    return [r for r in rows if shape is None or r.shape in ("both", shape)], additions


def table_complaints():
    """What of the guide's rows R1 to R25 the table does not have, and which of the tests that it names are not there."""
    import named
    rows = load_table()[0]
    have = {row.id.partition(".")[0] for row in rows}
    wrong = ["procedure.table has no row R%d" % n for n in range(1, LAST_ROW + 1) if "R%d" % n not in have]
    return wrong + ["%s: %s" % (row.id, text) for row in rows if row.kind == "test" for text in named.complaints(row.what)]


def same_word(expected, actual):
    """A file that the guide names without a folder may lie in any."""
    if expected.endswith((".run", ".rpm")) and "/" not in expected:
        return os.path.basename(actual) == expected
    return expected == actual


def same_program(expected, actual):
    if expected == "python3":
        return os.path.basename(actual).startswith("python") and not actual.startswith("/usr/")
    return os.path.basename(actual) == expected


def same_command(words, argv):
    return (len(words) == len(argv) and same_program(words[0], argv[0])
            and all(same_word(e, a) for e, a in zip(words[1:], argv[1:])))


def is_addition(patterns, argv):
    rest = patterns[-1] == "…"
    fixed = patterns[:-1] if rest else patterns
    if len(argv) < len(fixed) or (len(argv) > len(fixed) and not rest):
        return False
    return (os.path.basename(argv[0]) == fixed[0]
            and all(fnmatch.fnmatchcase(a, p) for p, a in zip(fixed[1:], argv[1:])))


def url_of(request):
    return "https://%s%s" % (request["host"].partition(":")[0], request["path"])


class Comparison:
    def __init__(self, twin):
        self.twin = twin
        rows, self.additions = load_table(twin.machine["shape"])
        self.rows = [row for row in rows if row.kind != "test"]
        self.commands = read_jsonl(twin.state("commands.jsonl"))
        self.calls = read_jsonl(twin.state("bus.jsonl"))
        self.requests = read_jsonl(twin.state("http.jsonl"))
        self.known = {}         # row id -> its records
        self.explained = set()  # numbers of commands that a row explains
        self.complaints = []

    def complain(self, text, *values):
        self.complaints.append(text % values)

    def find_run(self, row):
        hits = [i for i, c in enumerate(self.commands) if same_command(row.words, c["argv"])]
        self.explained.update(hits)
        return [self.commands[i] for i in hits]

    def find_get(self, row):
        """A download that was interrupted and resumed counts as one."""
        hits = [r for r in self.requests if r["method"] == "GET" and url_of(r) == row.words[0]]
        for r in hits:
            if len(row.words) > 1 and r["headers"].get("referer") != row.words[1]:
                self.complain("%s: fetched with the Referer %s, not %s", row.id,
                              r["headers"].get("referer"), row.words[1])
        return hits[-1:]

    def find_bus(self, row):
        method, names = row.words[0], row.words[1:]
        return [c for c in self.calls if c["method"].rpartition(".")[2] == method
                and all(mentions(c["args"], n) for n in names)]

    def check_file(self, row):
        path = self.twin.root(row.words[0])
        expected = "\n".join(row.lines).rstrip("\n") + "\n"
        if not os.path.exists(path):
            self.complain("%s: %s is not there", row.id, row.words[0])
        elif read_text(path) != expected:
            self.complain("%s: %s is not as the guide has it:\n%s", row.id, row.words[0],
                          read_text(path))

    def look_up(self, row):
        if row.kind == "file":
            self.check_file(row)
            return
        records = getattr(self, "find_" + row.kind)(row)
        self.known[row.id] = records
        if not records:
            self.complain("%s: never happened: %s", row.id, row.what)
        elif len(records) > 1:
            self.complain("%s: happened %d times: %s", row.id, len(records), row.what)

    def check_row(self, row):
        for record in self.known.get(row.id, []):
            if record["boot"] != row.boot:
                self.complain("%s: in boot %d, belongs to boot %d: %s", row.id, record["boot"],
                              row.boot, row.what)
            for earlier in row.after:
                others = self.known.get(earlier, [])
                if others and min(map(moment, others)) >= moment(record):
                    self.complain("%s: came before %s: %s", row.id, earlier, row.what)
            if row.condition == "proxy" and not any(record["env"].get(n) for n in PROXIED):
                self.complain("%s: without the proxy in its environment: %s", row.id, row.what)

    def check_rest(self):
        for i, command in enumerate(self.commands):
            if i not in self.explained and not any(is_addition(p, command["argv"])
                                                   for p in self.additions):
                self.complain("boot %d: neither in the procedure nor among the additions: %s",
                              command["boot"], " ".join(shlex.quote(a) for a in command["argv"]))
        for request in self.requests:
            if METADATA.match(request["host"]) and request["via"] == "proxy":
                self.complain("the metadata service was asked through the proxy: %s",
                              request["path"])

    def run(self):
        for row in self.rows:
            self.look_up(row)
        for row in self.rows:
            self.check_row(row)
        self.check_rest()
        return self.complaints


def moment(record):
    return record["boot"], record["t"]


def mentions(value, name):
    if isinstance(value, list):
        return any(mentions(v, name) for v in value)
    return value == name


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--table":
        complaints = table_complaints()
    else:
        complaints = Comparison(Twin(sys.argv[1]).must_exist()).run()
    for text in complaints:
        print(text)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
