"""Scenes with the distribution's own cloud-init at work while the agent runs."""

import os

from instance import read_text
from provisioning import in_order

# The last stage takes its time: it reads from a pipe that somebody has to write to.
CONFIG = """\
datasource_list: [ None ]
cloud_init_modules: [ ]
cloud_config_modules: [ runcmd ]
cloud_final_modules: [ scripts-user ]
runcmd:
 - [ sh, -c, "cat /twin/state/cloud-may-end > /var/lib/cloud-ran" ]
"""
FINAL = """\
[Unit]
Description=Execute cloud user/final scripts
After=network-online.target cloud-config.service rc-local.service
%sWants=network-online.target cloud-config.service

[Service]
Type=oneshot
ExecStart=/usr/bin/cloud-init modules --mode=final
RemainAfterExit=yes
TimeoutSec=0
KillMode=process
TasksMax=infinity
StandardOutput=journal+console

[Install]
WantedBy=%s
"""
STAGES = ("cloud-init-local.service", "cloud-init.service", "cloud-config.service", "cloud-final.service")


def lay(s, after, wanted_by):
    os.unlink(s.twin.root("/etc/cloud/cloud-init.disabled"))
    s.write("/etc/cloud/cloud.cfg.d/99-scene.cfg", CONFIG)
    s.write("/etc/systemd/system/cloud-final.service", FINAL % (after, wanted_by))
    if wanted_by != "cloud-init.target":
        for name in STAGES:
            s.link("/etc/systemd/system/%s.wants/%s" % (wanted_by, name), "/lib/systemd/system/" + name)
        s.link("/etc/systemd/system/%s.wants/cloud-final.service" % wanted_by, "/etc/systemd/system/cloud-final.service")


def through_cloud_init(s, after, wanted_by="cloud-init.target"):
    s.begin("single", extras=("ollama",), config={"gate": {"mode": "attested"}})
    lay(s, after, wanted_by)
    pipe = s.twin.state("cloud-may-end")
    os.mkfifo(pipe)
    s.boot()
    s.comes("steps.kernel-args.state", "done")
    s.becomes("cloud-final.service", "activating")
    s.comes("steps.restart.state", "running")
    s.expect(s.box.alive() and s.status("result") == "restarting", "the restart did not wait for cloud-init")
    with open(pipe, "w") as f:
        f.write("ran")
    s.goes_down()
    s.expect(read_text(s.twin.root("/var/lib/cloud-ran")) == "ran", "cloud-init was cut off")
    s.expect("cloud-init is idle" in [e["text"] for e in s.status("events")], "the status does not say that cloud-init is idle")

    for _ in range(2):
        s.boot()
        s.expect_ready()
        for unit in ("ollama.service", "cloudmonitor.service", "cloud-final.service"):
            s.becomes(unit, "active")
        s.becomes("multi-user.target", "active")
        in_order(s, False, ("ollama.service",))
        s.no_cycle()
        s.no_timeout()
        s.down()
