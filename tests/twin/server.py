#!/usr/bin/env python3
"""server.py --assets BUILD_DIR --twin DIR: the internet of one twin, in one process.

It prints one line of JSON when it serves: {"proxy": PORT, "https": PORT, "metadata": PORT, "pid": PID}.
    proxy      HTTP proxy; CONNECT HOST:443 leads to the simulated HOST, under TLS
    https      the same hosts directly, told apart by the Host header; localhost and 127.0.0.1 are the mirror
    metadata   the ECS metadata service (metadata.py)
The mirror (mirror.example) has every asset under any folder, and before them what lies below DIR/state/mirror.
NVIDIA's RIM service and OCSP responder know the simulated devices (collateral.py).
It ends by SIGTERM, or by itself when DIR/state has gone.

Troubles (ledger.py tells their arguments):
    download-cut, download-stall      half of the file, then the line is cut / nothing more comes
    download-corrupt                  one byte in the first half is another
    download-503                      with Retry-After: 1, twice per file when "times" is not given
    download-404, redirect-http, no-ranges, key-wrong
    rpm-unsigned, rpm-other-key, rpm-corrupt, rpm-other-version    that variant of the package
    tls-expired                       "file" is matched against the host
    proxy-down                        connections are reset
"""
import argparse
import email.utils
import hashlib
import json
import mimetypes
import os
import re
import select
import signal
import ssl
import sys
import threading
import time
import urllib.parse

import assets
import collateral
import ledger
import metadata
import web

CHUNK = 1 << 16
METADATA_HOST = "100.100.100.200"
DRIVER_HOST = "cn.download.nvidia.cn"
DRIVER_REFERER = "https://www.nvidia.cn/"
MIRRORS = ("mirror.example", "localhost", "127.0.0.1")
REPO = "/compute/cuda/repos/rhel8/x86_64/"
RPM_FAULTS = ("rpm-unsigned", "rpm-other-key", "rpm-corrupt", "rpm-other-version")


class Served:
    """A file that can be sent."""

    def __init__(self, path, name):
        self.path, self.name = path, name
        found = os.stat(path)
        self.size = found.st_size
        self.modified = email.utils.formatdate(found.st_mtime, usegmt=True)
        mark = "%s %d %d" % (os.path.abspath(path), found.st_size, found.st_mtime_ns)
        self.etag = '"%s"' % hashlib.sha256(mark.encode()).hexdigest()[:16]


class Site:
    """Which file lies behind which URL."""

    def __init__(self, folder, twin):
        self.folder = os.path.abspath(folder)
        self.book = assets.load(self.folder)
        if self.book is None:
            raise SystemExit("server: %s: no assets.json; run assets.py first" % folder)
        self.mirror = os.path.join(os.path.abspath(twin), "state", "mirror")
        self.urls = dict(self.table())
        self.hosts = {host for host, _ in self.urls} | {"mirror.example"} | set(collateral.HOSTS)
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
        return Served(os.path.join(self.folder, entry["path"]), name) if entry else None

    def find(self, host, path):
        """The file at a URL, or None."""
        if host not in MIRRORS:
            name = self.urls.get((host, path))
            return self.asset(name) if name else None
        parts = [p for p in path.split("/") if p]
        if not parts or ".." in parts:
            return None
        own = os.path.join(self.mirror, *parts)
        return Served(own, parts[-1]) if os.path.isfile(own) else self.asset(parts[-1])


def range_of(header, size):
    """The bytes that a Range header asks for: (first, end), None for the whole, () when there are none such."""
    match = re.match(r"bytes=(\d*)-(\d*)$", header.strip())
    if not match or match.groups() == ("", ""):
        return None             # several ranges, or nonsense: RFC 9110 14.2 allows to send the whole
    first, last = match.groups()
    if first == "":
        return (max(size - int(last), 0), size) if int(last) and size else ()
    if last and int(last) < int(first):
        return None
    end = min(int(last) + 1, size) if last else size
    return (int(first), end) if int(first) < size else ()


