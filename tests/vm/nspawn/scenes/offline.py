"""Boots without a network, fresh and installed, or with one that comes late: own code and a shut gate, then ready."""
from looks import changes
from scene import AGENT, EXTRAS, GATED

# What network-online.target waits for, where the container has nothing that does.
WAIT_ONLINE = """\
[Unit]
DefaultDependencies=no
Before=network-online.target

[Service]
Type=oneshot
ExecStart=%s
"""


def deadline(s, seconds):
    """How long the agent waits for the metadata service: short only where nobody answers."""
    s.configure({"metadata": {"deadline_s": seconds}})


def without_network(s):
    s.network(False)
    deadline(s, 3)
    s.boot()
    s.expect_failed("metadata-unreachable")
    deadline(s, 3600)


def wait_online(s, command):
    s.write("/etc/systemd/system/scene-online.service", WAIT_ONLINE % command)
    s.link("/etc/systemd/system/network-online.target.wants/scene-online.service", "../scene-online.service")


def fresh(s):
    s.begin("single", extras=EXTRAS, config={"gate": {"mode": "attested"}})
    s.network(True)     # the addresses in the instance's configuration
    for _ in range(2):
        without_network(s)
        s.expect(not any(changes(c["argv"]) for c in s.log("commands")), "it changed a machine that it does not know")
        s.down()
    s.network(True)
    s.run()
    s.expect_ready()


def installed(s):
    print("== installed: its status knows the instance, and the attestation waits for the reference values")
    s.down()
    s.network(False)
    s.configure({"metadata": {"deadline_s": 3}, "attest": {"verifier": "native"}})
    s.fault("collateral-down")
    s.boot()
    s.comes("result", "waiting")
    s.expect(s.status("instance_type_from") == "status", "the instance is known from somewhere else")
    s.expect_closed(*GATED)
    deadline(s, 3600)
    s.network(True)
    s.fault()
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()


def nobody_to_wait(s):
    print("== whoever waits for the network fails, though there is one")
    s.down()
    wait_online(s, "/bin/false")
    s.boot()
    s.expect_open()
    s.expect_units(scene_online="failed")


def late(s):
    print("== the network comes late: the agent waits for it, nobody waits for the agent")
    s.down()
    wait_online(s, "/bin/sh -c 'until [ -e /run/online ]; do sleep 0.1; done'")
    s.boot()
    s.becomes("multi-user.target", "active")
    s.expect_units(scene_online="activating")
    s.expect(s.state(AGENT) == "inactive" and s.unit(AGENT)["Job"], "the agent does not wait for the network")
    s.expect_closed(*GATED)
    s.box.run("touch", "/run/online")
    s.expect_open()


def not_far_enough(s):
    print("== there is a network, but not as far as the reference values: it opens by itself once there is")
    s.down()
    wait_online(s, "/bin/true")
    s.fault("collateral-down")
    s.boot()
    s.comes("result", "waiting")
    s.expect_closed(*GATED)
    s.fault()
    s.expect_open()


def play(s):
    fresh(s)
    installed(s)
    nobody_to_wait(s)
    late(s)
    not_far_enough(s)
