"""A journal that is lost at the restart, its daemon killed meanwhile: the status still tells the story."""
import shutil


def play(s):
    s.begin("single")
    shutil.rmtree(s.twin.root("/var/log/journal"))
    s.write("/etc/systemd/journald.conf.d/scene.conf", "[Journal]\nStorage=volatile\n")
    s.boot()
    s.goes_down()

    s.holds("driver")
    s.boot()
    s.comes("steps.driver.state", "running")
    s.systemctl("kill", "--kill-whom=main", "--signal=KILL", "systemd-journald.service")
    s.goes_on("driver")
    s.comes("steps.driver.state", "done")
    s.systemctl("restart", "systemd-journald.service")
    s.expect_ready()
    boots = s.box.run("journalctl", "--list-boots", "--no-pager", "-q").splitlines()
    s.expect(len(boots) == 1, "the journal survived: %r" % boots)
    told = s.box.run("gn8v", "status", "--events")
    for words in ("restarting: gn8v goes on in the next boot", "kernel-args", "gn8v's own verdict: accepted"):
        s.expect(words in told, "gn8v status --events does not tell of %r: %s" % (words, told))
    s.box.until(lambda: s.journal("-q", "GN8V_STEP=ready"), "the journal has something after its daemon came back")
