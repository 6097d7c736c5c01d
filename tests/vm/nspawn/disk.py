"""Disks: a plain Debian, over it what every container needs, over that an instance; each a layer of an overlay."""

import contextlib
import fcntl
import glob
import os
import shutil
import subprocess
import sys

from box import TWIN_CODE, Failed

sys.path.insert(0, TWIN_CODE)

import links                                                          # noqa: E402
import machine                                                        # noqa: E402
from instance import REPO, Twin, merge, read_json, read_text, write_json, write_text        # noqa: E402

DEBIAN = os.path.join(REPO, "build", "vm", "debian")
ACCOUNT = {"passwd": "ollama:x:988:988::/usr/share/ollama:/bin/false\n", "group": "ollama:x:988:\n"}
# The clock of a container is its host's, and so is whether it is right: timedated is told by the twin instead.
TIMEDATED = "[Service]\nEnvironment=LD_PRELOAD=/usr/libexec/clock.so\n"


def mount_overlay(target, upper, lower):
    """LOWER: folders, the uppermost first."""
    work = upper + ".work"
    for folder in (target, upper, work):
        os.makedirs(folder, exist_ok=True)
    options = "lowerdir=%s,upperdir=%s,workdir=%s" % (":".join(lower), upper, work)
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, target], stderr=subprocess.PIPE,
                          universal_newlines=True)
    if done.returncode != 0:
        raise Failed("mount %s: %s" % (options, done.stderr.strip()))


def replace_link(path, target):
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(target, path)


def lay_container(root):
    """What a container needs beside the plain Debian, whatever the instance is."""
    def at(path):
        return os.path.join(root, path.lstrip("/"))
    # python3.11 and rpm will be fakes; these are for the fakes.
    shutil.move(at("/usr/bin/python3.11"), at("/usr/libexec/python3"))
    replace_link(at("/usr/bin/python3"), "../libexec/python3")
    shutil.move(at("/usr/bin/rpm"), at("/usr/local/bin/rpm"))
    for path, target in links.links("systemd-networkd.service", "systemd-networkd-wait-online.service").items():
        replace_link(at(path), target)
    for name, line in ACCOUNT.items():
        with open(at("/etc/" + name), "a") as f:
            f.write(line)
    # What is mounted below /twin is hardware: no shutdown takes it away from under the services.
    write_text(at("/etc/systemd/system/twin-.mount.d/hardware.conf"), "[Unit]\nDefaultDependencies=no\n")
    os.makedirs(at("/var/log/journal"), exist_ok=True)
    write_text(at("/etc/cloud/cloud-init.disabled"), "")
    write_text(at("/etc/systemd/system/systemd-timedated.service.d/clock.conf"), TIMEDATED)
    shutil.copy(os.environ["NSPAWN_CLOCK"], at("/usr/libexec/clock.so"))
    for name in ("root", "state", "lib", "nspawn"):
        os.makedirs(at("/twin/" + name))


def lay_instance(twin, shape, settings, extras):
    """A fresh instance, as tests/twin makes it, but on a disk that has an operating system."""
    described = machine.describe(shape, None, settings)
    os.unlink(twin.root("/etc/os-release"))
    for folder in ("/etc/modprobe.d", "/etc/gn8v", "/boot/grub2", "/usr/local/cloudmonitor/bin"):
        os.makedirs(twin.root(folder), exist_ok=True)
    for folder in ("/boot", "/usr/lib/modules"):      # the plain Debian's kernel
        shutil.rmtree(twin.root(folder))
        os.makedirs(twin.root(folder))
    machine.lay_os(twin, described)
    machine.lay_services(twin, extras)
    told_the_release(twin, described["kernels"][0])
    machine.lay_agent(twin)
    write_json(twin.state("machine.json"), described)
    write_text(twin.state("boot"), "0\n")
    write_text(twin.state("devices.json"), machine.tool("fakes/twinlib.py", "devices", shape))
    os.symlink("/twin/lib/fakes", twin.state("fakes"))
    machine.lay_devices(twin)
    for name in ("commands.jsonl", "gpu.jsonl", "misuse"):
        write_text(twin.state(name), "")
        os.chmod(twin.state(name), 0o666)             # also by services that are not root's
    os.chmod(twin.state_folder, 0o777)


def told_the_release(twin, release):
    """Units ask the kernel, which is the host's, for its release: they get the instance's instead."""
    for path in glob.glob(twin.root("/etc/systemd/system/nvidia-cdi-refresh.*")):
        write_text(path, read_text(path).replace("%v", release).replace("$(uname -r)", release))


class Disk:
    """The folder of one scene: `t` is its twin, whose root is the mounted overlay."""

    def __init__(self, folder, lower):
        self.folder, self.lower = folder, lower
        self.upper = os.path.join(folder, "upper")
        self.twin = Twin(os.path.join(folder, "t"))
        os.makedirs(self.twin.state("units"), exist_ok=True)
        write_text(os.path.join(folder, "lower"), "\n".join(lower))
        mount_overlay(self.twin.root_folder, self.upper, self.lower)

    def unmount(self):
        subprocess.run(["umount", self.twin.root_folder], check=True)

    def settle(self, faults, config, delays):
        """What a scene says about its instance, over what it was made with."""
        for name, changes in (("faults", faults), ("config.json", config), ("delays.json", delays)):
            path = self.twin.state(name)
            write_json(path, merge(read_json(path, {}), changes))


@contextlib.contextmanager
def made_once(folder):
    """with made_once(FOLDER) as todo: whether the caller has to make it; others wait meanwhile."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        todo = not os.path.exists(folder + ".made")
        if todo:
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
        yield todo
        if todo:
            write_text(folder + ".made", "")


def container_layer(shelf):
    """The lower folders of every instance."""
    folder = os.path.join(shelf, "container")
    with made_once(folder) as todo:
        if todo:
            disk = Disk(folder, [DEBIAN])
            lay_container(disk.twin.root_folder)
            disk.unmount()
    return [os.path.join(folder, "upper"), DEBIAN]


def copy(folder, source):
    """A disk that goes on where another, which is down, has come to."""
    shutil.copytree(os.path.join(source, "t", "state"), os.path.join(folder, "t", "state"), symlinks=True)
    return Disk(folder, [os.path.join(source, "upper")] + read_text(os.path.join(source, "lower")).split("\n"))
