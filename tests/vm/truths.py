"""What only a real systemd can show of the gate and of the agent's unit, and only a real dnf of an upgrade."""
import json
import re
import subprocess
import time

import checks
import story
from vm import write_json

GATED = checks.GATED
DROP_IN = "/etc/systemd/system/%s.d/50-gn8v-order.conf" % GATED


class StatusText:
    """What `systemctl status gn8v-agent` tells while the agent is at work, asked for again and again."""

    def __init__(self, vm):
        self.shell = vm.shell()
        self.shell.ask("(echo $BASHPID > /run/told.pid; while sleep 1; do systemctl show -P StatusText gn8v-agent; done) "
                       "> /run/told & disown")

    def end(self):
        self.texts = sorted(set(self.shell.ask("cat /run/told").splitlines()) - {""})
        self.shell.ask("kill $(cat /run/told.pid)")


def is_active(shell, unit):
    return shell.run("systemctl is-active " + unit)[1].strip()


def closed(shell, why):
    """The gate is shut, what is behind it is stopped, and nobody opens it by hand."""
    checks.same("the flag of the gate after " + why, shell.run("test -e /run/gn8v/ready")[0], 1)
    for unit in ("gn8v-ready.target", GATED):
        checks.same("%s after %s" % (unit, why), is_active(shell, unit), "inactive")
        checks.must("%s cannot be started by hand after %s" % (unit, why),
                    shell.run("systemctl start " + unit)[0] != 0)
        checks.same("%s, started by hand" % unit, is_active(shell, unit), "inactive")


def reopened(vm, shell, why):
    vm.note("all is well again, and the agent is restarted")
    shell.ask("systemctl restart gn8v-agent")
    checks.same("gn8v-ready.target, restarted after " + why, is_active(shell, "gn8v-ready.target"), "active")
    checks.becomes_active(shell, GATED)


def main_process(shell):
    """The agent's process id, once its start job is running."""
    return shell.ask("until pid=$(systemctl show -P MainPID gn8v-agent) && [ \"$pid\" -gt 0 ]; do :; done; echo $pid")


def kill(vm, shell, signal_name):
    """While it waits for the metadata service, so that it does not end by itself meanwhile."""
    write_json(vm.twin.state("faults"), {"metadata-slow": {"file": "region-id", "seconds": 120}})
    vm.note("somebody restarts the agent, and kills it by SIG%s while it works" % signal_name)
    shell.ask("systemctl restart --no-block gn8v-agent")
    shell.ask("kill -%s %s" % (signal_name, main_process(shell)))
    write_json(vm.twin.state("faults"), {})
    shell.ask("while [ \"$(systemctl is-active gn8v-agent)\" = activating ] || "
              "[ \"$(systemctl is-active gn8v-agent)\" = deactivating ]; do :; done")
    checks.same("the agent after SIG" + signal_name, is_active(shell, "gn8v-agent.service"), "failed")


def gate(vm, shell, passed):
    """A rejected verdict, a crash and a kill -9 close it and stop what is behind it; one restart of the agent opens it."""
    # The proof of a boot is taken again once something had to be mended.
    vm.note("somebody removes a drop-in, a GPU's report is forged, and the agent is restarted: its proof is rejected")
    shell.ask("rm " + DROP_IN)
    write_json(vm.twin.state("faults"), {"attest-rejected": "0"})
    checks.must("systemctl restart fails when the verdict is rejected", shell.run("systemctl restart gn8v-agent")[0] != 0)
    closed(shell, "a rejected verdict")
    write_json(vm.twin.state("faults"), {})
    reopened(vm, shell, "a rejected verdict")
    for name in ("KILL", "SEGV"):
        kill(vm, shell, name)
        closed(shell, "SIG" + name)
        reopened(vm, shell, "SIG" + name)
    passed("rejected, SIGKILL and SIGSEGV close the gate and stop %s; by hand is refused; one restart reopens" % GATED)


def upgrade(vm, newer, config, passed):
    """User-data that names a newer RPM: in the next boot dnf puts it over the old one, whose agent began with that boot, and
    the new one's agent finds everything done. The seconds from switching off to ready."""
    version = subprocess.run(["rpm", "-qp", "--nosignature", "--qf", "%{VERSION}", newer], check=True, stdout=subprocess.PIPE,
                             text=True).stdout
    begun = time.monotonic()
    vm.note("the instance's user-data is changed: it names gn8v %s" % version)
    vm.offer(newer, config)
    vm.power_button()
    vm.power_on()
    vm.wait_for(r"gn8v\[\d+\]: gn8v %s on " % re.escape(version))
    vm.wait_for(story.READY)
    shell = vm.shell()
    checks.running(vm, shell)
    said = vm.this_boot()
    checks.must("dnf upgraded gn8v", checks.saying(r"gn8v-bootstrap\[\d+\]:\s+Upgrading +: gn8v-%s-" % re.escape(version), said))
    checks.same("gn8v, as rpm has it", shell.ask("rpm -q --qf '%{VERSION}\n' gn8v"), version)
    checks.same("rpm -V gn8v", shell.run("rpm -V gn8v")[1].strip(), "")
    checks.same("the version in status.json", json.loads(shell.ask("cat /var/lib/gn8v/status.json"))["gn8v"], version)
    checks.third_boot(vm, vm.boots)
    checks.attested_over_network(vm, vm.boots)
    checks.ready_status(vm, shell)
    passed("new user-data: dnf upgraded gn8v to %s, whose agent found everything done, in a boot attested anew" % version)
    return time.monotonic() - begun