def authority(url):
    """HOST or HOST:PORT of a plain-http URL, "" of anything else."""
    match = re.match(r"(?i)http://([^/?#]*)", url)
    return match.group(1) if match else ""


def host_and_port(text, default):
    match = re.match(r"(.*?)(?::(\d{1,5}))?$", text)
    return match.group(1), int(match.group(2) or default)


class Handler(web.Handler):
    """One request for a file of a simulated host."""
    via = "direct"
    site = None
    known_host = None           # the host that a tunnel was made for

    def setup(self):
        super().setup()
        self.wfile = web.Writer(self.connection)

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
        if file is None or self.struck("download-404", file):
            return self.reply(404, "Not Found\n")
        if self.struck("download-503", file, times=2):
            return self.reply(503, "Service Unavailable\n", [("Retry-After", "1")])
        if self.struck("redirect-http", file):
            return self.reply(302, "", [("Location", "http://%s%s" % (host, self.path))])
        return self.send(self.instead(file))

    def struck(self, fault, file, times=None):
        return self.ledger.fault(fault, file.name, times) is not None

    def instead(self, file):
        """The file that is sent in the place of FILE: another one when a trouble says so."""
        if file.name.endswith(".rpm"):
            for fault in RPM_FAULTS:
                other = self.site.asset(file.name, fault[len("rpm-"):])
                if other and self.struck(fault, file):
                    return other
        if file.name.endswith(".pub") and self.struck("key-wrong", file):
            return self.site.asset(file.name, "key-wrong")
        return file

    def wanted(self, file):
        """The range that the client wants and may have, as range_of() says it."""
        header = self.headers.get("Range")
        if header is None or self.command == "HEAD":
            return None
        condition = self.headers.get("If-Range")
        if condition is not None and condition not in (file.etag, file.modified):
            return None
        return range_of(header, file.size)

    def send(self, file):
        ranges = not self.struck("no-ranges", file)
        part = self.wanted(file) if ranges else None
        if part == ():
            return self.reply(416, "", [("Content-Range", "bytes */%d" % file.size)])
        first, end = part or (0, file.size)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = [("Content-Type", kind), ("Content-Length", str(end - first)), ("ETag", file.etag),
                   ("Last-Modified", file.modified), ("Accept-Ranges", "bytes" if ranges else "none")]
        if part:
            headers.append(("Content-Range", "bytes %d-%d/%d" % (first, end - 1, file.size)))
        self.start(206 if part else 200, headers)
        if self.command == "GET":
            self.body(file, first, end)

    def body(self, file, first, end):
        """Sends the bytes, held back and spoilt as the ledger says. Half is half of the file, not of what was asked."""
        half, bad, stop = file.size // 2, None, None
        if first <= file.size // 3 < end and self.struck("download-corrupt", file):
            bad = file.size // 3
        for fault, what in (("download-cut", self.drop), ("download-stall", self.hold)):
            if stop is None and end > half and self.struck(fault, file):
                stop, end = what, max(first, half)
        rate = self.ledger.rate(file.name, file.size)
        chunk = max(1, min(CHUNK, int(rate / 20))) if rate else CHUNK
        begun, place = time.monotonic(), first
        with open(file.path, "rb") as f:
            f.seek(first)
            while place < end:
                data = f.read(min(chunk, end - place))
                if not data:
                    self.drop()     # the file was cut under us
                if bad is not None and place <= bad < place + len(data):
                    data = bytearray(data)
                    data[bad - place] ^= 0x55
                self.send_bytes(data)
                place += len(data)
                if rate:
                    time.sleep(max(0, begun + (place - first) / rate - time.monotonic()))
        if stop:
            stop()

    def hold(self):
        """Sends nothing more and waits until the client leaves."""
        self.connection.settimeout(None)
        while True:
            select.select([self.connection], [], [])
            if not self.connection.recv(CHUNK):
                raise web.Gone()


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
