"""The table of README.md: what a run measured."""
import os
import re

BEGIN, BEGIN_LONG, END = "<!-- what a run measured -->\n", "<!-- what a long run measured -->\n", "<!-- end -->\n"


def cell(result, name):
    times = [t for n, t in result["stages"] if n == name]
    return "%.0f s" % times[0] if times else "beside others"


def row(name, results, say):
    return "| %s | %s |" % (name, " | ".join(say(r) for r in results))


def table(results):
    names = []
    for result in results:
        names += [n for n, _ in result["stages"] if n not in names]
    lines = [row("", results, lambda r: "%s, gate.mode=%s" % (r["shape"], r["gate"])),
             "| --- |%s" % (" --- |" * len(results)),
             row("boots", results, lambda r: str(r["boots"]))]
    lines += [row(name, results, lambda r: cell(r, name)) for name in names]
    lines += [row("all, to ready", results, lambda r: "%.0f s" % sum(t for _, t in r["stages"])),
              row("stop, third boot, attested anew", results, lambda r: "%.0f s" % r["again"]),
              row("stop, fourth boot, upgraded to a newer RPM", results,
                  lambda r: "%.0f s" % r["upgrade"] if "upgrade" in r else "not done"),
              row("hung in firmware or kernel, switched off and on", results, lambda r: str(r["stuck"] or "never")),
              row("power cuts survived", results, lambda r: str(len(r["survived"]) or "none made")), ""]
    for result in results:
        lines.append("Order of the units, %s: %s." % (result["shape"], ", ".join("%s %.1f s" % tuple(o) for o in result["order"])))
        lines.append("")
    for result in results:
        if result["survived"]:
            lines += ["Power cuts, %s (+: this part of what the step took): %s." % (
                result["shape"], "; ".join(result["survived"])), ""]
    return "\n".join(lines)


def conditions(results, seconds, args):
    """Under which all this was measured, as a sentence."""
    beside = ["both shapes" if len(results) > 1 else "only " + results[0]["shape"]] + ["the containers"] * args.scenes
    return "%d CPUs, %s%s, each machine with one virtual CPU under TCG; %.0f s in all%s:" % (
        os.cpu_count(), " and ".join(beside), " at the same time" * (len(results) + args.scenes > 1), seconds,
        "" if args.cuts is None else ", with the power cuts of SEED=%d" % args.seed)


def write(path, results, seconds, args):
    """Between its marks in FILE; a file without marks becomes the table alone."""
    begin = BEGIN_LONG if args.every_state else BEGIN
    text = begin + conditions(results, seconds, args) + "\n\n" + table(results) + END
    try:
        with open(path, encoding="utf-8") as f:
            old = f.read()
    except FileNotFoundError:
        old = ""
    if begin in old:
        text = re.sub(re.escape(begin) + ".*?" + re.escape(END), lambda _: text, old, flags=re.S)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
