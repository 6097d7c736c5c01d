"""The table of README.md: what a run measured."""
import platform
import re

BEGIN, END = "<!-- what a run measured -->\n", "<!-- end -->\n"


def seconds(times):
    """{stage: seconds}; a stage's name may come twice, in two boots."""
    return dict(times)


def table(results, survived):
    lines = ["| | %s |" % " | ".join("%s, gate %s" % (r["shape"], r["gate"]) for r in results),
             "| --- |%s" % (" --- |" * len(results)),
             "| boots | %s |" % " | ".join(str(r["boots"]) for r in results)]
    names = []
    for result in results:
        names += [n for n, _ in result["stages"] if n not in names]
    for name in names:
        cells = [seconds(r["stages"]).get(name) for r in results]
        lines.append("| %s | %s |" % (name, " | ".join("-" if c is None else "%.0f s" % c for c in cells)))
    lines.append("| all, to ready | %s |" % " | ".join("%.0f s" % sum(t for _, t in r["stages"]) for r in results))
    lines.append("| stop, third boot, attested anew | %s |" % " | ".join("%.0f s" % r["again"] for r in results))
    lines.append("")
    for result in results:
        lines.append("Order of the units, %s: %s." % (result["shape"], ", ".join(
            "%s %.1f s" % o for o in result["order"])))
    if survived:
        lines += ["", "Power cuts survived: %d (%s)." % (len(survived), "; ".join(survived))]
    return "\n".join(lines) + "\n"


def write(path, results, survived):
    """Between its marks in FILE; a file without marks becomes the table alone."""
    text = BEGIN + "On %s, 2 virtual CPUs under TCG, `%s`:\n\n%s" % (
        platform.processor() or platform.machine(), "make check-vm", table(results, survived)) + END
    try:
        with open(path, encoding="utf-8") as f:
            old = f.read()
    except FileNotFoundError:
        old = ""
    if BEGIN in old:
        text = re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: text, old, flags=re.S)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
