"""check.py QUESTION DIR [WHAT]: the single questions that stories ask about a twin.

It is started a thousand times, so what only some questions need is imported there."""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "twin"))

from instance import (REPO, Twin, read_json, read_jsonl, read_text,   # noqa: E402
                      whole_lines, write_json)
from looks import only_collects, only_looks                           # noqa: E402

LOOKING_CALLS = {"GetUnit", "LoadUnit", "GetUnitFileState", "ListUnitsByNames", "ListUnits",
                 "ListJobs", "Subscribe", "Unsubscribe", "Get", "GetAll", "GetJob", "GetUnitByPID",
                 "ListUnitsByPatterns", "CanReboot", "Introspect", "Ping", "Hello", "AddMatch",
                 "ListUnitFiles", "GetDefaultTarget", "ListUnitsFiltered"}

def find(value, key):
    for part in key.split("."):
        if isinstance(value, list):
            by_id = [x for x in value if isinstance(x, dict) and x.get("id") == part]
            value = by_id[0] if by_id else value[int(part)]
        else:
            value = value[part]
    return value


def check_get(twin, key):
    try:
        value = find(twin.status(), key)
    except (KeyError, IndexError, TypeError, ValueError):
        return 1
    print(value if isinstance(value, str) else json.dumps(value))
    return 0


def check_brief(twin, _):
    """What status.json comes down to, in a few lines."""
    now = twin.status()
    steps = {}
    for step in now.get("steps", []):
        steps.setdefault(step.get("state"), []).append(step.get("id"))
    print("result %s, gate %s, error %s" % (now.get("result"), now.get("gate"), json.dumps(now.get("error"))))
    for state, ids in steps.items():
        print("%s: %s" % (state, " ".join(ids)))
    return 0


def check_config(twin, key):
    """A value of /etc/gn8v/config.json."""
    print(find(read_json(twin.root("/etc/gn8v/config.json")), key))
    return 0


def check_device(twin, key):
    """A value of the simulated devices."""
    print(find(read_json(twin.state("devices.json")), key))
    return 0


def check_set_device(twin, pair):
    """KEY=JSON: change a value of the simulated devices."""
    key, _, value = pair.partition("=")
    above, _, last = key.rpartition(".")
    devices = read_json(twin.state("devices.json"))
    find(devices, above)[last] = json.loads(value)
    write_json(twin.state("devices.json"), devices)
    return 0


def allowed_open(record):
    """The opens of promise 3: after persistenced is active, and what it and R12, R14 do themselves."""
    return (record["persistenced"] == "active"
            or record["unit"] == "nvidia-persistenced.service"
            or (record["unit"] == "nvidia-fabricmanager.service" and "nvswitch" in record["what"])
            or record["what"] == "installer test load")


def check_opens(twin, _):
    early = [r for r in read_jsonl(twin.state("gpu.jsonl")) if not allowed_open(r)]
    for r in early:
        print("boot %d: %s opened %s while nvidia-persistenced was %s"
              % (r["boot"], r["unit"] or r["who"], r["what"], r["persistenced"]))
    return 1 if early else 0


def check_schema(twin, _):
    import schema
    path = os.path.join(REPO, "packaging", "status.schema.json")
    complaints = schema.validate(twin.status(), read_json(path))
    print("".join("status.json: %s\n" % c for c in complaints), end="")
    return 1 if complaints else 0


def check_well(twin, _):
    """What has to hold at the end of every story that went well."""
    misuse = read_text(twin.state("misuse"))
    print("".join("a fake was used wrongly: %s\n" % line for line in misuse.splitlines()), end="")
    return 1 if misuse or check_opens(twin, _) or check_schema(twin, _) else 0


def check_error(twin, code):
    """The error has this code, and somebody is told what to do."""
    error = twin.status().get("error") or {}
    if error.get("code") == code and error.get("hint") and error.get("who"):
        return 0
    print("the error is %s" % json.dumps(error))
    return 1


def check_ran(twin, name):
    names = {os.path.basename(a) for c in read_jsonl(twin.state("commands.jsonl"))
             for a in c["argv"][:2]}
    return 0 if name in names else 1


def check_failed(twin, code):
    """The last run failed with this code, and says to somebody what to do."""
    if twin.status().get("result") != "failed":
        print("the result is %s" % twin.status().get("result"))
        return 1
    return check_error(twin, code) or check_schema(twin, None)


