"""The simulated vendor's RPMs, built by the real rpmbuild and signed by the real rpmsign with throw-away keys.

Every package exists as "good" and in the variants that a checker has to refuse: "unsigned", "other-key", "corrupt" and
"other-version". Nothing of the user's own rpm or gpg set-up takes part.
"""
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

PAYLOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "payload")
VERSION = "570.148.08"
OTHER_VERSION = "570.133.20"
NAMES = ("nvidia-fabric-manager", "libnvidia-nscq-570")
# Of a later branch, which has other names, and releases of two kinds: NAME: (VERSION, RELEASE, what it obsoletes).
LATER = {"nvidia-fabricmanager": ("580.65.06", "1", "nvidia-fabric-manager"),
         "libnvidia-nscq": ("580.65.06", "1.el8", "libnvidia-nscq-570")}
VARIANTS = ("good", "unsigned", "other-key", "corrupt", "other-version")
EPOCH = "1747000000"            # every time stamp in the packages: 2025-05-11


class Failure(Exception):
    """A tool did not do its work; the text holds what it said."""


def filename(name, version=VERSION, release="1"):
    return "%s-%s-%s.x86_64.rpm" % (name, version, release)


def spec_of(name):
    return os.path.join(PAYLOAD, "nscq.spec" if "nscq" in name else "fabricmanager.spec")


def call(argv, env=None, feed=None, ok=(0,)):
    """Runs a tool and returns what it printed."""
    try:
        done = subprocess.run(argv, env=env, input=feed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise Failure("%s is not installed" % argv[0])
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode not in ok:
        raise Failure("%s: exit status %d\n%s" % (" ".join(argv), done.returncode, text))
    return text


def pin_of_key(path):
    """SHA-256 of a key file with the lines that begin with "Version" left out, as NVIDIA's key is pinned."""
    with open(path, "rb") as f:
        lines = f.read().splitlines(True)
    return hashlib.sha256(b"".join(l for l in lines if not l.startswith(b"Version"))).hexdigest()


class Keyring:
    """A private GnuPG home with two signing keys. Its path is short, because the agent's socket lies in it."""

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="twin-gpg-", dir="/tmp")
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.home, "GNUPGHOME": self.home,
                    "LC_ALL": "C", "TZ": "UTC", "SOURCE_DATE_EPOCH": EPOCH}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            call(["gpgconf", "--kill", "all"], self.env)
        except Failure:
            pass
        shutil.rmtree(self.home, ignore_errors=True)

    def make(self, owner):
        """Makes a key and returns its fingerprint."""
        order = ("%%no-protection\nKey-Type: RSA\nKey-Length: 2048\nKey-Usage: sign\nName-Real: %s\n"
                 "Name-Email: %s@example.invalid\nExpire-Date: 0\nCreation-Date: 20250101T000000\n%%commit\n"
                 % (owner, owner.split()[0]))
        call(["gpg", "--batch", "--quiet", "--gen-key"], self.env, order.encode())
        listing = call(["gpg", "--batch", "--with-colons", "--list-keys", owner], self.env)
        return re.search(r"^fpr:+([0-9A-F]{40}):", listing, re.M).group(1)

    def export(self, fingerprint, path):
        """Writes the public key as NVIDIA's is written: armoured, with a Version line."""
        text = call(["gpg", "--batch", "--quiet", "--armor", "--no-emit-version", "--export", fingerprint], self.env)
        head, rest = text.split("\n", 1)
        with open(path, "w") as f:
            f.write("%s\nVersion: GnuPG v2.0.22 (GNU/Linux)\n%s" % (head, rest))

    def sign(self, fingerprint, path):
        """As rpmsign 4.14 and NVIDIA's packages have it: the header, and in the older way header and payload."""
        call(["rpmsign", "--define", "_gpg_name %s" % fingerprint, "--define", "_gpg_path %s" % self.home,
              "--define", "_gpg_digest_algo sha256", "--define", "__gpg %s" % shutil.which("gpg"),
              "--rpmv3", "--addsign", path], self.env)


