"""Services that fail, or hang beyond the agent's limit or systemd's own: own codes, and all heals."""
from trouble import heals, left_alone, step, trouble

FABRIC, PERSISTENCED = "fabricmanager-start", "persistenced-start"


def limit(s, unit, seconds):
    s.limit(unit, seconds)
    s.systemctl("daemon-reload")


def play(s):
    s.begin("multi", at="restarted", faults={"fabricmanager-fails": True})
    left_alone(s)
    s.boot()
    s.expect_failed("fabricmanager-failed", FABRIC)
    trouble(s, "fabricmanager-hangs", "fabricmanager-failed", FABRIC, step(FABRIC, 4))
    s.configure(step(FABRIC, 120))
    limit(s, "nvidia-fabricmanager.service", 3)
    trouble(s, "fabricmanager-hangs", "fabricmanager-failed", FABRIC)
    limit(s, "nvidia-fabricmanager.service", 720)
    trouble(s, "persistenced-fails", "persistenced-failed", PERSISTENCED)
    trouble(s, "persistenced-hangs", "persistenced-timeout", PERSISTENCED, step(PERSISTENCED, 4))
    s.expect("no end of the job" in s.status("error.message"), "the message is %s" % s.status("error.message"))
    s.configure(step(PERSISTENCED, 120))
    limit(s, "nvidia-persistenced.service", 3)
    trouble(s, "persistenced-hangs", "persistenced-timeout", PERSISTENCED)
    s.expect("timeout" in s.status("error.message"), "the message is %s" % s.status("error.message"))
    limit(s, "nvidia-persistenced.service", 900)
    heals(s)
