"""A restart without effect is not repeated; without logind it goes through reboot.target; refused, it is said."""
import os

MASKS = ("systemd-logind.service", "reboot.target")


def mask(s, *names):
    for name in MASKS:
        path = "/etc/systemd/system/" + name
        if name in names:
            s.link(path, "/dev/null")
        elif os.path.lexists(s.twin.root(path)):
            os.unlink(s.twin.root(path))


def play(s):
    print("== without effect")
    s.begin("single", faults={"restart-without-effect": True})
    s.boot()
    s.goes_down()
    for _ in range(2):
        s.boot()
        s.expect_failed("restart-no-effect", "restart")
        s.down()
    print("== it has one, but the kernel does not do what its command line asks for")
    s.fault("swiotlb-refused")
    s.boot()
    s.expect_failed("swiotlb-not-mapped")
    s.down()
    s.fault()
    s.boot()
    s.expect_ready()

    print("== nobody takes it: logind and reboot.target are masked")
    s.begin("single")
    mask(s, *MASKS)
    s.boot()
    s.expect_failed("systemd", "restart")
    s.expect("masked" in s.status("error.message"), "the message is %s" % s.status("error.message"))

    print("== logind is masked")
    mask(s, MASKS[0])
    s.systemctl("daemon-reload")
    s.systemctl("start", "--no-block", "gn8v-agent.service")
    s.goes_down()
    # Who asked may be stopped before it can say by which way: there is only one.
    s.expect(not any("Started systemd-logind" in line for line in s.box.console()), "there is a logind")
    s.boot()
    s.expect_ready()
