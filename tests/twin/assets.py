#!/usr/bin/env python3
"""assets.py BUILD_DIR: makes everything that the simulated internet serves, once.

BUILD_DIR/assets.json lists it: every file's path (relative to BUILD_DIR), size and SHA-256, the RPM keys, the
certificates. A second call is quick, a changed recipe builds anew, and two calls at once do not disturb each other: the
work happens in a temporary folder beside BUILD_DIR, which then takes its name.
"""
import argparse
import fcntl
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import zipfile

import packages

HERE = os.path.dirname(os.path.abspath(__file__))
HOSTS = ("cn.download.nvidia.cn", "developer.download.nvidia.com", "developer.download.nvidia.cn",
         "attest-public-cn-beijing.oss-cn-beijing.aliyuncs.com", "rim.attestation.nvidia.com",
         "ocsp.ndis.nvidia.com", "mirror.example", "mirror2.example", "localhost")
DRIVERS = ("550.144.03", "570.148.08", "580.65.06")
CUDAS = (("12.4.1", "550.54.15"), ("12.8.1", "570.124.06"))
WHEELS = (("nv_attestation_sdk", "2.5.0.post6914366"), ("nv_local_gpu_verifier", "2.5.0.post6914366"),
          ("nv_ppcie_verifier", "1.5.0.post6914366"))
MODIFIED = 1747000000           # modification time of every served file, so that Last-Modified is stable
MIB = 1 << 20


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


# --- certificates ---------------------------------------------------------------------------------------------------

CA_CONFIG = """
[ca]
default_ca = twin
[twin]
dir = .
database = ./index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
copy_extensions = none
x509_extensions = server
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
commonName = twin
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = %s
"""


def make_tls(folder):
    """A CA, a server certificate for every host of the simulated internet, and an expired one for the same names."""
    work = os.path.join(folder, "tls")
    os.makedirs(work)
    names = ", ".join(["DNS:" + h for h in HOSTS] + ["IP:127.0.0.1"])
    scratch = tempfile.mkdtemp(dir=folder)
    write(os.path.join(scratch, "ca.cnf"), (CA_CONFIG % names).encode())
    write(os.path.join(scratch, "index.txt"), b"")
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": scratch, "OPENSSL_CONF": os.path.join(scratch, "ca.cnf")}

    def openssl(*argv):
        packages.call(["sh", "-c", 'cd "$0" && exec openssl "$@"', scratch] + list(argv), env)

    for key in ("ca", "server"):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key + ".key")
    for key, subject in (("ca", "/CN=Throw-away CA of the twin"), ("server", "/CN=simulated internet")):
        openssl("req", "-new", "-key", key + ".key", "-subj", subject, "-out", key + ".csr")
    for out, csr, start, end, extra in (
            ("ca.pem", "ca.csr", "20200101000000Z", "20491231235959Z", ("-selfsign", "-extensions", "root")),
            ("server.pem", "server.csr", "20200101000000Z", "20491231235959Z", ("-cert", "ca.pem")),
            ("expired.pem", "server.csr", "20200101000000Z", "20210101000000Z", ("-cert", "ca.pem"))):
        openssl("ca", "-batch", "-notext", "-keyfile", "ca.key", "-in", csr, "-out", out,
                "-startdate", start, "-enddate", end, *extra)
    for name in ("ca.pem", "server.pem", "expired.pem", "server.key"):
        shutil.copyfile(os.path.join(scratch, name), os.path.join(work, name))
    shutil.rmtree(scratch)
    return {"ca": "tls/ca.pem", "certificate": "tls/server.pem", "key": "tls/server.key",
            "expired_certificate": "tls/expired.pem"}


# --- installers -----------------------------------------------------------------------------------------------------

