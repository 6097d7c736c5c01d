"""A logind that crashes whenever it is started: the bus waits for it, then the restart goes another way."""
import os

LOGIND = "systemd-logind.service"
DROPIN = "/etc/systemd/system/%s.d/99-crash.conf" % LOGIND


def play(s):
    s.begin("single")
    s.write(DROPIN, "[Service]\nExecStart=\nExecStart=/bin/sh -c 'kill -SEGV $$$$'\n")
    s.boot()
    s.goes_down()
    s.expect(any(LOGIND in line and "Failed" in line for line in s.box.console()), "logind did not crash")
    os.unlink(s.twin.root(DROPIN))
    s.boot()
    s.expect_ready()
