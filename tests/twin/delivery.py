"""How a file is sent: whole or in ranges, and spoilt by the troubles of a ledger.

Plays an HTTP/1.1 server of files (Alibaba Cloud OSS and NVIDIA's mirrors, version not known).
Source: RFC 9110 (13.1, 14, 15.3.7, 15.5.17).
Simplified: one range for each request; ETag, Last-Modified and If-Range, no other condition.

Troubles of every answer for a file (server.py lists them all):
    download-404
    download-503      {"seconds": 1, "status": 503, "date": false}: twice per file when "times" is not given; the
                      seconds are those of Retry-After, "date" writes them as a date
    too-many          {"limit": 2}: 503 when so many answers for the file are under way already
    redirect-http
    download-changed  {"same": false, "size": N}: another file of other bytes, with another ETag and date ("same": with
                      the same), and of another size; with "times" it is what the file was before it changed
    wrong-length      {"by": 1000}: the length that is told is so many bytes more (or less) than the file has
    no-ranges         {"says": "none"}: the whole file whatever range is asked for; "says" is Accept-Ranges, "" leaves it out
Of answers to a range:
    ranges-416        {}: 416
    ranges-lie        the header that was asked for, the bytes of the file's beginning
    ranges-shifted    {"by": 1}: the bytes, and their header, are those so many further
And while the bytes are sent:
    download-cut      half of the file, then the line is cut
    download-cut-random    {"seed": 0}: cut after a random part of the answer
    download-stall    half of the file, then nothing more comes
    download-corrupt  one byte in the first half is another
    client-killed     {"bytes": N}: the client gets SIGKILL when so many bytes of the file were sent, over all connections;
                      {"seed": 0, "times": 1}: so often, at random places. The client is the process that a header
                      X-Client-Pid names, or that in DIR/state/agent.pid
The second half of a .run file is not sent while there is a FIFO DIR/state/hold.download (README.md).
"""
import email.utils
import hashlib
import mimetypes
import os
import random
import re
import select
import signal
import time

import web

CHUNK = 1 << 18
STEPS_A_SECOND = 50             # of a rate that is held back
OTHER_BYTES = bytes(b ^ 0xA5 for b in range(256))
CORRUPT = 0x55


class Served:
    """A file that can be sent."""

    def __init__(self, path, name):
        self.path, self.name = path, name
        found = os.stat(path)
        self.size = found.st_size
        self.date = found.st_mtime
        self.table = None       # for bytes.translate()
        mark = "%s %d %d" % (os.path.abspath(path), found.st_size, found.st_mtime_ns)
        self.etag = '"%s"' % hashlib.sha256(mark.encode()).hexdigest()[:16]

    @property
    def modified(self):
        return email.utils.formatdate(self.date, usegmt=True)

    def change(self, argument):
        """Becomes another file under the same name."""
        self.table = OTHER_BYTES
        self.size = min(self.size, argument.get("size", self.size))
        if not argument.get("same"):
            self.etag = self.etag[:-1] + '-before"'
            self.date -= 86400


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


def kill_places(argument, file):
    """After how many bytes the client is killed: one place in each part of the file."""
    if "bytes" in argument:
        return [argument["bytes"]]
    chance, times = random.Random("%s %s" % (argument.get("seed", 0), file.name)), argument.get("times", 1)
    return [int(file.size * (part + chance.random()) / times) for part in range(times)]