def cksum(data):
    """What cksum(1) prints for DATA: the CRC of POSIX, which takes in the length too, and the length."""
    return packages.call(["cksum"], {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, data).strip()


def runfile(version, installer, label, size):
    """The bytes of one simulated .run file of exactly SIZE bytes: a shell script, then padding from a fixed seed."""
    with open(os.path.join(packages.PAYLOAD, "runfile.sh")) as f:
        text = f.read()
    text = text.replace("@VERSION@", version).replace("@INSTALLER@", installer).replace("@LABEL@", label)
    text = text.replace("@LINES@", str(text.count("\n") + 1))
    # How wide the sum is decides how much padding fits, and the padding decides the sum: so its width is fixed.
    room = 24
    length = size - len(text.replace("@SUM@", "")) - room
    if length <= 0:
        raise packages.Failure("%s: %d bytes are too few" % (label, size))
    padding = random.Random(label).getrandbits(8 * length).to_bytes(length, "little")
    head = text.replace("@SUM@'", (cksum(padding) + "'").ljust(room + 1))
    return head.encode() + padding


def make_runfiles(folder, driver_size, cuda_size):
    for version in DRIVERS:
        label = "NVIDIA Accelerated Graphics Driver for Linux-x86_64 " + version
        write(os.path.join(folder, "run", "NVIDIA-Linux-x86_64-%s.run" % version),
              runfile(version, "nvidia-installer", label, driver_size))
    for version, driver in CUDAS:
        label = "CUDA Toolkit " + version
        write(os.path.join(folder, "run", "cuda_%s_%s_linux.run" % (version, driver)),
              runfile(version, "cuda-installer", label, cuda_size))


# --- Python wheels --------------------------------------------------------------------------------------------------

def make_wheels(folder):
    """Wheels that pip installs and that do nothing, and the page that links them (R18)."""
    links = []
    for name, version in WHEELS:
        info = "%s-%s.dist-info/" % (name, version)
        parts = {
            name + "/__init__.py": "__version__ = '%s'\n" % version,
            info + "METADATA": "Metadata-Version: 2.1\nName: %s\nVersion: %s\nSummary: simulated\n" % (name, version),
            info + "WHEEL": "Wheel-Version: 1.0\nGenerator: twin\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        parts[info + "RECORD"] = "".join("%s,,\n" % p for p in sorted(parts)) + info + "RECORD,,\n"
        wheel = "%s-%s-py3-none-any.whl" % (name, version)
        os.makedirs(os.path.join(folder, "pip"), exist_ok=True)
        with zipfile.ZipFile(os.path.join(folder, "pip", wheel), "w", zipfile.ZIP_DEFLATED) as z:
            for path, text in sorted(parts.items()):
                z.writestr(zipfile.ZipInfo(path, (2025, 5, 11, 0, 0, 0)), text)
        links.append('<a href="%s">%s</a><br>\n' % (wheel, wheel))
    page = "<!DOCTYPE html>\n<html><head><title>attest</title></head><body>\n%s</body></html>\n" % "".join(links)
    write(os.path.join(folder, "pip", "attest.html"), page.encode())


# --- the whole ------------------------------------------------------------------------------------------------------

def describe(folder, relative):
    path = os.path.join(folder, relative)
    with open(path, "rb") as f:
        data = f.read()
    os.utime(path, (MODIFIED, MODIFIED))
    return {"path": relative, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def listing(folder, relative):
    names = sorted(os.listdir(os.path.join(folder, relative)))
    return {name: describe(folder, relative + "/" + name) for name in names}


def build(folder, recipe, driver_size, cuda_size):
    tls = make_tls(folder)
    key = packages.make_all(folder)
    make_runfiles(folder, driver_size, cuda_size)
    make_wheels(folder)
    variants = {v: listing(folder, "rpm/" + v) for v in packages.VARIANTS}
    files = dict(variants.pop("good"))
    for part in ("run", "pip"):
        files.update(listing(folder, part))
    files["D42D0685.pub"] = describe(folder, key["path"])
    variants["key-wrong"] = {"D42D0685.pub": describe(folder, key["other_path"])}
    book = {"recipe": recipe, "files": files, "variants": variants, "rpm_key": key, "tls": tls}
    write(os.path.join(folder, "assets.json"), (json.dumps(book, indent=1, sort_keys=True) + "\n").encode())


def recipe_of(driver_size, cuda_size):
    """A digest of all that decides what is built."""
    h = hashlib.sha256(b"%d %d" % (driver_size, cuda_size))
    sources = [os.path.join(HERE, n) for n in ("assets.py", "packages.py")]
    sources += [os.path.join(packages.PAYLOAD, n) for n in sorted(os.listdir(packages.PAYLOAD))]
    for path in sources:
        with open(path, "rb") as f:
            h.update(hashlib.sha256(f.read()).digest())
    return h.hexdigest()


def load(folder):
    """The contents of FOLDER/assets.json, or None when there is none."""
    try:
        with open(os.path.join(folder, "assets.json")) as f:
            return json.load(f)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_current(folder, recipe):
    book = load(folder)
    return book is not None and book["recipe"] == recipe


def ensure(folder, driver_size=3 * MIB, cuda_size=6 * MIB):
    """Builds FOLDER when it is missing or of another recipe."""
    folder = os.path.abspath(folder)
    recipe = recipe_of(driver_size, cuda_size)
    if is_current(folder, recipe):
        return
    parent, name = os.path.split(folder)
    os.makedirs(parent, exist_ok=True)
    with open(os.path.join(parent, ".%s.lock" % name), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_current(folder, recipe):
            return
        work = tempfile.mkdtemp(prefix=".%s." % name, dir=parent)
        try:
            os.chmod(work, 0o755)
            build(work, recipe, driver_size, cuda_size)
            if load(folder) is not None:
                shutil.rmtree(folder)   # ours, of another recipe; anything else that is not empty stays
            os.rename(work, folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="make what the simulated internet serves")
    parser.add_argument("folder", metavar="BUILD_DIR")
    parser.add_argument("--driver-size", type=int, default=3 * MIB, metavar="BYTES")
    parser.add_argument("--cuda-size", type=int, default=6 * MIB, metavar="BYTES")
    args = parser.parse_args()
    try:
        ensure(args.folder, args.driver_size, args.cuda_size)
    except (packages.Failure, OSError) as failure:
        sys.exit("assets: %s" % failure)


if __name__ == "__main__":
    main()