def check_mark(twin, _):
    """How much had happened by now, for check_quiet and check_collected."""
    print(*(len(read_jsonl(twin.state(log + ".jsonl"))) for log in ("commands", "bus", "http")))
    return 0


def check_quiet(twin, mark):
    """Since the mark nothing was run or called that changes the machine."""
    commands, calls = (int(n) for n in (mark or "0 0 0").split()[:2])
    ran = [c["argv"] for c in read_jsonl(twin.state("commands.jsonl"))[commands:]
           if not only_looks(c["argv"])]
    called = [c for c in read_jsonl(twin.state("bus.jsonl"))[calls:]
              if c["method"].rpartition(".")[2] not in LOOKING_CALLS]
    for argv in ran:
        print("was run: %s" % " ".join(argv))
    for call in called:
        print("was called: %s %s" % (call["method"], json.dumps(call["args"])))
    return 1 if ran or called else 0


def check_collected(twin, mark):
    """Since the mark nothing was run but what gn8v collect-logs may run, nothing was called that changes anything, and of the
    network only the metadata service was asked."""
    commands, calls, requests = (int(n) for n in mark.split())
    wrong = ["was run: " + " ".join(c["argv"]) for c in read_jsonl(twin.state("commands.jsonl"))[commands:]
             if not only_collects(c["argv"])]
    wrong += ["was called: %s" % c["method"] for c in read_jsonl(twin.state("bus.jsonl"))[calls:]
              if c["method"].rpartition(".")[2] not in LOOKING_CALLS]
    wrong += ["was asked: %(method)s %(host)s%(path)s" % r for r in read_jsonl(twin.state("http.jsonl"))[requests:]
              if r["via"] != "metadata" or (r["method"], r["path"]) != ("PUT", "/latest/api/token") and r["method"] != "GET"]
    print("".join(line + "\n" for line in wrong), end="")
    return 1 if wrong else 0


def running(twin):
    """What is known of running steps, {} when none runs."""
    return json.loads(read_text(twin.root("/run/gn8v/progress.json"), "{}"))


def check_until(twin, claim):
    """Wait until KEY=VALUE holds in status.json."""
    key, _, wanted = claim.partition("=")
    folder = twin.root("/var/lib/gn8v")
    os.makedirs(folder, exist_ok=True)

    def holds():
        try:
            return str(find(twin.status(), key)) == wanted
        except (KeyError, IndexError, TypeError, ValueError):
            return False
    return until(holds, claim, folder)


def check_waits(twin, claim):
    """STEP CODE: wait until the status says that the step waits: why, when it is tried again, and until when."""
    name, code = claim.split()
    folder = twin.root("/var/lib/gn8v")
    os.makedirs(folder, exist_ok=True)

    def holds():
        status = twin.status()
        try:
            step = find(status, "steps." + name)
        except (KeyError, IndexError, TypeError, ValueError):
            return False
        return (step["error"] or {}).get("code") == code and step["state"] == "todo" and step["next_try"] and step["gives_up"] \
            and step["next_try"] <= step["gives_up"] and not status["error"] and not check_schema(twin, None)
    return until(holds, claim, folder)


def check_downloaded(twin, claim):
    """STEP PERCENT: wait until so much of a file is here, in a machine that is up: what boots empties /run first."""
    step, percent = claim.split()
    folder = twin.root("/run/gn8v")
    os.makedirs(folder, exist_ok=True)

    def holds():
        return any(s["step"] == step and s["total"] and 100 * s["bytes"] >= int(percent) * s["total"]
                   for s in running(twin).get("steps", []))
    return until(holds, claim, folder)


def check_kept(twin, claim):
    """STEP SIZE LEAST: of a file of SIZE MiB so many were here from an earlier try, and with what came it is no more."""
    import re
    step, size, least = claim.split()
    reason = find(twin.status(), "steps.%s.reason" % step)
    print(reason)
    words = re.search(r"; (\S+) MiB of it were here from an earlier try, (\S+) MiB came$", reason)
    if not words:
        return 1
    here, came = map(float, words.groups())
    return 0 if here >= float(least) and here + came <= 1.05 * float(size) else 1


def check_unit(twin, claim):
    """Wait until UNIT STATE…: its ActiveState is one of these."""
    name, *wanted = claim.split()
    return until(lambda: read_text(twin.state("units", name)).strip() in wanted, claim,
                 twin.state("units"))


