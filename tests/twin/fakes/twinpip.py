"""pip: install, download, freeze, list, inspect. An environment begins with 22.3.1, which EL8's python3.11 brings, and
`install --upgrade pip` makes 25.0.1 of it.

Plays pip 22.3.1 and 25.0.1.
Source: reports of pip 22.3.1 and 26.3 (tests/fixtures/real/verifier): 22.3.1 writes version "0", with "hash" alone, and warns of the
option; "hashes" came with 23. An index that is out of reach: pip's own retries and last line.
Simplified: wheels are small and always the same, dependencies are a table, nothing is compiled."""
import glob
import hashlib
import json
import os
import re
import sys

from twinlib import delay, fail_misuse, fault, hang, read, root, rooted, say, write

INDEX = {"pip": "25.0.1", "setuptools": "75.8.0", "wheel": "0.45.1", "cryptography": "43.0.1", "pyopenssl": "24.2.1",
         "nvidia-ml-py": "12.550.52", "signxml": "4.0.3", "lxml": "5.3.1", "prettytable": "3.14.0",
         "nvidia-cublas-cu12": "12.4.5.8"}
PAGE = {"nv-attestation-sdk": "2.5.0.post6914366", "nv-local-gpu-verifier": "2.5.0.post6914366",
        "nv-ppcie-verifier": "1.5.0.post6914366"}
NEEDS = {"nv-attestation-sdk": ["cryptography", "pyopenssl"],
         "nv-local-gpu-verifier": ["cryptography", "pyopenssl", "nvidia-ml-py", "signxml", "lxml"],
         "nv-ppcie-verifier": ["prettytable", "nv-attestation-sdk"]}
VALUES = ["-f", "--find-links", "-i", "--index-url", "--extra-index-url", "--report", "-d", "--dest", "--proxy", "--cert",
          "--timeout", "--retries", "--trusted-host", "--log", "--cache-dir", "--format", "--progress-bar",
          "--root-user-action"]
FLAGS = ["-U", "--upgrade", "--no-cache-dir", "--disable-pip-version-check", "--no-input", "-q", "--quiet", "--no-deps",
         "--no-warn-script-location", "--no-index", "--dry-run", "--no-color", "--force-reinstall", "--local", "-v",
         "--only-binary=:all:", "--isolated", "--prefer-binary", "--no-compile"]


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def site(prefix):
    return prefix + "/lib/python3.11/site-packages"


def installed(prefix):
    """Name and version of what is installed, from the dist-info folders."""
    found = {}
    for path in glob.glob(root(site(prefix)) + "/*.dist-info/METADATA"):
        fields = dict(row.split(": ", 1) for row in read(path).splitlines() if ": " in row)
        found[normal(fields["Name"])] = fields["Version"]
    return found


def wheel_name(name, version):
    return "%s-%s-py3-none-any.whl" % (name.replace("-", "_"), version)


def wheel(name, version):
    return ("simulated wheel %s %s\n" % (name, version)).encode()


def parse(args):
    given, words = {}, []
    while args:
        arg = args.pop(0)
        name, equals, value = arg.partition("=")
        if arg in FLAGS:
            given[arg] = True
        elif name in VALUES and (equals or args):
            given[{"-f": "--find-links", "-d": "--dest"}.get(name, name)] = value if equals else args.pop(0)
        elif arg.startswith("-"):
            fail_misuse("pip: no such option: " + arg, 2)
        else:
            words.append(arg)
    return given, words


def no_match(name, want, there):
    say("ERROR: Could not find a version that satisfies the requirement %s%s (from versions: %s)\n"
        "ERROR: No matching distribution found for %s%s" % (name, want, there, name, want), sys.stderr)
    sys.exit(1)


def sources(given):
    """What can be had: the index, and the page or folder of --find-links."""
    have = {} if "--no-index" in given else dict(INDEX)
    if fault("pip-old") and have:
        have["pip"] = "22.3.1"
    links = given.get("--find-links", "")
    if links.startswith(("http://", "https://")):
        have.update(PAGE)
    elif links:
        for path in glob.glob(rooted(links) + "/*.whl"):
            name, version = os.path.basename(path).split("-")[:2]
            if read(path).encode() != wheel(normal(name), version):
                sys.exit("ERROR: %s is not a valid wheel" % os.path.basename(path))
            have[normal(name)] = version
    return have


def resolve(words, given):
    have, wanted = sources(given), {}
    queue = []
    for word in words:
        if word.endswith(".whl"):
            name, version = os.path.basename(word).split("-")[:2]
            have[normal(name)] = version
            word = "%s==%s" % (name, version)
        queue.append(word)
    while queue:
        given_name, equals, version = queue.pop(0).partition("==")
        name = normal(given_name)
        if name not in have or (equals and have[name] != version):
            no_match(given_name, equals + version, have.get(name, "none"))
        if name not in wanted:
            wanted[name] = have[name]
            queue += [] if "--no-deps" in given else NEEDS.get(name, [])
    return wanted