def build(keyring, name, version, folder, release="1", obsoletes=""):
    """Builds one unsigned package in FOLDER and returns its path. The same input gives the same bytes."""
    top = tempfile.mkdtemp(prefix="twin-rpm-", dir=keyring.home)
    defines = {
        "_topdir": top, "_sourcedir": PAYLOAD, "_rpmdir": top, "_dbpath": top + "/db", "_tmppath": top + "/tmp",
        "_rpmfilename": "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm", "twin_version": version,
        "twin_name": name, "twin_release": release,
        "debug_package": "%{nil}", "__os_install_post": "%{nil}", "_build_id_links": "none",
        "_binary_payload": "w9.gzdio", "_buildhost": "twin.example", "vendor": "simulated",
        "use_source_date_epoch_as_buildtime": "1", "clamp_mtime_to_source_date_epoch": "1",
    }
    if obsoletes:
        defines["twin_obsoletes"] = obsoletes
    os.makedirs(top + "/tmp")
    argv = ["rpmbuild", "--quiet", "-bb", "--target", "x86_64-linux"]
    for key, value in sorted(defines.items()):
        argv += ["--define", "%s %s" % (key, value)]
    call(argv + [spec_of(name)], keyring.env)
    path = os.path.join(folder, filename(name, version, release))
    shutil.move(os.path.join(top, filename(name, version, release)), path)
    shutil.rmtree(top)
    return path


def copy_of(source, folder, name):
    path = os.path.join(folder, filename(name))
    shutil.copyfile(source, path)
    return path


def flip_payload_byte(path):
    """Flips one bit of the payload, which is the last part of the file."""
    with open(path, "r+b") as f:
        size = f.seek(0, os.SEEK_END)
        place = size - 40
        f.seek(place)
        byte = f.read(1)[0]
        f.seek(place)
        f.write(bytes([byte ^ 0x01]))


def make_all(folder):
    """Fills FOLDER/rpm/VARIANT and FOLDER/key; returns what assets.json says about the keys."""
    for variant in VARIANTS:
        os.makedirs(os.path.join(folder, "rpm", variant))
    os.makedirs(os.path.join(folder, "key"))
    at = {v: os.path.join(folder, "rpm", v) for v in VARIANTS}
    with Keyring() as keyring:
        ours = keyring.make("vendor")
        other = keyring.make("stranger")
        keyring.export(ours, os.path.join(folder, "key", "D42D0685.pub"))
        keyring.export(other, os.path.join(folder, "key", "other.pub"))
        for name in NAMES:
            plain = build(keyring, name, VERSION, at["unsigned"])
            keyring.sign(ours, copy_of(plain, at["good"], name))
            keyring.sign(other, copy_of(plain, at["other-key"], name))
            flip_payload_byte(copy_of(os.path.join(at["good"], filename(name)), at["corrupt"], name))
            older = build(keyring, name, OTHER_VERSION, keyring.home)
            keyring.sign(ours, copy_of(older, at["other-version"], name))
        for name, (version, release, obsoletes) in LATER.items():
            keyring.sign(ours, build(keyring, name, version, at["good"], release, obsoletes))
    key = os.path.join(folder, "key", "D42D0685.pub")
    return {"id": ours[-8:].lower(), "path": "key/D42D0685.pub", "sha256": pin_of_key(key),
            "other_id": other[-8:].lower(), "other_path": "key/other.pub",
            "other_sha256": pin_of_key(os.path.join(folder, "key", "other.pub"))}


def verify(folder):
    """What rpmkeys says about every package against the good key: {variant: {name: (exit status, text)}}."""
    said = {}
    with tempfile.TemporaryDirectory(prefix="twin-rpmdb-") as db:
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": db, "LC_ALL": "C"}
        call(["rpmkeys", "--dbpath", db, "--import", os.path.join(folder, "key", "D42D0685.pub")], env)
        for variant in VARIANTS:
            said[variant] = {}
            for name in NAMES:
                path = os.path.join(folder, "rpm", variant, filename(name))
                done = subprocess.run(["rpmkeys", "--dbpath", db, "-Kv", path], env=env, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
                said[variant][name] = (done.returncode, done.stdout.decode("utf-8", "replace"))
    return said
