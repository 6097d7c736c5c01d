"""Links that a machine and a container both have over the plain Debian: {path: where it leads}."""
# Units that have nothing to do with this and only take time; each of the two masks some more.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
          "fstrim.timer", "systemd-timesyncd.service", "dnf-makecache.timer")
LIBRARIES = ("libnvidia-ml.so.1", "libnvidia-nscq.so.2")


def links(*masked):
    # /var is relative, as on the real one: below /twin/root an absolute link would lead out. Alibaba Cloud Linux looks for
    # libraries in /usr/lib64.
    return {"/var/run": "../run", "/var/lock": "../run/lock",
            **{"/usr/lib/x86_64-linux-gnu/" + name: "/usr/lib64/" + name for name in LIBRARIES},
            **{"/etc/systemd/system/" + name: "/dev/null" for name in MASKED + masked}}