def check_appears(twin, name):
    """Wait until there is such a file in state/, and something in it."""
    return until(lambda: read_text(twin.state(name)), name, twin.state_folder)


def check_times(twin, claim):
    """Wait until LOG has N records with TEXT."""
    log, wanted, text = claim.split(None, 2)
    return until(lambda: sum(text in line for line in whole_lines(twin.state(log + ".jsonl"))) >= int(wanted),
                 claim, twin.state_folder)


def until(holds, claim, *folders):
    import watch
    events = watch.Watch(*folders)
    held = events.until(holds)
    events.close()
    if not held:
        print("it did not come to that within %d s: %s" % (watch.HANG_S, claim))
    return 0 if held else 1


def check_before(twin, pair):
    """"METHOD UNIT, METHOD UNIT": of these calls, the last of the first kind came before the other's."""
    calls = [(c["method"].rpartition(".")[2], (c["args"] or [None])[0])
             for c in read_jsonl(twin.state("bus.jsonl"))]
    first, second = (max((n for n, call in enumerate(calls) if call == tuple(kind.split())),
                         default=-1) for kind in pair.split(", "))
    return 0 if 0 <= first < second else 1


def check_port(twin, name):
    print(read_json(twin.state("ports.json"))[name])
    return 0


def check_argv(twin, text):
    """Whether a program was run with this text among its arguments."""
    lines = [" ".join(c["argv"]) for c in read_jsonl(twin.state("commands.jsonl"))]
    found = [line for line in lines if text in line]
    print("".join("was run: %s\n" % line for line in found), end="")
    return 0 if found else 1


def check_bytes(twin, text):
    """Bytes that the server sent of files with this text in their path: asked for before the restart, and after it."""
    restart = next((call["t"] for call in read_jsonl(twin.state("bus.jsonl"))
                    if call["method"].endswith("Reboot")), float("inf"))
    sums = [0, 0]
    for request in read_jsonl(twin.state("http.jsonl")):
        if text in request["path"]:
            sums[request["t"] > restart] += request["bytes"]
    print("%d %d" % tuple(sums))
    return 0


def check_worker(twin, pid):
    """The process id of the agent's worker that has this process below it."""
    import watch
    agent = read_text(twin.state("agent.pid")).strip()
    while pid.strip() != "1":
        fields = watch.stat_fields(int(pid))
        if not fields:
            return 1
        if fields[1] == agent:
            print(pid.strip())
            return 0
        pid = fields[1]
    return 1


STAGES = set("parse chain chain_time arch report_signature nonce fwid opaque driver_version vbios_version ocsp rim_fetch "
             "rim_parse rim_structure rim_profile rim_signature rim_chain rim_chain_time rim_version index_conflict "
             "measurements mode count topology".split())
RESULTS = {"passed", "failed", "unknown", "not-run", "skipped"}


def concluded(checks):
    results = {c["result"] for c in checks}
    return "rejected" if "failed" in results else "unknown" if results & {"unknown", "not-run"} else "accepted"


def check_verdict(_, what):
    """FILE VERDICT ANCHORS: what verify --json printed is in order, and says so."""
    path, verdict, anchors = what.split(" ")
    said = json.loads(read_text(path))
    lists = [d["checks"] for d in said["devices"]] + [said["checks"]]
    strange = [c for checks in lists for c in checks if c["name"] not in STAGES or c["result"] not in RESULTS or
               set(c) != {"name", "result", "cause", "expected", "found", "note"}]
    each = [d["verdict"] for d in said["devices"]]
    print("%s under %s; %s; not documented: %s" % (said["verdict"], said["trust_anchors"], " ".join(each), strange))
    return not (said["schema"] == 1 and said["verdict"] == verdict and said["trust_anchors"] == anchors and not strange and
                each == [concluded(checks) for checks in lists[:-1]] and
                concluded(sum(lists, [])) == verdict)


def check_program(twin, _):
    print(twin.agent_program())
    return 0


def main():
    questions = {name[len("check_"):].replace("_", "-"): f for name, f in globals().items()
                 if name.startswith("check_")}
    if len(sys.argv) < 3 or sys.argv[1] not in questions:
        sys.exit(__doc__)
    twin = Twin(sys.argv[2]).must_exist()
    return questions[sys.argv[1]](twin, sys.argv[3] if len(sys.argv) > 3 else None)
