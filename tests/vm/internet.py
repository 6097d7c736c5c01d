"""What the simulated internet serves to a whole machine: the twin's assets with packages that really install, and a
repository of the distribution for the real dnf."""
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TWIN = os.path.join(os.path.dirname(HERE), "twin")
sys.path.insert(0, TWIN)

import assets                                                         # noqa: E402
import machine                                                        # noqa: E402
import packages                                                       # noqa: E402

REPOSITORY = "alinux/3/os/x86_64"       # below mirror.example; root/etc/yum.repos.d has it too

SPEC = """\
Name: %(name)s
Version: %(version)s
Release: %(release)s
Summary: %(name)s (simulated)
License: Apache-2.0
AutoReqProv: no
%(provides)s

%%description
A name for dnf to install, and the one file of it that somebody looks for.

%%install
%(install)s

%%files
%(file)s
"""

LAY = """install -D -m 755 /dev/null %%{buildroot}%(file)s
echo "%(name)s (simulated)" > %%{buildroot}%(file)s"""


def vendor(built, nscq):
    """BUILT: the twin's assets; its two RPMs hold the simulated NSCQ library, and a Fabric Manager that runs."""
    payload = built + ".payload"
    if not os.path.isdir(payload):
        shutil.copytree(packages.PAYLOAD, payload)
    for source, name in ((nscq, "libnvidia-nscq"), (os.path.join(HERE, "payload/nv-fabricmanager"), "nv-fabricmanager")):
        shutil.copy(source, os.path.join(payload, name))
    for name in os.listdir(packages.PAYLOAD):
        if name not in ("libnvidia-nscq", "nv-fabricmanager"):
            shutil.copy(os.path.join(packages.PAYLOAD, name), os.path.join(payload, name))
    packages.PAYLOAD = payload
    assets.ensure(built)


def names():
    """The packages that gn8v asks yum for by its defaults: (name, version, release, what the driver's installer needs)."""
    version, release = machine.KERNEL.rpartition(".")[0].split("-")
    return [("openssl3", "3.0.7", "5.1.al8", ""), ("gcc", "10.2.1", "3.8.al8", "/usr/bin/gcc"),
            ("make", "4.2.1", "11.al8", "/usr/bin/make"),
            ("elfutils-libelf-devel", "0.189", "3.al8", "/usr/include/gelf.h"),
            ("kernel-devel", version, release, "/usr/lib/modules/%s/build/Makefile" % machine.KERNEL)]


def is_elf(path):
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def capabilities(rootfs):
    """What the libraries of a Debian root file system provide, in RPM's words."""
    found = set(os.path.realpath(p) for p in glob.glob(rootfs + "/usr/lib/x86_64-linux-gnu/*.so.*") if os.path.exists(p))
    said = packages.call(["/usr/lib/rpm/elfdeps", "--provides"] + sorted(p for p in found if is_elf(p)))
    return sorted(set(said.split("\n")) - {""}) + ["/bin/sh", "rtld(GNU_HASH)", "systemd", "ca-certificates"]


def make_package(folder, name, version, release, file, provides=()):
    spec = os.path.join(folder, name + ".spec")
    with open(spec, "w") as f:
        f.write(SPEC % {"name": name, "version": version, "release": release, "file": file,
                        "install": file and LAY % {"name": name, "file": file},
                        "provides": "\n".join("Provides: " + p for p in provides)})
    packages.call(["rpmbuild", "--quiet", "-bb", "--target", "x86_64-linux", "--define", "_topdir " + folder,
                   "--define", "_rpmdir " + os.path.join(folder, "repo"), "--define", "debug_package %{nil}",
                   "--define", "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm", spec])


def repository(folder, rootfs):
    """FOLDER: a repository with the packages that gn8v installs, and one that provides Debian's libraries by name."""
    with open(rootfs + ".recipe") as f, open(__file__) as own:
        recipe = hashlib.sha256((f.read() + own.read()).encode()).hexdigest()
    note = folder + ".recipe"
    if os.path.exists(note) and open(note).read() == recipe:
        return
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as work:
        for package in names():
            make_package(work, *package)
        make_package(work, "debian-libraries", "12", "1", "", capabilities(rootfs))
        packages.call(["createrepo_c", "--quiet", os.path.join(work, "repo")])
        os.chmod(os.path.join(work, "repo"), 0o755)
        os.rename(os.path.join(work, "repo"), folder)
    with open(note, "w") as f:
        f.write(recipe)


def places(folder):
    return {n: os.path.join(folder, n) for n in ("assets", "rootfs", "repository", "disk.raw")}


def locked(path, how):
    """The lock holds while the caller keeps it."""
    lock = open(path, "w")
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for another run, which has %s" % path, flush=True)
        fcntl.flock(lock, how)
    return lock


def prepared(folder):
    """What `prepare` made, for those that use it at the same time; the lock keeps it so while the caller lives."""
    at = places(folder)
    at["lock"] = locked(os.path.join(folder, "lock"), fcntl.LOCK_SH)
    return at


def prepare(folder, nscq):
    """Makes everything that does not change from run to run, below FOLDER: assets, repository, rootfs, disk.raw."""
    os.makedirs(folder, exist_ok=True)
    at = places(folder)
    with locked(os.path.join(folder, "lock"), fcntl.LOCK_EX):
        vendor(at["assets"], nscq)
        subprocess.run([os.path.join(HERE, "rootfs"), at["rootfs"], "--assets", at["assets"]], check=True)
        repository(at["repository"], at["rootfs"])
        subprocess.run([os.path.join(HERE, "image"), at["rootfs"], at["disk.raw"]], check=True)
