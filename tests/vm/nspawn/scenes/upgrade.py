"""An older agent's unit, drop-ins and status: upgraded behind an open gate, all is brought up to date and proven."""
import json
import os

from instance import read_text, write_json

DROPIN = "/etc/systemd/system/nvidia-cdi-refresh.path.d/50-gn8v-order.conf"
# As an agent before this one might have been: it opens the gate and says so in the fields that it knew.
OLDER = """\
#!/bin/sh
[ "$1" = run ] || exit 0
mkdir -p /run/gn8v
: > /run/gn8v/ready
systemctl start gn8v-ready.target
systemctl start --no-block cloudmonitor.service ollama.service
"""
UNIT = """\
[Unit]
Description=Provision this instance
DefaultDependencies=no
Requires=sysinit.target
After=sysinit.target basic.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/gn8v run
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
"""


def older_status(s):
    now = s.status()
    steps = [{"id": step["id"], "state": step["state"]} for step in now["steps"] if step["id"] != "service-order"]
    return {"schema": 1, "result": "ready", "boot_id": now["boot_id"], "steps": steps + [{"id": "firewall", "state": "done"}],
            "shape": "single", "colour": "green", "restarts": "one"}


def play(s):
    s.begin("single", at="ready")
    newer = {}
    for path, text in (("/usr/bin/gn8v", OLDER), ("/usr/lib/systemd/system/gn8v-agent.service", UNIT)):
        with open(s.twin.root(path), "rb") as f:
            newer[path] = f.read()
        s.replace(path, text)
    write_json(s.twin.root("/var/lib/gn8v/status.json"), older_status(s))
    s.boot()
    s.becomes("ollama.service", "active")
    # It closes an ordering cycle at every boot: which job systemd throws out of it is chance, so only from here on.
    s.write(DROPIN, read_text(s.twin.root("/usr/share/gn8v/units/50-gn8v-order.conf")))

    # What rpm -U does: files in place of files, then %post.
    for path, data in newer.items():
        s.replace(path, data)
    s.systemctl("daemon-reload")
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()
    s.expect(s.status("attestation.verdict") == "accepted", "nothing was proven")
    s.expect(not os.path.exists(s.twin.root(DROPIN)), "the older agent's drop-in is still there")
    s.expect(not s.ran("nvidia-installer") and not s.ran("cuda-installer"), "something was installed again")
    s.expect("colour" not in json.dumps(s.status()), "the status keeps what it does not know")
    s.down()
    s.boot()
    s.expect_open()
