#!/usr/bin/env python3
"""server.py --assets BUILD_DIR --twin DIR: the internet of one twin, in one process.

It prints one line of JSON when it serves: {"proxy": PORT, "https": PORT, "metadata": PORT, "pid": PID}.
    proxy      HTTP proxy; CONNECT HOST:443 leads to the simulated HOST, under TLS
    https      the same hosts directly, told apart by the Host header; localhost and 127.0.0.1 are the mirror
    metadata   the ECS metadata service (metadata.py)
The mirrors (mirror.example, mirror2.example) have every asset under any folder, and before them what lies below DIR/state/mirror.
NVIDIA's RIM service and OCSP responder know the simulated devices (collateral.py).
It ends by SIGTERM, or by itself when DIR/state has gone.

Troubles (ledger.py tells their arguments), besides those of delivery.py:
    key-wrong
    rpm-unsigned, rpm-other-key, rpm-corrupt, rpm-other-version    that variant of the package
    tls-expired                       "file" is matched against the host
    proxy-down                        connections are reset
"""
import argparse
import json
import os
import re
import signal
import ssl
import sys
import threading
import time
import urllib.parse

import assets
import collateral
import delivery
import ledger
import metadata
import web

METADATA_HOST = "100.100.100.200"
DRIVER_HOST = "cn.download.nvidia.cn"
DRIVER_REFERER = "https://www.nvidia.cn/"
MIRRORS = ("mirror.example", "mirror2.example", "localhost", "127.0.0.1")
REPO = "/compute/cuda/repos/rhel8/x86_64/"
RPM_FAULTS = ("rpm-unsigned", "rpm-other-key", "rpm-corrupt", "rpm-other-version")


