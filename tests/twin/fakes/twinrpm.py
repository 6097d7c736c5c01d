"""The simulated package database: state/packages.json {name: "VERSION-RELEASE.ARCH" or a list of those}, and
state/transactions.json {"NAME-VERSION-RELEASE.ARCH": the id of the transaction that it came in}.

Plays librpm of rpm 4.14.3 with Berkeley DB (EL 8).
Source: rpm 4.14, rpmio/rpmlock.c (.rpm.lock, and who waits for it), rpm(8); tests/fixtures/real/rpm/db5-*.txt.
Simplified: the database is one file that is whole or not; packages of the base system are names and versions."""
import fcntl
import json
import os
import subprocess
import time

from twinlib import (fail_misuse, fault, list_rows, packages, read, read_json, real_program, root, rooted, say, state, wrapper,
                     write)
import twinlib


DATABASE = "/var/lib/rpm/Packages"
LOCK = "/var/lib/rpm/.rpm.lock"
FABRIC_UNIT, FABRIC_START = "/usr/lib/systemd/system/nvidia-fabricmanager.service", "/usr/bin/nvidia-fabricmanager-start.sh"
IN_TRANSACTION = "in a transaction of "


class changing:
    """with changing(): a transaction, one at a time, behind rpm's own lock. Who is cut off inside leaves a database that
    nobody opens. Like rpm 4.14 (rpmio/rpmlock.c), rpm waits for the lock only on a terminal."""

    def __enter__(self):
        os.makedirs(os.path.dirname(root(LOCK)), exist_ok=True)
        self.fd = os.open(root(LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if twinlib.EXE.endswith("/rpm") and fault("rpm-busy"):
                raise BlockingIOError
            fcntl.lockf(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if twinlib.EXE.endswith("/rpm"):
                say("error: can't create transaction lock on /var/lib/rpm/.rpm.lock (Resource temporarily unavailable)",
                    twinlib.sys.stderr)
                twinlib.sys.exit(1)
            say("warning: waiting for transaction lock on /var/lib/rpm/.rpm.lock", twinlib.sys.stderr)
            fcntl.lockf(self.fd, fcntl.LOCK_EX)
        open_database()
        transactions["now"] = new_transaction()
        write(root(DATABASE), IN_TRANSACTION + process(os.getpid()) + "\n")

    def __exit__(self, *_):
        write(root(DATABASE), "whole\n")
        os.close(self.fd)


def process(pid):
    """A process and when it began, '' when there is none."""
    return "%s %s" % (pid, stat.rpartition(") ")[2].split()[19]) if (stat := read("/proc/%s/stat" % pid, "")) else ""


BROKEN = """\
error: rpmdb: BDB0113 Thread/process 2673/140126198814528 failed: BDB1507 Thread died in Berkeley DB library
error: db5 error(-30973) from dbenv->failchk: BDB0087 DB_RUNRECOVERY: Fatal error, run database recovery
error: cannot open Packages index using db5 -  (-30973)
error: cannot open Packages database in /var/lib/rpm"""


def open_database(names=()):
    """Ends with rpm's words if its database is broken, or a transaction was cut off. While one is under way, its database can be
    read. With the argument "answers" of the fault, rpm says of each name, all the same, that it is not installed."""
    if fault("rpm-db-broken"):
        say(BROKEN, twinlib.sys.stderr)
        for name in names if fault("rpm-db-broken") == "answers" else ():
            say("package %s is not installed" % name)
        twinlib.sys.exit(max(1, len(names)))
    text = read(root(DATABASE), "")
    if text.startswith(IN_TRANSACTION):
        who = text[len(IN_TRANSACTION):].strip()
        # Who came to its end since the first look has written so before.
        if process(who.split()[0]) != who and read(root(DATABASE), "") == text:
            say("error: rpmdb: damaged header instance #7 retrieved, skipping.\n"
                "error: cannot open Packages database in /var/lib/rpm", twinlib.sys.stderr)
            twinlib.sys.exit(1)


transactions = {"now": None}  # what this program is in


def new_transaction():
    """rpm takes the second in which it begins. Here no two begin in the same one, however quick a story is."""
    return max([int(time.time())] + [tid + 1 for tid in read_json(state("/transactions.json"), {}).values()])


def came(name, evr):
    """It is of this transaction from now on."""
    now = read_json(state("/transactions.json"), {})
    now["%s-%s" % (name, evr)] = transactions["now"]
    write(state("/transactions.json"), json.dumps(now, indent=1, sort_keys=True) + "\n")


def versions(name):
    value = packages().get(name, [])
    return value if isinstance(value, list) else [value]


def split_evr(evr):
    """VERSION-RELEASE.ARCH into its three parts."""
    version, _, rest = evr.partition("-")
    release, _, arch = rest.rpartition(".")
    return version, release, arch


def find(spec):
    """Installed packages that a name, name-version, name-version-release or name-version-release.arch means."""
    found = []
    for name in packages():
        for evr in versions(name):
            version, release, _ = split_evr(evr)
            names = [name, "%s-%s" % (name, version), "%s-%s-%s" % (name, version, release), "%s-%s" % (name, evr)]
            if spec in names:
                found.append((name, evr))
    return found


def add(name, evr, several=False):
    now = packages()
    old = versions(name)
    if several and old:
        now[name] = old if evr in old else old + [evr]
    else:
        now[name] = evr
    write(state("/packages.json"), json.dumps(now, indent=1, sort_keys=True) + "\n")
    came(name, evr)


def formatted(text, name, evr):
    version, release, arch = split_evr(evr)
    values = {"NAME": name, "VERSION": version, "RELEASE": release, "ARCH": arch, "EPOCH": "(none)",
              "NEVRA": "%s-%s" % (name, evr), "NVRA": "%s-%s" % (name, evr),  "EVR": "%s-%s" % (version, release)}
    values["INSTALLTID"] = str(read_json(state("/transactions.json"), {}).get(values["NVRA"], BUILT))
    for key, value in values.items():
        text = text.replace("%%{%s}" % key, value).replace("%%{%s}" % key.lower(), value)
    if "%{" in text:
        fail_misuse("incorrect format: unknown tag in %s" % text, 1)
    return text.replace("\\n", "\n").replace("\\t", "\t")


def host(program, args, **how):
    return subprocess.run([real_program(program)] + args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, **how)


def file_query(path, text):
    """What the host's rpm says of a package file."""
    return host("rpm", ["-qp", "--nosignature", "--qf", text, rooted(path)])


def obsoleted(path):
    """What goes when this package comes by -U; -i leaves it."""
    now = packages()
    for name in file_query(path, "[%{OBSOLETES}\\n]").stdout.decode().split():
        if now.pop(name, None):
            write(state("/packages.json"), json.dumps(now, indent=1, sort_keys=True) + "\n")
            say("Cleaning up / removing...\n   2:%s" % name)


def file_install(path, again=False, upgrade=False):
    """What rpm -i does: digests, then the payload, then the database. Returns the exit status."""
    real = rooted(path)
    asked = file_query(path, "%{NAME} %{VERSION}-%{RELEASE}.%{ARCH} %{RSAHEADER:pgpsig}")
    if asked.returncode:
        say("error: open of %s failed: not an rpm package (or package manifest)" % path, twinlib.sys.stderr)
        return 1
    name, evr, signature = asked.stdout.decode().split(" ", 2)
    checked = host("rpmkeys", ["-Kv", "--nosignature", real])
    if checked.returncode:
        bad = [line.strip() for line in checked.stdout.decode().splitlines() if "BAD" in line]
        say("error: %s: %s" % (path, "; ".join(bad) or "Payload SHA256 digest: BAD"), twinlib.sys.stderr)
        return 1
    if signature != "(none)":
        say("warning: %s: Header V4 %s: NOKEY" % (path, signature.split(",")[0] + " Signature, key ID " + signature[-8:]),
            twinlib.sys.stderr)
    say("Verifying...                          ################################# [100%]")
    if fault("rpm-wants-key") and signature != "(none)":
        # %_pkgverify_level of signature or all (4.14.2 and later), without the key: rpmProblemString, of RPMPROB_VERIFY.
        say("\tpackage %s-%s does not verify: Header V4 %s Signature, key ID %s: NOKEY"
            % (name, evr, signature.split(",")[0], signature[-8:]), twinlib.sys.stderr)
        return 1
    say("Preparing...                          ################################# [100%]")
    if evr in versions(name) and not again:
        say("\tpackage %s-%s is already installed" % (name, evr), twinlib.sys.stderr)
        return 1
    say("Updating / installing...")
    if fault("rpm-install-fails"):
        say("error: unpacking of archive failed: cpio: write failed - No space left on device\n"
            "error: %s-%s: install failed" % (name, evr), twinlib.sys.stderr)
        return 1
    unpack(real)
    add(name, evr)
    if upgrade:
        obsoleted(path)
    say("   1:%s################################# [100%%]" % ("%s-%s" % (name, evr.rsplit(".", 1)[0]))[:35].ljust(35))
    return 0


def unpack(path):
    """The payload (cpio, newc) below the root; programs that LIST knows become their fakes."""
    data = host("rpm2cpio", [path]).stdout
    known = {row[0]: row[1] for row in list_rows()}
    at = 0
    while data[at:at + 5] == b"07070":
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + 110:at + 110 + name_size - 1].decode()
        start = (at + 110 + name_size + 3) & ~3
        at = (start + size + 3) & ~3
        if name == "TRAILER!!!":
            return
        target = os.path.normpath("/" + name.lstrip("./"))
        member(target, mode, data[start:start + size], known)


def member(target, mode, content, known):
    kind = mode & 0o170000
    built = state("/lib/" + os.path.basename(target).split(".so.")[0] + ".so")
    if kind == 0o040000:
        os.makedirs(root(target), exist_ok=True)
    elif target in known:
        wrapper(target, known[target])
    elif target == FABRIC_UNIT and fault("fabricmanager-unit"):
        write(root(target), read(os.path.join(twinlib.FAKES, "../payload/fabricmanager-%s.service" % fault("fabricmanager-unit"))))
        wrapper(FABRIC_START, known[FABRIC_START])
    elif kind == 0o120000:
        os.makedirs(os.path.dirname(root(target)), exist_ok=True)
        twinlib.remove(root(target))
        os.symlink(content.decode(), root(target))
    else:
        if ".so." in target and os.path.exists(built):
            with open(built, "rb") as f:
                content = f.read()
        write(root(target), content, mode & 0o7777)


BUILT = 1700000000  # when all of them were packaged
PROGRAM = "#!/bin/sh\nexit 0\n"
LIBRARY = "simulated library\n"


def files_of(name, evr):
    """The files of the repository's packages that something looks for: {path: (mode, attribute, contents)}; a link's
    contents are where it leads."""
    if name == "python3.11":
        return {path: (0o755, " ", twinlib.wrapper_text(path, fake)) for path, fake, group in list_rows() if group == "venv"}
    if name == "kernel-devel":
        # Relative, so that it stays in the twin; the real one is absolute.
        folder = os.path.realpath(root("/lib/modules/" + evr))
        target = os.path.relpath(os.path.realpath(root("/usr/src/kernels/" + evr)), folder)
        return {"/usr/src/kernels/%s/Makefile" % evr: (0o644, " ", "VERSION = 5\nPATCHLEVEL = 10\n"),
                "/lib/modules/%s/build" % evr: (0o120777, " ", target)}
    if name in ("gcc", "make", "tar"):
        return {"/usr/bin/" + name: (0o755, " ", PROGRAM)}
    if name == "openssl3":
        return {"/usr/lib64/libcrypto.so.3": (0o755, " ", LIBRARY),
                "/etc/pki/tls/openssl3.cnf": (0o644, "c", "# simulated\n")}
    if name == "elfutils-libelf-devel":
        return {"/usr/include/gelf.h": (0o644, " ", "/* simulated */\n")}
    # Of the driver as packages, what others look at; the marker is named in their specs (yum-packaging-nvidia-driver).
    if name == "nvidia-driver":
        return {"/usr/lib/nvidia/alternate-install-present": (0o644, " ", "installed by a package\n")}
    if name == "nvidia-driver-cuda-libs":
        return {"/usr/lib64/libnvidia-ml.so." + split_evr(evr)[0]: (0o755, " ", LIBRARY)}
    if name == "libxml2":
        return {"/usr/lib64/libxml2.so.2": (0o755, " ", LIBRARY)}
    return {}


def installed_by_yum(name, evr):
    for path, (mode, attribute, contents) in files_of(name, evr).items():
        if mode == 0o120777:
            os.makedirs(os.path.dirname(root(path)), exist_ok=True)
            twinlib.remove(root(path))
            os.symlink(contents, root(path))
        elif attribute != "c" or not os.path.exists(root(path)):
            write(root(path), contents, mode)
            os.utime(root(path), (BUILT, BUILT))


def verified(name, evr, digests=True):
    """What rpm -V says of a package: a line for each file that is not as it was packaged."""
    lines = []
    for path, (mode, attribute, contents) in files_of(name, evr).items():
        if not os.path.lexists(root(path)):
            lines.append("missing   %s %s" % (attribute, path))
            continue
        tests = link_tests(path, contents) if mode == 0o120777 else file_tests(path, mode, contents, digests)
        if tests.strip("."):
            lines.append("%s  %s %s" % (tests, attribute, path))
    return lines


def link_tests(path, target):
    return "....L...." if not os.path.islink(root(path)) or os.readlink(root(path)) != target else "........."


def file_tests(path, mode, contents, digests):
    there, now = read(root(path)), os.stat(root(path))
    return "%s%s%s....%s." % ("S" if len(there) != len(contents) else ".", "M" if now.st_mode & 0o7777 != mode else ".",
                              "5" if digests and there != contents else ".", "T" if int(now.st_mtime) != BUILT else ".")