class Handler(web.Handler):
    """A connection whose answers may be files. Its ledger says what spoils them."""

    def setup(self):
        super().setup()
        self.wfile = web.Writer(self.connection)

    def struck(self, fault, file, times=None):
        """The argument of a trouble that strikes FILE now, or None."""
        return self.ledger.fault(fault, file.name, times, host=self.host())

    def deliver(self, file):
        """Answers a GET or HEAD for FILE."""
        with self.ledger.under_way(self.host(), file.name) as self.beside:
            if self.turned_away(file):
                return
            file = self.instead(file)
            changed, length = self.struck("download-changed", file), self.struck("wrong-length", file)
            if changed is not None:
                file.change(changed)
            if length is not None:
                file.size = max(0, file.size + length.get("by", 1000))
            self.send(file)

    def instead(self, file):
        """The file that is sent in its place; a subclass may know another."""
        return file

    def turned_away(self, file):
        """Whether the answer was an error, or points elsewhere."""
        if self.struck("download-404", file) is not None:
            self.reply(404, "Not Found\n")
            return True
        busy, many = self.struck("download-503", file, times=2), self.ledger.argument("too-many", file.name, self.host())
        if many is not None and self.beside >= many.get("limit", 2):
            busy = many
        if busy is not None:
            self.refer_to_later(busy)
        elif self.struck("redirect-http", file) is not None:
            self.reply(302, "", [("Location", "http://%s%s" % (self.host(), self.path))])
        else:
            return False
        return True

    def refer_to_later(self, argument):
        after = argument.get("seconds", 1)
        if argument.get("date"):
            after = email.utils.formatdate(time.time() + after, usegmt=True)
        status = argument.get("status", 503)
        self.reply(status, "%d\n" % status, [("Retry-After", str(after))])

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
        ranges = self.struck("no-ranges", file)
        part = self.wanted(file) if ranges is None else None
        if part == () or (part and self.struck("ranges-416", file) is not None):
            return self.reply(416, "", [("Content-Range", "bytes */%d" % file.size)])
        shift = self.struck("ranges-shifted", file) if part else None
        if shift is not None:
            part = tuple(min(place + shift.get("by", 1), file.size) for place in part)
        first, end = part or (0, file.size)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = [("Content-Type", kind), ("Content-Length", str(end - first)), ("ETag", file.etag),
                   ("Last-Modified", file.modified)]
        says = "bytes" if ranges is None else ranges.get("says", "none")
        if says:
            headers.append(("Accept-Ranges", says))
        if part:
            headers.append(("Content-Range", "bytes %d-%d/%d" % (first, end - 1, file.size)))
        self.first = first
        self.start(206 if part else 200, headers)
        if self.command == "GET":
            lies = part and first and self.struck("ranges-lie", file) is not None
            self.body(file, first, end, 0 if lies else first)

    def body(self, file, first, end, source):
        """Sends the bytes from SOURCE on as those from FIRST to END, held back and spoilt as the ledger says."""
        bad = None
        if first <= file.size // 3 < end and self.struck("download-corrupt", file) is not None:
            bad = file.size // 3 - first
        count, then = self.until(file, first, end)
        rate, killer = self.ledger.rate(file.name, file.size), self.ledger.argument("client-killed", file.name, self.host())
        chunk = max(1, min(CHUNK, int(rate / STEPS_A_SECOND))) if rate else CHUNK
        buffer, due, done = memoryview(bytearray(chunk)), time.monotonic(), 0
        with open(file.path, "rb", buffering=0) as f:
            f.seek(source)
            while done < count:
                if file.name.endswith(".run") and first + done >= file.size // 2:
                    self.ledger.held("download")
                got = f.readinto(buffer[:min(chunk, count - done)])
                if not got:
                    self.drop()     # the file is shorter than was told
                if file.table:
                    buffer[:got] = bytes(buffer[:got]).translate(file.table)
                if bad is not None and done <= bad < done + got:
                    buffer[bad - done] ^= CORRUPT
                self.send_bytes(buffer[:got])
                done += got
                if killer:
                    self.kill_client(file, killer, got)
                if rate:        # what a busy computer missed is not caught up with: no line does that
                    due = max(due + got / rate, time.monotonic())
                    time.sleep(max(0, due - time.monotonic()))
        if then:
            then()

    def until(self, file, first, end):
        """How many bytes of the answer are sent, and what happens then. Half is half of the file, not of the answer."""
        half = file.size // 2
        if end > half:
            for fault, what in (("download-cut", self.drop), ("download-stall", self.hold)):
                if self.struck(fault, file) is not None:
                    return max(first, half) - first, what
        cut = self.struck("download-cut-random", file)
        if cut is not None:
            part = random.Random("%s %s %d" % (cut.get("seed", 0), file.name, cut["nth"])).random()
            return int(part * (end - first)), self.drop
        return end - first, None

    def kill_client(self, file, argument, count):
        so_far = self.ledger.tally("client-killed", file.name, count)
        if any(so_far - count < place <= so_far for place in kill_places(argument, file)):
            os.kill(int(self.headers.get("X-Client-Pid") or self.ledger.client()), signal.SIGKILL)

    def hold(self):
        """Sends nothing more and waits until the client leaves."""
        self.connection.settimeout(None)
        while True:
            select.select([self.connection], [], [])
            if not self.connection.recv(CHUNK):
                raise web.Gone()