class Site:
    """Which file lies behind which URL."""

    def __init__(self, folder, twin):
        self.folder = os.path.abspath(folder)
        self.book = assets.load(self.folder)
        if self.book is None:
            raise SystemExit("server: %s: no assets.json; run assets.py first" % folder)
        self.mirror = os.path.join(os.path.abspath(twin), "state", "mirror")
        self.urls = dict(self.table())
        self.hosts = {host for host, _ in self.urls} | set(MIRRORS[:2]) | set(collateral.HOSTS)
        self.context = self.tls("certificate")
        self.expired = self.tls("expired_certificate")

    def tls(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        files = self.book["tls"]
        context.load_cert_chain(os.path.join(self.folder, files[certificate]), os.path.join(self.folder, files["key"]))
        return context

    def table(self):
        """The URLs of the procedure, to the letter."""
        for name in self.book["files"]:
            driver = re.match(r"NVIDIA-Linux-x86_64-(.*)\.run$", name)
            cuda = re.match(r"cuda_([^_]*)_.*\.run$", name)
            if driver:
                yield (DRIVER_HOST, "/tesla/%s/%s" % (driver.group(1), name)), name
            elif cuda:
                yield ("developer.download.nvidia.com",
                       "/compute/cuda/%s/local_installers/%s" % (cuda.group(1), name)), name
            elif name.endswith(".rpm"):
                yield ("developer.download.nvidia.cn", REPO + name), name
            elif name.endswith(".pub"):
                yield ("developer.download.nvidia.com", REPO + name), name
            else:
                yield ("attest-public-cn-beijing.oss-cn-beijing.aliyuncs.com", "/repo/pip/" + name), name

    def asset(self, name, variant=None):
        entry = (self.book["variants"][variant] if variant else self.book["files"]).get(name)
        return delivery.Served(os.path.join(self.folder, entry["path"]), name) if entry else None

    def find(self, host, path):
        """The file at a URL, or None."""
        if host not in MIRRORS:
            name = self.urls.get((host, path))
            return self.asset(name) if name else None
        parts = [p for p in path.split("/") if p]
        if not parts or ".." in parts:
            return None
        own = os.path.join(self.mirror, *parts)
        return delivery.Served(own, parts[-1]) if os.path.isfile(own) else self.asset(parts[-1])


def authority(url):
    """HOST or HOST:PORT of a plain-http URL, "" of anything else."""
    match = re.match(r"(?i)http://([^/?#]*)", url)
    return match.group(1) if match else ""


def host_and_port(text, default):
    match = re.match(r"(.*?)(?::(\d{1,5}))?$", text)
    return match.group(1), int(match.group(2) or default)


class Handler(delivery.Handler):
    """One request for a file of a simulated host."""
    via = "direct"
    site = None
    known_host = None           # the host that a tunnel was made for

    def handle(self):
        try:
            self.secure(self.context_for("localhost"))
        except OSError:
            return              # no TLS, or our certificate was refused: there is no request to write down
        super().handle()

    def context_for(self, host):
        return self.site.context if self.ledger.fault("tls-expired", host) is None else self.site.expired

    def host(self):
        return self.known_host or super().host().rsplit(":", 1)[0]

    def answer(self):
        host, path = self.host(), urllib.parse.unquote(self.path.split("?", 1)[0])
        if host in collateral.HOSTS:
            return collateral.answer(self, host, path)
        if self.command not in ("GET", "HEAD"):
            return self.reply(405, "Method Not Allowed\n", [("Allow", "GET, HEAD")])
        if host == DRIVER_HOST and not self.headers.get("Referer", "").startswith(DRIVER_REFERER):
            return self.reply(403, "Forbidden: anti-leech\n")
        file = self.site.find(host, path)
        if file is None:
            return self.reply(404, "Not Found\n")
        return self.deliver(file)

    def instead(self, file):
        if file.name.endswith(".rpm"):
            for fault in RPM_FAULTS:
                other = self.site.asset(file.name, fault[len("rpm-"):])
                if other and self.struck(fault, file) is not None:
                    return other
        if file.name.endswith(".pub") and self.struck("key-wrong", file) is not None:
            return self.site.asset(file.name, "key-wrong")
        return file


class Proxy(Handler):
    """A connection to the proxy; after CONNECT it is a connection to the host that was asked for."""
    via = "proxy"
    metadata_port = 0

    def handle(self):
        if self.ledger.fault("proxy-down", "", whole=True) is not None:
            self.refuse()
        else:
            web.Handler.handle(self)

    def host(self):
        if self.command == "CONNECT":
            return self.path
        return self.known_host or authority(self.path)

    def is_metadata(self, host, port):
        return host == METADATA_HOST or (host in MIRRORS and port == self.metadata_port)

    def do_CONNECT(self):
        self.started = time.monotonic()
        host, port = host_and_port(self.path, 0)
        if self.known_host:
            return self.reply(405, "Method Not Allowed\n")
        if self.is_metadata(host, port):
            self.ledger.misuse("metadata request through the proxy: CONNECT %s" % self.path)
            return self.reply(403, "Forbidden\n")
        if port != 443 or host not in self.site.hosts:
            return self.reply(502, "Bad Gateway\n")
        self.status = 200
        self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            self.secure(self.context_for(host))
        except OSError:
            self.close_connection = True
            return
        self.known_host, self.close_connection = host, False

    def answer(self):
        if self.known_host:
            return super().answer()
        if not authority(self.path):
            return self.reply(400, "Bad Request\n")
        what = "metadata request" if self.is_metadata(*host_and_port(authority(self.path), 80)) else "plain http"
        self.ledger.misuse("%s through the proxy: %s %s" % (what, self.command, self.path))
        return self.reply(403, "Forbidden\n")


def main():
    parser = argparse.ArgumentParser(description="the internet of one twin")
    parser.add_argument("--assets", required=True, metavar="BUILD_DIR")
    parser.add_argument("--make", action="store_true", help="make the assets first, as assets.py does")
    parser.add_argument("--twin", required=True, metavar="DIR")
    parser.add_argument("--port", type=int, default=0, help="of the proxy; any free one without")
    parser.add_argument("--https-port", type=int, default=0)
    parser.add_argument("--metadata-port", type=int, default=0)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    book = ledger.Ledger(args.twin)
    if not os.path.isdir(book.state):
        sys.exit("server: %s: no such folder" % book.state)
    if args.make:
        assets.ensure(args.assets)
    common = {"ledger": book, "site": Site(args.assets, args.twin)}
    about = metadata.serve(book, args.metadata_port)
    direct = web.Server(("127.0.0.1", args.https_port), type("Direct", (Handler,), common))
    common["metadata_port"] = about.server_port
    proxy = web.Server(("127.0.0.1", args.port), type("Tunnel", (Proxy,), common))
    for server in (about, direct, proxy):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"proxy": proxy.server_port, "https": direct.server_port, "metadata": about.server_port,
                      "pid": os.getpid()}), flush=True)
    while os.path.isdir(book.state):
        time.sleep(1)


if __name__ == "__main__":
    main()
