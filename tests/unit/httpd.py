#!/usr/bin/python3
"""A small HTTPS server for test_fetch: httpd.py CERTIFICATE KEY LOG

Prints its port when it listens. The path says how the file is served; "first" means the first request for it only.
LOG gets one line per request: path, Range, If-Range, Referer ("-" for none).
"""
import http.server
import ssl
import sys

SIZE = 300000
FILE = bytes((i * 7 + i // 251) & 0xFF for i in range(SIZE))
OTHER = bytes(SIZE)
seen = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def error(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"error")

    def redirect(self, to):
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def file(self, data, etag='"one"', cut=None, ranges=True, shift=0, length=True, modified=None):
        """The file, or its rest when the range is wanted and still fits; cut: only so many bytes, then the connection
        ends."""
        wanted = self.headers.get("Range")
        condition = self.headers.get("If-Range")
        start, end = 0, len(data)
        if wanted and ranges and condition in (None, etag, modified):
            first, last = wanted[len("bytes="):].split("-")
            start = int(first) + shift
            if start >= len(data):
                return self.error(416)
            end = min(int(last) + 1 + shift, len(data)) if last else len(data)
            self.send_response(206)
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, end - 1, len(data)))
        else:
            self.send_response(200)
        if etag:
            self.send_header("ETag", etag)
        if modified:
            self.send_header("Last-Modified", modified)
        body = data[start:end]
        if length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def do_GET(self):
        path = self.path.split("?")[0]
        first = path not in seen
        seen[path] = seen.get(path, 0) + 1
        with open(LOG, "a", encoding="ascii") as log:
            log.write(" ".join([path] + [self.headers.get(name, "-").replace(" ", "_")
                                         for name in ("Range", "If-Range", "Referer")]) + "\n")
        half = SIZE // 2 if first else None
        if path == "/plain":
            self.file(FILE)
        elif path == "/cut":
            self.file(FILE, cut=half)
        elif path == "/always-cut":
            self.file(FILE, cut=10 if not first else SIZE // 2)
        elif path == "/dated":
            self.file(FILE, etag=None, modified="Mon, 02 Nov 2026 10:00:00 GMT", cut=half)
        elif path == "/weak":
            self.file(FILE, etag='W/"one"', cut=half)
        elif path == "/replaced":
            self.file(OTHER if first else FILE, etag='"old"' if first else '"new"', cut=half)
        elif path == "/replaced-unseen":
            self.file(OTHER if first else FILE, cut=half)
        elif path == "/no-ranges":
            self.file(FILE, cut=half, ranges=False)
        elif path == "/wrong-range":
            self.file(FILE, cut=half, shift=1)
        elif path == "/shorter":
            self.file(FILE if first else FILE[:1000], cut=half, etag='"one"')
        elif path == "/unlike":
            self.file(OTHER)
        elif path == "/endless":
            self.file(FILE * 4, length=False)
        elif path == "/portal":
            self.file(b"please log in\n", etag=None, ranges=False)
        elif path == "/unmeasured":
            self.file(FILE, length=False, cut=half)
        elif path == "/trickle":
            self.file(FILE, cut=1)
        elif path == "/busy":
            self.error(503) if first else self.file(FILE)
        elif path == "/redirect":
            self.redirect("/plain")
        elif path == "/downgrade":
            self.redirect("http://127.0.0.1:1/plain")
        elif path == "/circle":
            self.redirect("/circle")
        elif path == "/empty":
            self.file(b"")
        else:
            self.error(404)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that breaks off is part of the tests; anything else is told."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


LOG = sys.argv[3]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server = Server(("127.0.0.1", 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
