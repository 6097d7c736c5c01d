"""A whole provisioning, and what must hold of its boots."""

import hashlib
import os

from looks import changes
from scene import AGENT, EXTRAS, FABRIC, GATED, PERSISTENCED, READY

# What changes at every boot, whoever runs.
LIVELY = ("var/log", "var/lib/systemd", "var/lib/gn8v", "var/lib/dbus", "var/lib/cloud", "proc", "sys", "dev", "run", "tmp",
          "var/tmp", "var/cache/ldconfig", "etc/resolv.conf", "etc/machine-id", "etc/.updated", "var/.updated")


def disk_content(s):
    """{path: digest} of what was written over the plain Debian, but for LIVELY."""
    found, top = {}, s.twin.root_folder
    for folder, folders, names in os.walk(s.disk.upper):
        inside = os.path.relpath(folder, s.disk.upper)
        folders[:] = [f for f in folders if os.path.normpath(os.path.join(inside, f)) not in LIVELY]
        for name in names:
            path = os.path.normpath(os.path.join(inside, name))
            if path in LIVELY:
                continue
            full = os.path.join(top, path)
            if os.path.islink(full):
                found[path] = os.readlink(full)
            elif os.path.isfile(full):
                with open(full, "rb") as f:
                    found[path] = hashlib.sha256(f.read()).hexdigest()
    return found


def unchanged(s, before):
    after = disk_content(s)
    changed = sorted(p for p in set(before) | set(after) if before.get(p) != after.get(p))
    s.expect(not changed, "the disk changed: %s" % " ".join(changed))


def shows(s, step):
    """The text of systemctl status is about this step, which goes on only then."""
    s.box.until(lambda: step + ": " in s.unit(AGENT)["StatusText"], "the text of systemctl status tells of " + step)
    s.expect(step + ": " in s.systemctl("status", AGENT, check=False)[1], "systemctl status does not tell of " + step)


def in_order(s, multi, gated):
    """From systemd's monotonic stamps, and the twin's on the same clock."""
    opens = [int(r["t"] * 1e6) for r in s.log("gpu")
             if r["boot"] == s.twin.boot and r["who"] == "gn8v" and r["what"].startswith(("nvml", "nscq"))]
    moments = [(FABRIC, s.stamp(FABRIC))] if multi else []
    moments += [(PERSISTENCED, s.stamp(PERSISTENCED)), ("the first report of a device", min(opens, default=0)),
                (READY, s.stamp(READY))]
    s.expect_order(*moments)
    for unit in gated:
        s.box.until(lambda: s.stamp(unit, "InactiveExitTimestampMonotonic"), unit + " is started")
        s.expect_order((READY, s.stamp(READY)), (unit, s.stamp(unit, "InactiveExitTimestampMonotonic")))


def nobody_waited(s):
    """Logins and multi-user.target did not wait for the agent."""
    end = s.stamp(AGENT)
    for unit in ("systemd-user-sessions.service", "getty.target", "multi-user.target"):
        s.expect_order((unit, s.stamp(unit)), (AGENT, end))
    s.no_cycle()
    s.no_timeout()
    s.box.until(lambda: s.systemctl("is-system-running", check=False)[1] in ("running", "degraded"), "the boot is finished")


def boot_with_time(s):
    """The agent waits for the metadata service until all that does not wait for the agent is up."""
    s.fault("metadata-down")
    s.boot()
    s.becomes("multi-user.target", "active")
    s.expect(s.state(AGENT) == "activating", "the agent is %s without the metadata service" % s.state(AGENT))
    s.fault()


def provisioned_whole(s, shape):
    """From a fresh disk to a third boot."""
    multi = shape == "multi"
    s.begin(shape, extras=EXTRAS, config={"gate": {"mode": "attested"}, "metadata": {"deadline_s": 3600}})
    s.boot()
    s.goes_down()
    s.expect(s.status("result") == "restarting", "before the restart the result was %s" % s.status("result"))

    s.holds("driver", "persistenced")
    boot_with_time(s)
    shows(s, "driver")
    s.goes_on("driver")
    shows(s, "persistenced-start")
    s.goes_on("persistenced")
    s.expect_ready()
    well(s, multi)
    ran = {name: len(s.ran(name)) for name in ("nvidia-installer", "cuda-installer")}
    s.expect(ran == {"nvidia-installer": 1, "cuda-installer": 1}, "the installers ran %r" % ran)

    s.down()
    before = disk_content(s)
    boot_with_time(s)
    s.expect_ready()
    well(s, multi)
    s.expect(s.twin.boot == 3, "it was started %d times" % s.twin.boot)
    ran = [c["argv"] for c in s.log("commands") if c["boot"] == s.twin.boot and changes(c["argv"])]
    s.expect(not ran, "the third boot ran %r" % ran)
    s.down()
    unchanged(s, before)


def well(s, multi):
    for unit in GATED:
        s.becomes(unit, "active")
    in_order(s, multi, GATED + ("nvidia-cdi-refresh.service",))
    nobody_waited(s)