def origin(name, given):
    """The folder that a wheel is said to come from."""
    if name in PAGE:
        return given.get("--find-links", "").rsplit("/", 1)[0] + "/"
    return given.get("--index-url", "https://index.invalid/simple") + "/"


def report(wanted, given, pip):
    rows, old = [], int(pip.split(".")[0]) < 23
    if old:
        say("WARNING: --report is currently an experimental option. The output format may change in a future release without prior "
            "warning.", sys.stderr)
    for name, version in wanted.items():
        digest = hashlib.sha256(wheel(name, version)).hexdigest()
        archive = {"hash": "sha256=" + digest}
        if not old:
            archive["hashes"] = {"sha256": digest}
        rows.append({"download_info": {"url": origin(name, given) + wheel_name(name, version), "archive_info": archive},
                     "is_direct": False, "requested": True,
                     "metadata": {"metadata_version": "2.1", "name": name, "version": version}})
    text = json.dumps({"version": "0" if old else "1", "pip_version": pip, "install": rows}, indent=2) + "\n"
    if given["--report"] == "-":
        say(text)
    else:
        write(rooted(given["--report"]), text)


def put(prefix, name, version):
    for old in glob.glob("%s/%s-*.dist-info/*" % (root(site(prefix)), name.replace("-", "_"))):
        os.unlink(old)
    folder = "%s/%s-%s.dist-info" % (site(prefix), name.replace("-", "_"), version)
    write(root(folder + "/METADATA"), "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version))
    write(root(folder + "/INSTALLER"), "pip\n")
    write(root(folder + "/RECORD"), "%s/METADATA,,\n" % os.path.basename(folder))


def get(command, prefix, given, words):
    """install and download: the same resolution, another end."""
    if not words:
        sys.exit('ERROR: You must give at least one requirement to %s (see "pip help %s")' % (command, command))
    if fault("pip-hangs"):
        hang()
    wanted = resolve(words, given)
    if fault("pip-fails"):
        say("WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken "
            "by 'NewConnectionError'\nERROR: Could not install packages due to an OSError: HTTPSConnectionPool: Max retries "
            "exceeded", sys.stderr)
        return 1
    delay("pip")
    have = installed(prefix)
    for name, version in list(wanted.items()):
        if command == "install" and have.get(name) == version and "--force-reinstall" not in given:
            say("Requirement already satisfied: %s==%s in %s" % (name, version, site(prefix)))
            wanted.pop(name)
        else:
            say("Collecting %s==%s\n  Downloading %s" % (name, version, wheel_name(name, version)))
    if os.environ.get("PIP_REPORT"):  # pip takes every option from its environment too
        given.setdefault("--report", os.environ["PIP_REPORT"])
    if "--report" in given:
        report(wanted, given, have.get("pip", INDEX["pip"]))
    if command == "download":
        for name, version in wanted.items():
            write(os.path.join(rooted(given.get("--dest", os.getcwd())), wheel_name(name, version)), wheel(name, version))
        say("Successfully downloaded " + " ".join(wanted))
    elif wanted and "--dry-run" not in given:
        for name, version in wanted.items():
            put(prefix, name, version)
        write(root(prefix + "/installed.json"), json.dumps(installed(prefix), indent=1, sort_keys=True) + "\n")
        say("Successfully installed " + " ".join("%s-%s" % pair for pair in wanted.items()))
    return 0


def show(command, prefix, given):
    have = sorted(installed(prefix).items())
    if command == "inspect":
        rows = [{"metadata": {"name": n, "version": v}, "installer": "pip"} for n, v in have]
        say(json.dumps({"version": "1", "pip_version": INDEX["pip"], "installed": rows}, indent=2))
    elif given.get("--format") == "json":
        say(json.dumps([{"name": n, "version": v} for n, v in have]))
    else:
        hidden = ("pip", "setuptools", "wheel") if command == "freeze" else ()
        say("\n".join("%s==%s" % pair for pair in have if pair[0] not in hidden))
    return 0


def main(prefix, args):
    if args == ["--version"]:
        say("pip %s from %s/pip (python 3.11)" % (INDEX["pip"], site(prefix)))
        return 0
    command = args[0] if args else ""
    given, words = parse(args[1:])
    if command in ("install", "download"):
        return get(command, prefix, given, words)
    if command in ("freeze", "list", "inspect"):
        return show(command, prefix, given)
    return fail_misuse('pip: unknown command "%s"' % command, 1)
